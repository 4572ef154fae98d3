"""What the expected wait is reckoned from, kept fresh in memory: who works, what the last calls took. Asks nobody on a call's path."""

from __future__ import annotations

from collections import deque
from typing import Final

import asyncpg

from callcenter.acd import store
from callcenter.acd.directory import Directory
from callcenter.acd.expected_wait import MOST_RECENT, Handling, WaitRange, agents_of, expected_wait, handling_of
from callcenter.acd.model import AgentState, Change
from callcenter.acd.showing import Showing

_AT_WORK: Final = frozenset({AgentState.READY, AgentState.RINGING, AgentState.TALKING, AgentState.WRAPUP})
_ON_CONTACT: Final = frozenset({AgentState.TALKING, AgentState.WRAPUP})


class Forecast:
    """Expected waits of one worker's queues."""

    def __init__(self, directory: Directory, showing: Showing) -> None:
        self._directory = directory
        self._showing = showing
        self._lasted: dict[str, deque[float]] = {}
        self._handling: dict[str, Handling] = {}
        self._ringing: dict[str, int] = {}
        """Agent → since when the phone has rung, UTC milliseconds."""
        self._busy: dict[str, tuple[str, int]] = {}
        """Agent → the queue whose call they have, and since when."""

    async def remember(self, pool: asyncpg.Pool) -> None:
        """Begin with what the ledger knows of each queue's last calls."""
        for queue, lasted_ms in (await store.read_handled(pool, MOST_RECENT)).items():
            self._lasted[queue] = deque((ms / 1000 for ms in reversed(lasted_ms)), MOST_RECENT)
            self._handling[queue] = handling_of(self._lasted[queue])

    def answered(self, agent: str, queue: str, at_ms: int) -> None:
        """An agent has taken a queue's call."""
        self._busy[agent] = queue, self._ringing.pop(agent, at_ms)

    def changed(self, change: Change) -> None:
        """An agent is in another state: the call they had may be done with."""
        if not change.fresh or change.state in _ON_CONTACT:
            return
        if found := self._busy.pop(change.agent, None):
            self._took(found[0], (change.since_ms - found[1]) / 1000)
        if change.state is AgentState.RINGING:
            self._ringing[change.agent] = change.since_ms
        else:
            self._ringing.pop(change.agent, None)

    def _took(self, queue: str, seconds: float) -> None:
        lasted = self._lasted.setdefault(queue, deque(maxlen=MOST_RECENT))
        lasted.append(seconds)
        self._handling[queue] = handling_of(lasted)

    def handling(self, queue: str) -> Handling:
        """What the queue's recent calls took."""
        return self._handling.get(queue) or Handling()

    def wait(self, queue: str, position: int) -> WaitRange | None:
        """The expected wait at a place of the line; None when nobody works for the queue."""
        return expected_wait(position, self._agents(queue), self.handling(queue))

    def _agents(self, queue: str) -> float:
        waiting, now = self._showing.waiting, self._showing.now
        shared: list[int] = []
        for number in self._directory.served_by.get(queue, ()):
            agent = now.get(number)
            if agent and agent.state in _AT_WORK:
                shared.append(sum(1 for other in agent.queues if other == queue or waiting.get(other)))
        return agents_of(shared)
