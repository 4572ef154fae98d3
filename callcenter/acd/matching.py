"""The Python face of matching.lua: one method per step, each answered with an ``Outcome``.

All moments are UTC milliseconds. Raises StoreAway when Redis can't be reached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from callcenter.acd.classes import Step
from callcenter.acd.clock_offset import boot_name, offset_ms
from callcenter.acd.model import Agent, AgentNow, AgentState, Explanation, Member, Mode, Offer, OfferEnd, Outcome, Queue
from callcenter.basics.errors import StoreAway

_PREFIX = "cc:acd2:"
_SOURCE = (Path(__file__).parent / "matching.lua").read_text()
_MAIL_WAIT_S = 2
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Outcome)
_offer_decoder = msgspec.json.Decoder(Offer)
_explanation_decoder = msgspec.json.Decoder(Explanation)


class Matching:
    """The atomic match over one Redis; any worker may call any step.

    ``worker`` names this worker: offers for its calls that another worker's step makes come by ``mail``. ``source`` is
    the function library; another version's runs beside it, for both keep the same keys. ``offset_ms`` says how far the wall
    clock is from one that nobody sets: every step tells, so that a clock that was set brings nothing about.
    """

    def __init__(self, redis: Redis, worker: str = "worker", source: str = _SOURCE, offset_ms: Callable[[], int] = offset_ms) -> None:
        self._redis = redis
        self._worker = worker
        self._boot = boot_name()
        self._offset_ms = offset_ms
        self._library = "cc_acd_" + hashlib.sha256(source.encode()).hexdigest()[:12]
        self._code = source.replace("@LIBRARY@", self._library)

    async def load(self) -> None:
        """Put this version's function library into Redis; harmless when it is there."""
        try:
            await self._redis.function_load(self._code, replace=True)
        except RedisError as error:
            raise StoreAway(f"Redis did not take the match function: {error}") from error

    async def _call(self, function: str, *arguments: Any) -> Any:
        try:
            try:
                return await self._redis.fcall(function, 0, *arguments)
            except ResponseError as error:
                if "Function not found" not in str(error):
                    raise
                await self.load()
                return await self._redis.fcall(function, 0, *arguments)
        except (RedisError, OSError) as error:
            raise StoreAway(f"Redis did not answer {arguments[0]}: {error}") from error

    async def _step(self, op: str, now_ms: int, **arguments: Any) -> Outcome:
        return _decoder.decode(
            await self._call(self._library, op, now_ms, self._worker, _encoder.encode(arguments), self._boot, self._offset_ms())
        )

    # What is set up

    async def configure(self, now_ms: int, agents: Iterable[Agent], queues: Iterable[Queue], members: Iterable[Member]) -> Outcome:
        """Tell who serves what and by which rules; agents no longer named are forgotten, callers keep their places."""
        return await self._step(
            "configure",
            now_ms,
            agents=[{"number": agent.number, "skills": agent.skills} for agent in agents],
            queues=[
                {
                    "name": queue.name,
                    "strategy": queue.strategy,
                    "most": queue.ring_most,
                    "widen_ms": queue.widen_s * 1000,
                    "head_ms": queue.head_start_s * 1000,
                    "step_ms": queue.priority_step_s * 1000,
                    "auto_pause": queue.auto_pause_after,
                }
                for queue in queues
            ],
            members=list(members),
        )

    async def repair(self, now_ms: int, *, rest_ms: int, wrapup_ms: int, pause_ms: int) -> Outcome:
        """After a start: what is due later than it can be, because the clock was put back, comes within these times."""
        return await self._step("repair", now_ms, longest_ms={"rest": rest_ms, "wrapup": wrapup_ms, "pause": pause_ms})

    async def tick(self, now_ms: int) -> Outcome:
        """Let happen what is due: rings widen, rests, wrap-ups and pauses end."""
        return await self._step("tick", now_ms)

    async def restore_agents(self, now_ms: int, agents: Iterable[AgentNow]) -> Outcome:
        """After Redis has forgotten everything and was configured: the agents as they were."""
        going_on = {AgentState.RINGING, AgentState.TALKING, AgentState.WRAPUP}
        rows = [
            msgspec.structs.asdict(agent) | {"agent": agent.number, "activity": agent.state if agent.state in going_on else ""}
            for agent in agents
        ]
        return await self._step("restore_agents", now_ms, agents=rows)

    async def adopt(
        self,
        now_ms: int,
        offers: Iterable[Offer],
        *,
        call: str,
        queue: str,
        steps: Sequence[Step],
        since_ms: int,
        entered_ms: int,
        priority: int = 0,
        number: str = "",
    ) -> Outcome:
        """A caller, as for ``enqueue``, for whom phones ring already."""
        standing = [{"id": offer.id, "agent": offer.agent} for offer in offers]
        arguments = {"call": call, "queue": queue, "steps": steps, "since": since_ms, "entered": entered_ms}
        return await self._step("adopt", now_ms, **arguments, priority=priority, number=number, offers=standing)

    # Callers

    async def enqueue(
        self,
        now_ms: int,
        *,
        call: str,
        queue: str,
        steps: Sequence[Step],
        since_ms: int,
        entered_ms: int,
        priority: int = 0,
        number: str = "",
    ) -> Outcome:
        """The caller waits.

        ``since_ms``: since when, which with head starts decides the order. ``entered_ms``: since when in this queue, from
        which the steps count. ``number``: a telephone number whose kept place is given back, empty for none.
        """
        arguments = {"call": call, "queue": queue, "steps": steps, "since": since_ms, "entered": entered_ms}
        return await self._step("enqueue", now_ms, **arguments, priority=priority, number=number)

    async def leave(self, now_ms: int, call: str, *, keep_ms: int = 0) -> Outcome:
        """The caller no longer waits; offers that are out end. ``keep_ms``: how long the place is kept for the same number."""
        return await self._step("leave", now_ms, call=call, keep_ms=keep_ms)

    async def replace(self, now_ms: int, call: str, by: str) -> Outcome:
        """Another name takes the caller's place: a callback. Stale when the caller does not wait."""
        return await self._step("replace", now_ms, call=call, by=by)

    async def prioritise(self, now_ms: int, call: str, priority: int) -> Outcome:
        """Another priority for somebody who waits; stale when they do not."""
        return await self._step("prioritise", now_ms, call=call, priority=priority)

    async def offer_end(
        self,
        now_ms: int,
        *,
        call: str,
        agent: str,
        offer: str,
        end: OfferEnd,
        rest_ms: int = 0,
        keep_place: bool = False,
        missed: bool = False,
    ) -> Outcome:
        """End an offer.

        ``rest_ms``: how long the agent gets no call; ``keep_place``: the idle time goes on; ``missed``: it counts as missed.
        """
        arguments = {"call": call, "agent": agent, "offer": offer, "end": end}
        return await self._step("offer_end", now_ms, **arguments, rest_ms=rest_ms, keep_place=keep_place, missed=missed)

    # Agents

    async def set_mode(
        self,
        now_ms: int,
        *,
        agent: str,
        mode: Mode,
        reason: str = "",
        by: str,
        end_wrapup: bool = True,
        pause_ms: int = 0,
        ends: bool = False,
    ) -> Outcome:
        """The agent asks to be ready, paused or offline; during a call it takes effect after it.

        ``pause_ms``: how long a pause may last, 0 without limit; ``ends``: whether it is over by itself then.
        """
        arguments = {"agent": agent, "mode": mode, "reason": reason, "by": by, "end_wrapup": end_wrapup}
        return await self._step("set_mode", now_ms, **arguments, pause_ms=pause_ms, ends=ends)

    async def set_reachable(self, now_ms: int, agent: str, reachable: bool) -> Outcome:
        """The agent's phone can be reached, or can't."""
        return await self._step("set_reachable", now_ms, agent=agent, reachable=reachable)

    async def busy(self, now_ms: int, agent: str, call: str, activity: AgentState) -> Outcome:
        """The agent rings or talks in this call, which no offer brought; stale when another call has the agent."""
        return await self._step("busy", now_ms, agent=agent, call=call, activity=activity)

    async def call_over(self, now_ms: int, agent: str, call: str, wrap_up_ms: int) -> Outcome:
        """The agent's conversation is over; ``wrap_up_ms`` 0: free at once."""
        return await self._step("call_over", now_ms, agent=agent, call=call, wrap_up_ms=wrap_up_ms)

    async def extend_wrapup(self, now_ms: int, agent: str, by_ms: int) -> Outcome:
        """More time for the after-call work; stale when it is over."""
        return await self._step("extend_wrapup", now_ms, agent=agent, by_ms=by_ms)

    # Questions

    async def agent(self, number: str) -> dict[str, str]:
        """The stored facts of one agent; empty when nothing is known."""
        return (await self._facts([number]))[0]

    async def _facts(self, numbers: Iterable[str]) -> list[dict[str, str]]:
        answers = await self._ask_all([("hgetall", f"{_PREFIX}agent:{number}") for number in numbers])
        return [{key.decode(): value.decode() for key, value in answer.items()} for answer in answers]

    async def _ask_all(self, questions: Iterable[tuple[Any, ...]]) -> list[Any]:
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for command, *arguments in questions:
                    getattr(pipe, command)(*arguments)
                return await pipe.execute()
        except (RedisError, OSError) as error:
            raise StoreAway(f"Redis did not answer: {error}") from error

    async def agents(self, names: Mapping[str, str], serves: Mapping[str, tuple[str, ...]]) -> list[AgentNow]:
        """The agents as they are now; ``names``: number → name, ``serves``: number → queues."""
        facts = await self._facts(names)
        return [_agent_now(number, names[number], serves.get(number, ()), found) for number, found in zip(names, facts, strict=True)]

    async def waiting(self, queues: Iterable[str]) -> dict[str, tuple[int, int | None]]:
        """Per queue: how many wait (or ring), and since when (UTC ms) the first of them does."""
        names = list(queues)
        lines = await self._ask_all([("zrange", f"{_PREFIX}line:{name}", 0, 0) for name in names])
        counts = await self._ask_all([("zcard", f"{_PREFIX}line:{name}") for name in names])
        heads = await self._ask_all([("hget", f"{_PREFIX}call:{line[0].decode() if line else ''}", "since") for line in lines])
        return {name: (count, int(float(head)) if head else None) for name, count, head in zip(names, counts, heads, strict=True)}

    async def position(self, queue: str, call: str) -> int | None:
        """The caller's place in the line, 1 is next; None when they are not in it."""
        (rank,) = await self._ask_all([("zrank", f"{_PREFIX}line:{queue}", call)])
        return None if rank is None else int(rank) + 1

    async def known_calls(self, queues: Iterable[str]) -> set[str]:
        """Calls that wait in these queues, for cleaning up after a crash."""
        lines = await self._ask_all([("zrange", f"{_PREFIX}line:{name}", 0, -1) for name in queues])
        return {call.decode() for line in lines for call in line}

    async def explain(self, call: str) -> Explanation:
        """A waiting caller as the match sees them now: place, ring, and what rules each agent out."""
        return _explanation_decoder.decode(await self._call(f"{self._library}_explain", call))

    async def pairs(self, queues: Iterable[str]) -> list[str]:
        """Classes in which a caller waits beside an agent who is free for them: empty, unless the match is broken."""
        return [found.decode() for found in await self._call(f"{self._library}_pairs", _encoder.encode(list(queues)))]

    async def mail(self) -> Offer | None:
        """Wait up to two seconds for an offer that another worker's step made for a call of ours."""
        try:
            found = await self._redis.blpop([f"{_PREFIX}mail:{self._worker}"], timeout=_MAIL_WAIT_S)
        except (RedisError, OSError) as error:
            raise StoreAway(f"Redis did not answer: {error}") from error
        return _offer_decoder.decode(found[1]) if found else None


def _agent_now(number: str, name: str, queues: tuple[str, ...], facts: dict[str, str]) -> AgentNow:
    return AgentNow(
        number=number,
        name=name,
        state=AgentState(facts.get("state", "offline")),
        mode=Mode(facts.get("mode", "offline")),
        reason=facts.get("reason", ""),
        since_ms=int(float(facts.get("since", "0"))),
        reachable=facts.get("reachable") == "1",
        call=facts.get("call", ""),
        queues=queues,
        until_ms=int(float(facts.get("until", "0"))),
    )
