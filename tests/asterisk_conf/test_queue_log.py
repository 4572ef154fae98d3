"""What Asterisk's own app_queue writes into its queue_log, beside what we write of the same things: fields, count and kind, agree."""

from __future__ import annotations

import random

import pytest

from callcenter.basics import clock
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.ledger import events as e
from callcenter.reports.queue_log import QueueLog
from tests.asterisk_conf.private_asterisk import PrivateAsterisk
from tests.parts.softphone import Phone
from tests.parts.waiting import until
from tests.reports.days import Caller
from tests.reports.queue_log_reader import Entry, read, stories_hold

pytestmark = pytest.mark.parts


def _written(asterisk: PrivateAsterisk, already: int = 0) -> list[Entry]:
    return read((asterisk.folder / "log" / "queue_log").read_text())[already:]


async def _has(asterisk: PrivateAsterisk, already: int, *events: str) -> list[Entry]:
    def found() -> list[Entry] | None:
        entries = _written(asterisk, already)
        return entries if set(events) <= {entry.event for entry in entries} else None

    return await until(f"{' and '.join(events)} in app_queue's queue_log", found, 20)  # type: ignore[return-value]


def _ours() -> list[Entry]:
    """The same deeds, told from events: answered after a missed offer, given up, waited too long, paused, signed off."""
    dice, now = random.Random(1), clock.utc_ms()
    answered, left, late, cancelled = (Caller(now + n * 100_000, dice) for n in range(4))
    answered.add(e.Queued, queue="support")
    answered.offer("support", "1003", "timed_out")
    answered.offer("support", "1003", "answered")
    answered.add(e.LeftQueue, queue="support", why="answered")
    answered.add(e.Bridged, 10, bridge="b", legs=(answered.own, answered.other))
    answered.add(e.CallEnded, 5_000, by="agent", cause=16, outcome="answered")
    left.add(e.Queued, queue="support")
    left.add(e.LeftQueue, 3_000, queue="support", why="abandoned")
    late.add(e.Queued, queue="support")
    late.add(e.LeftQueue, 4_000, queue="support", why="timeout")
    cancelled.add(e.Queued, queue="support")
    cancelled.offer("support", "1003", "caller_gone")
    moments = [now + 400_000 + n * 1_000 for n in range(4)]
    states = ("ready", "paused", "ready", "offline")
    changes = [
        e.AgentChanged(id=new_id(Kind.EVENT, at), at_ms=at, call="", agent="1003", state=state, reason="lunch" if state == "paused" else "")
        for at, state in zip(moments, states, strict=True)
    ]
    log = QueueLog({"1003": ["support"]}, {})
    events = [*answered.events, *left.events, *late.events, *cancelled.events, *changes]
    return read("".join(line.text + "\n" for event in events for line in log.take(event)))


async def test_app_queue_and_we_write_the_same_fields(idle: PrivateAsterisk) -> None:
    already = len(_written(idle))
    async with Phone("1003", server=idle.agents_at, password="phone-1003") as agent:
        async with Phone("13900001112", server=idle.trunk_at) as caller:
            await idle.set_global("CC_ROUND_SECONDS", "30")
            call = await caller.dial("4002")
            await (await agent.rings()).decline(486)
            turn = await agent.rings(20)
            await turn.answer()
            await _has(idle, already, "CONNECT")
            await turn.hang_up()
            await call.ended()
        for console in ("pause", "unpause"):
            await idle.console(f"queue {console} member PJSIP/1003")
            await idle.console(f"queue {console} member PJSIP/1003 queue fb-support reason lunch")
        await idle.console("queue add member PJSIP/1003 to fb-sales")
        await idle.console("queue remove member PJSIP/1003 from fb-sales")
        async with Phone("13900001113", server=idle.trunk_at) as caller:
            call = await caller.dial("4002")
            ringing = await agent.rings(20)
            await call.hang_up()
            await ringing.ended()
        await _has(idle, already, "ABANDON", "RINGCANCELED")
        async with Phone("13900001114", server=idle.trunk_at) as caller:
            await idle.set_global("CC_ROUND_SECONDS", "2")
            await caller.dial("4002")
            theirs = await _has(idle, already, "ENTERQUEUE", "CONNECT", "COMPLETEAGENT", "RINGNOANSWER", "EXITWITHTIMEOUT", "PAUSE")
    stories_hold([entry for entry in theirs if entry.call.startswith("1") or entry.agent != "NONE"])
    shapes = {entry.event: (len(entry.data), [field.isdigit() for field in entry.data]) for entry in theirs}
    ours = {entry.event: (len(entry.data), [field.isdigit() for field in entry.data]) for entry in _ours()}
    assert ours.keys() <= shapes.keys(), shapes
    for event in ours.keys() & shapes.keys():
        assert ours[event][0] == shapes[event][0], event
        if event != "CONNECT":  # its second field is a channel's id: Asterisk's is a number with a dot, ours a word
            assert ours[event] == shapes[event], event
