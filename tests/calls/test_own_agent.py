"""Callers with an agent of their own, and callers who need a skill: by list, by number, by menu, by who talked with them last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.calls.books import events
from tests.calls.words import given_flow
from tests.parts.centre import Centre, Refused
from tests.parts.softphone import Phone
from tests.parts.waiting import until

_QUEUE: dict[str, Any] = {"title": "Own", "ring_timeout_s": 5, "wrap_up_s": 0, "preferred_wait_s": 30, "announce_agent": False}
_NUMBER = "4071"


@asynccontextmanager
async def _queue(centre: Centre, *agents: str, **rules: Any) -> AsyncIterator[None]:
    await centre.api("PUT", "queues/own", _QUEUE | {"rules": {"own_agent": rules}})
    for agent in agents:
        await centre.api("PUT", f"queues/own/agents/{agent}", {"position": int(agent)})
    await centre.api("PUT", f"numbers/{_NUMBER}", {"kind": "queue", "target": "own"})
    try:
        yield
    finally:
        await centre.api("DELETE", f"numbers/{_NUMBER}")
        await centre.api("DELETE", "queues/own")


async def _serves(centre: Centre, caller: Phone, agent: Phone, dialled: str = _NUMBER) -> dict[str, Any]:
    """The caller dials and talks with this agent."""
    call = await caller.dial(dialled)
    turn = await agent.rings()
    await turn.answer()
    await centre.phase_of(caller.number, "conversation")
    live = await centre.live_call(caller.number)
    assert live
    await call.hang_up()
    await turn.ended()
    ended = "select 1 from calls where id = $1 and ended_at is not null"
    await until("the call in the books", lambda: centre.db.fetchval(ended, live["id"]))
    story: dict[str, Any] = await centre.api("GET", f"calls/{live['id']}")
    return story


async def test_who_talked_with_them_last_gets_the_next_call_even_over_a_dead_worker(centre: Centre) -> None:
    async with _queue(centre, "1001", "1002", by=["last"]), centre.caller() as caller:
        async with centre.ready_agent("1002") as second:
            first_story = await _serves(centre, caller, second)
            async with centre.ready_agent("1001") as first:
                await centre.agent_is("1002", "ready")
                story = await _serves(centre, caller, second)
                assert not first.story().count("INVITE sip")
                await centre.worker_killed()
                await centre.redis.flushall()
                await centre.worker_killed()
                await centre.set_state("1001", "ready")
                await centre.set_state("1002", "ready")
                again = await _serves(centre, caller, second)
        async with centre.ready_agent("1001") as first:
            others = await _serves(centre, caller, first)
    assert not events(first_story, "agent_preferred")
    for told in (story, again, others):
        (preferred,) = events(told, "agent_preferred")
        assert (preferred["agent"], preferred["why"]) == ("1002", "last")
    assert others["call"]["wait_ms"] < 5_000


async def test_the_owner_is_asked_first_and_when_busy_waited_for_a_while_only(centre: Centre) -> None:
    async with _queue(centre, "1003", "1004", by=["owner", "last"]), centre.caller() as caller, centre.caller() as other:
        await centre.api("PUT", f"callers/{caller.number}", {"owner": "1004"})
        await centre.api("PUT", "queues/own", _QUEUE | {"preferred_wait_s": 3, "rules": {"own_agent": {"by": ["owner"]}}})
        async with centre.ready_agent("1003") as third, centre.ready_agent("1004") as fourth:
            story = await _serves(centre, caller, fourth)
            assert events(story, "agent_preferred")[0]["why"] == "owner"
            await centre.api("PUT", f"callers/{other.number}", {"owner": "1004"})
            busy = await other.dial(_NUMBER)
            turn = await fourth.rings()
            await turn.answer()
            await centre.phase_of(other.number, "conversation")
            story = await _serves(centre, caller, third)
            assert 2_500 < story["call"]["wait_ms"] < 7_000
            await busy.hang_up()
            await turn.ended()
        for phone in (caller, other):
            await centre.api("DELETE", f"callers/{phone.number}")


async def test_skills_come_from_the_number_the_menu_and_the_caller(centre: Centre) -> None:
    await centre.api("PUT", "skills/gas", {"title": "Gas"})
    async with _queue(centre, "1005", "1006"), centre.caller() as caller, centre.caller() as plain:
        await centre.api("PUT", "agents/1005/skills", {"gas": 2})
        await centre.api("PUT", "agents/1006/skills", {"gas": 5})
        await given_flow(centre, "4072", out={"type": "queue", "queue": "own", "need": {"gas": 5}})
        async with centre.ready_agent("1005") as less, centre.ready_agent("1006") as more:
            await _serves(centre, plain, less)
            by_menu = await _serves(centre, plain, more, "4072")
            await centre.api("PUT", f"callers/{caller.number}", {"need": {"gas": 3}})
            await _serves(centre, caller, more)
            await centre.api("PUT", f"callers/{caller.number}", {"need": {}})
            await centre.api("PUT", f"numbers/{_NUMBER}", {"kind": "queue", "target": "own", "need": {"gas": 4}})
            await _serves(centre, caller, more)
        offered = events(by_menu, "offered")[0]
        assert offered["considered"]["1005"] == "skill gas 2 < 5"
        to_queue = {"type": "queue", "queue": "own"}
        for method, path, body, place in (
            ("PUT", f"callers/{caller.number}", {"need": {"singing": 1}}, "need.singing"),
            ("PUT", f"callers/{caller.number}", {"owner": "9999"}, "owner"),
            ("PUT", f"numbers/{_NUMBER}", {"kind": "queue", "target": "own", "need": {"gas": 11}}, "need.gas"),
            ("PUT", f"numbers/{_NUMBER}", {"kind": "queue", "target": "none"}, "target"),
            ("PUT", "flows/f4072", {"start": "out", "nodes": {"out": to_queue | {"need": {"singing": 1}}}}, "nodes.out.need.singing"),
            ("PUT", "queues/own", _QUEUE | {"preferred_wait_s": 0, "rules": {"own_agent": {"by": ["last"]}}}, "preferred_wait_s"),
        ):  # fmt: skip
            with pytest.raises(Refused) as refused:
                await centre.api(method, path, body)
            assert refused.value.status in (400, 422) and place in str(refused.value.problem), refused.value
        await centre.api("DELETE", f"callers/{caller.number}")
        await given_flow(centre, "4072", out={"type": "hangup"})
        for agent in ("1005", "1006"):
            await centre.api("PUT", f"agents/{agent}/skills", {})
    await centre.api("DELETE", "skills/gas")
