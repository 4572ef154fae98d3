"""The Python face of matching.lua: one method per step, each answered with an ``Outcome``.

All moments are UTC milliseconds. Raises StoreAway when Redis can't be reached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from callcenter.acd.model import AgentNow, AgentState, Member, Mode, OfferEnd, Outcome, Queue
from callcenter.basics.errors import StoreAway

_PREFIX = "cc:acd:"
_SOURCE = (Path(__file__).parent / "matching.lua").read_text()
_LIBRARY = "cc_acd_" + hashlib.sha256(_SOURCE.encode()).hexdigest()[:12]
_CODE = _SOURCE.replace("@LIBRARY@", _LIBRARY)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Outcome)


class Matching:
    """The atomic match over one Redis; any worker may call any step."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def load(self) -> None:
        """Put this version's function library into Redis; harmless when it is there."""
        try:
            await self._redis.function_load(_CODE, replace=True)
        except RedisError as error:
            raise StoreAway(f"Redis did not take the match function: {error}") from error

    async def _step(self, op: str, now_ms: int, **arguments: Any) -> Outcome:
        body = _encoder.encode(arguments)
        try:
            try:
                answer = await self._redis.fcall(_LIBRARY, 0, op, now_ms, body)
            except ResponseError as error:
                if "Function not found" not in str(error):
                    raise
                await self.load()
                answer = await self._redis.fcall(_LIBRARY, 0, op, now_ms, body)
        except (RedisError, OSError) as error:
            raise StoreAway(f"Redis did not answer {op}: {error}") from error
        return _decoder.decode(answer)

    async def configure(self, now_ms: int, agents: Iterable[str], queues: Iterable[Queue], members: Iterable[Member]) -> Outcome:
        """Tell who serves what; agents no longer named are forgotten."""
        return await self._step(
            "configure",
            now_ms,
            agents=list(agents),
            queues=[{"name": queue.name, "weight": queue.weight} for queue in queues],
            members=list(members),
        )

    async def enqueue(self, now_ms: int, *, call: str, queue: str, order_ms: int, since_ms: int) -> Outcome:
        """The caller waits; ``order_ms`` decides who is before whom (lower first)."""
        return await self._step("enqueue", now_ms, call=call, queue=queue, order=order_ms, since=since_ms)

    async def leave(self, now_ms: int, call: str) -> Outcome:
        """The caller no longer waits."""
        return await self._step("leave", now_ms, call=call)

    async def offer_end(self, now_ms: int, *, call: str, agent: str, offer: str, end: OfferEnd, rest: bool, keep_place: bool) -> Outcome:
        """End an offer. ``rest``: the agent gets no call until rest_over. ``keep_place``: the agent's idle time goes on."""
        arguments = {"call": call, "agent": agent, "offer": offer, "end": end, "rest": rest, "keep_place": keep_place}
        return await self._step("offer_end", now_ms, **arguments)

    async def set_mode(self, now_ms: int, *, agent: str, mode: Mode, reason: str, by: str, end_wrapup: bool) -> Outcome:
        """The agent asks to be ready, paused or offline; during a call it takes effect after it."""
        return await self._step("set_mode", now_ms, agent=agent, mode=mode, reason=reason, by=by, end_wrapup=end_wrapup)

    async def set_reachable(self, now_ms: int, agent: str, reachable: bool) -> Outcome:
        """The agent's phone can be reached, or can't."""
        return await self._step("set_reachable", now_ms, agent=agent, reachable=reachable)

    async def rest_over(self, now_ms: int, agent: str) -> Outcome:
        """The pause after a missed offer is over."""
        return await self._step("rest_over", now_ms, agent=agent)

    async def busy(self, now_ms: int, agent: str, call: str, activity: AgentState) -> Outcome:
        """The agent rings or talks in this call, which no offer brought; stale when another call has the agent."""
        return await self._step("busy", now_ms, agent=agent, call=call, activity=activity)

    async def call_over(self, now_ms: int, agent: str, call: str, wrap_up_ms: int) -> Outcome:
        """The agent's conversation is over; ``wrap_up_ms`` 0: free at once."""
        return await self._step("call_over", now_ms, agent=agent, call=call, wrap_up_ms=wrap_up_ms)

    async def wrapup_over(self, now_ms: int, agent: str, call: str) -> Outcome:
        """The wrap-up of this call is over."""
        return await self._step("wrapup_over", now_ms, agent=agent, call=call)

    async def agent(self, number: str) -> dict[str, str]:
        """The stored facts of one agent; empty when nothing is known."""
        return (await self._facts([number]))[0]

    async def _facts(self, numbers: Iterable[str]) -> list[dict[str, str]]:
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for number in numbers:
                    pipe.hgetall(f"{_PREFIX}agent:{number}")
                answers = await pipe.execute()
        except (RedisError, OSError) as error:
            raise StoreAway(f"Redis did not answer: {error}") from error
        return [{key.decode(): value.decode() for key, value in answer.items()} for answer in answers]

    async def agents(self, names: dict[str, str], serves: dict[str, tuple[str, ...]]) -> list[AgentNow]:
        """The agents as they are now; ``names``: number → name, ``serves``: number → queues."""
        facts = await self._facts(names)
        return [_agent_now(number, names[number], serves.get(number, ()), found) for number, found in zip(names, facts, strict=True)]

    async def waiting(self, queues: Iterable[str]) -> dict[str, tuple[int, int | None]]:
        """Per queue: how many wait, and since when (UTC ms) the first of them does."""
        names = list(queues)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.zcard(f"{_PREFIX}waiting:{name}")
                    pipe.zrange(f"{_PREFIX}waiting:{name}", 0, 0, withscores=True)
                answers = await pipe.execute()
        except (RedisError, OSError) as error:
            raise StoreAway(f"Redis did not answer: {error}") from error
        heads = zip(names, answers[::2], answers[1::2], strict=True)
        return {name: (count, int(head[0][1]) if head else None) for name, count, head in heads}

    async def known_calls(self, queues: Iterable[str]) -> set[str]:
        """Calls that wait in these queues, for cleaning up after a crash."""
        found: set[str] = set()
        for name in queues:
            calls: list[Any] = await self._redis.zrange(f"{_PREFIX}waiting:{name}", 0, -1)
            found |= {call.decode() for call in calls}
        return found


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
    )
