"""What was decided, told: agents' changes to the ledger and the live board, queues to the live board."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from callcenter.acd.directory import Directory
from callcenter.acd.matching import Matching
from callcenter.acd.model import AgentNow, AgentState, Change, Queue, QueueNow, Staffing, WrapUp
from callcenter.basics import clock
from callcenter.basics.errors import StoreAway
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.ledger.events import AgentChanged, WrapUpEnded
from callcenter.ledger.service import Ledger
from callcenter.live.board import Board, Topic

_QUEUE_CARD_INTERVAL_S = 0.1


class Showing:
    """Keeps screens and books in line with the match."""

    def __init__(self, directory: Directory, matching: Matching, ledger: Ledger, board: Board) -> None:
        self._directory = directory
        self._matching = matching
        self._ledger = ledger
        self._board = board
        self.now: dict[str, AgentNow] = {}
        """Agents as they are, kept true by every change: counts ask no Redis."""
        self.counts: dict[str, dict[str, int]] = {}
        """Queue → state → how many of its agents are in it."""
        self.waiting: dict[str, int] = {}
        """Queue → how many wait, as last shown."""
        self.on_staffing: Callable[[str], None] = lambda queue: None
        """Told a queue whose staffing is another: nobody, all paused, or somebody at work."""
        self.moment = 0
        """Counts the changes that were told: who asks Redis notes it before."""
        self._newest: dict[str, tuple[int, int]] = {}
        """Agent → revision of the newest change, and the moment in which it was told."""
        self._dirty_queues: set[str] = set()
        self._dirty = asyncio.Event()

    def changed(self, change: Change, asked: int) -> None:
        """An agent is in another state, or stays longer in this one; Redis was asked at the moment ``asked``.

        Noted always; shown unless a newer change was, whose answer was read first.
        """
        if change.fresh:
            self._ledger.note(
                AgentChanged(
                    id=new_id(Kind.EVENT, change.since_ms),
                    at_ms=change.since_ms,
                    call="",
                    agent=change.agent,
                    state=change.state,
                    reason=change.reason,
                    by=change.by,
                )
            )
        revision, told = self._newest.get(change.agent, (0, 0))
        if told > asked and change.revision < revision:
            return
        self.moment += 1
        self._newest[change.agent] = (change.revision, self.moment)
        if (agent := self._directory.agents.get(change.agent)) is None:
            return
        serves = self._directory.serves.get(change.agent, ())
        self.show_agent(
            AgentNow(
                number=agent.number,
                name=agent.name,
                state=change.state,
                mode=change.mode,
                reason=change.reason,
                since_ms=change.since_ms,
                reachable=change.reachable,
                call=change.call,
                queues=serves,
                until_ms=change.until_ms,
            )
        )
        self.touch(*serves)

    def is_unchanged(self, number: str, since: int) -> bool:
        """Whether nothing was told of an agent after the moment ``since``: what was read of it then is still so."""
        return self._newest.get(number, (0, 0))[1] <= since

    def wrapped_up(self, wrapup: WrapUp) -> None:
        """After-call work is over."""
        now = clock.utc_ms()
        self._ledger.note(
            WrapUpEnded(
                id=new_id(Kind.EVENT, now), at_ms=now, call=wrapup.call, agent=wrapup.agent, lasted_ms=max(0, now - wrapup.since_ms)
            )
        )

    def show_agent(self, now: AgentNow) -> None:
        """Put an agent on the board."""
        before = self.now.get(now.number)
        self.now[now.number] = now
        if before is None or before.state != now.state or before.queues != now.queues:
            self._count(before, now)
        self._board.show(Topic.AGENTS, now.number, {name: getattr(now, name) for name in AgentNow.__struct_fields__})

    def _count(self, before: AgentNow | None, after: AgentNow | None) -> None:
        queues = {*(before.queues if before else ()), *(after.queues if after else ())}
        staffing = {queue: self.staffing(queue) for queue in queues}
        for agent, step in ((before, -1), (after, 1)):
            for queue in agent.queues if agent else ():
                self.counts.setdefault(queue, dict.fromkeys(map(str, AgentState), 0))[agent.state] += step  # type: ignore[union-attr]
        for queue, was in staffing.items():
            if self.staffing(queue) is not was:
                self.on_staffing(queue)

    def staffing(self, queue: str) -> Staffing:
        """Whether anybody works for the queue now."""
        counts = self.counts.get(queue, {})
        away = counts.get(AgentState.OFFLINE, 0)
        total = sum(counts.values())
        if total == away:
            return Staffing.NOBODY
        return Staffing.ALL_PAUSED if total == away + counts[AgentState.PAUSED] else Staffing.AT_WORK

    def note_reachable(self, number: str, reachable: bool) -> bool:
        """Keep in mind whether a phone can be reached; False when that was known."""
        known = self.now.get(number)
        if known and known.reachable == reachable:
            return False
        if known:
            self.now[number] = msgspec.structs.replace(known, reachable=reachable)
        return True

    def forget_agent(self, number: str) -> None:
        """An agent is no longer there."""
        self._newest.pop(number, None)
        if gone := self.now.pop(number, None):
            self._count(gone, None)
        self._board.show(Topic.AGENTS, number, None)

    def touch(self, *queues: str) -> None:
        """These queues are to be shown anew."""
        self._dirty_queues.update(queues)
        self._dirty.set()

    async def queues_now(self, names: Iterable[str]) -> list[QueueNow]:
        """Queues as they are now; names of none are left out."""
        queues = self._directory.queues
        wanted = [queues[name] for name in names if name in queues]
        waiting = await self._matching.waiting(queue.name for queue in wanted)
        nobody = dict.fromkeys(map(str, AgentState), 0)
        return [_queue_now(queue, waiting[queue.name], self.counts.get(queue.name, nobody)) for queue in wanted]

    async def run(self) -> None:
        """Show queues that changed, at most every 0.1 s, until cancelled."""
        while True:
            await self._dirty.wait()
            await asyncio.sleep(_QUEUE_CARD_INTERVAL_S)
            self._dirty.clear()
            names, self._dirty_queues = self._dirty_queues, set()
            try:
                shown = await self.queues_now(names)
            except StoreAway:
                self._dirty_queues |= names
                continue
            for now in shown:
                self.waiting[now.name] = now.waiting
                self._board.show(Topic.QUEUES, now.name, {name: getattr(now, name) for name in QueueNow.__struct_fields__})


def _queue_now(queue: Queue, waiting: tuple[int, int | None], agents: dict[str, int]) -> QueueNow:
    count, since = waiting
    return QueueNow(name=queue.name, title=queue.title, waiting=count, longest_since_ms=since, agents=dict(agents))
