"""The queue_log told from events: every line is one that app_queue writes, every caller's lines are one story."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import asyncpg
import pytest

from callcenter.basics.clock import to_ms
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.ledger import events as e
from callcenter.ledger.projection import in_order
from callcenter.reports.queue_log import QueueLog
from callcenter.reports.service import queue_log
from tests.reports.conftest import write
from tests.reports.days import Caller, a_day
from tests.reports.queue_log_reader import FIELDS, Entry, read, stories_hold

START = datetime(2024, 6, 1, tzinfo=UTC)
START_MS = to_ms(START)
DAY_MS = 86_400_000
MEMBERS = {"1001": ["sales", "support"], "1002": ["sales"]}


def _merged(calls: list[list[e.Event]]) -> list[e.Event]:
    ordered = [(event.at_ms, number, turn, event) for number, call in enumerate(calls) for turn, event in enumerate(in_order(call))]
    return [event for *_, event in sorted(ordered, key=lambda row: row[:3])]


def _text(events: list[e.Event]) -> str:
    log = QueueLog(MEMBERS, {"sales": 60_000})
    return "".join(line.text + "\n" for event in events for line in log.take(event))


@pytest.mark.parametrize("seed", range(20))
def test_every_line_is_one_that_app_queue_writes(seed: int) -> None:
    entries = read(_text(_merged(a_day(seed, 80, START_MS, 600_000))))
    stories_hold(entries)
    assert {entry.event for entry in entries} <= set(FIELDS)
    assert {"ENTERQUEUE", "CONNECT", "COMPLETECALLER", "ABANDON", "EXITWITHTIMEOUT", "RINGNOANSWER"} <= {entry.event for entry in entries}


def _caller(at_s: float, queue: str = "sales", priority: int = 0) -> Caller:
    caller = Caller(START_MS + round(at_s * 1000), random.Random(1))
    caller.add(e.Queued, queue=queue, priority=priority)
    return caller


def test_positions_are_of_those_who_wait_then() -> None:
    """Two wait; a third with priority goes before them; the first, now second, gives up."""
    first, second, urgent = _caller(0), _caller(10), _caller(20, priority=5)
    first.add(e.LeftQueue, 30_000, queue="sales", why="abandoned")
    second.add(e.LeftQueue, 40_000, queue="sales", why="timeout")
    urgent.add(e.LeftQueue, 60_000, queue="sales", why="no_agents")
    entries = read(_text(_merged([first.events, second.events, urgent.events])))
    assert [(entry.event, *entry.data) for entry in entries] == [
        ("ENTERQUEUE", "", "13900000001", "1"),
        ("ENTERQUEUE", "", "13900000001", "2"),
        ("ENTERQUEUE", "", "13900000001", "1"),
        ("ABANDON", "2", "1", "30"),
        ("EXITWITHTIMEOUT", "2", "2", "40"),
        ("EXITEMPTY", "1", "1", "60"),
    ]


def test_an_agent_leaves_during_the_announcement_and_the_caller_keeps_the_place() -> None:
    caller = _caller(0)
    caller.offer("sales", "1001", "answered")
    caller.add(e.LeftQueue, queue="sales", why="answered")
    caller.add(e.Announced, 500, agent="1001", complete=False)
    caller.add(e.Queued, queue="sales")
    caller.offer("sales", "1002", "answered")
    caller.add(e.LeftQueue, queue="sales", why="answered")
    caller.add(e.Bridged, 100, bridge="b", legs=(caller.own, caller.other))
    caller.add(e.CallEnded, 7_000, by="agent", cause=16, outcome="answered")
    entries = read(_text(caller.events))
    stories_hold(entries)
    assert [(entry.event, entry.agent) for entry in entries] == [
        ("ENTERQUEUE", "NONE"), ("AGENTDUMP", "Agent/1001"), ("CONNECT", "Agent/1002"), ("COMPLETEAGENT", "Agent/1002"),
    ]  # fmt: skip
    assert entries[2].data[1] == caller.other


def test_a_caller_gone_during_the_announcement_abandoned() -> None:
    caller = _caller(0)
    caller.offer("sales", "1001", "answered")
    caller.add(e.LeftQueue, queue="sales", why="answered")
    caller.add(e.CallEnded, 1000, by="caller", cause=16, outcome="abandoned_queue")
    assert [(entry.event, entry.agent) for entry in read(_text(caller.events))][1:] == [("ABANDON", "Agent/1001")]


def _changes(*steps: tuple[float, str, str]) -> list[e.AgentChanged]:
    moments = [(START_MS + round(at_s * 1000), state, reason) for at_s, state, reason in steps]
    return [
        e.AgentChanged(id=new_id(Kind.EVENT, at), at_ms=at, call="", agent="1001", state=state, reason=reason)
        for at, state, reason in moments
    ]


def _short(entries: list[Entry]) -> list[str]:
    return [f"{entry.call} {entry.queue} {entry.event} {''.join(entry.data)}".strip() for entry in entries]


def test_an_agents_day() -> None:
    """Pauses with a bar in their reason, calls in between, a dead phone: only what app_queue would have seen."""
    changes = _changes(
        (0, "ready", ""), (1, "ringing", ""), (2, "talking", ""), (3, "wrapup", ""), (4, "ready", ""), (5, "unreachable", ""),
        (6, "paused", "lunch|\nlong"), (7, "talking", ""), (8, "paused", "lunch|\nlong"), (9, "ready", ""), (10, "offline", ""),
        (11, "paused", "desk"), (12, "offline", ""),
    )  # fmt: skip
    entries = read(_text(list(changes)))
    assert all(entry.agent == "Agent/1001" for entry in entries)
    assert _short(entries) == [
        "MANAGER sales ADDMEMBER", "MANAGER support ADDMEMBER",
        "NONE NONE PAUSEALL lunch long", "NONE sales PAUSE lunch long", "NONE support PAUSE lunch long",
        "NONE NONE UNPAUSEALL", "NONE sales UNPAUSE", "NONE support UNPAUSE",
        "MANAGER sales REMOVEMEMBER", "MANAGER support REMOVEMEMBER",
        "MANAGER sales ADDMEMBER", "MANAGER support ADDMEMBER",
        "NONE NONE PAUSEALL desk", "NONE sales PAUSE desk", "NONE support PAUSE desk",
        "MANAGER sales REMOVEMEMBER", "MANAGER support REMOVEMEMBER",
    ]  # fmt: skip


async def test_from_postgres_cut_anywhere_it_is_the_same(pool: asyncpg.Pool) -> None:
    """Three days in one piece, and in pieces cut at odd moments: the same lines."""
    calls = [call for day in range(3) for call in a_day(day, 60, START_MS + day * DAY_MS, DAY_MS)]
    await pool.execute("insert into agents (number, name, sip_password, pin) values ('1001', '', 'x', '1')")
    await pool.execute("insert into queues (name, title) values ('sales', ''), ('support', '')")
    await pool.execute("insert into queue_members (queue, agent) values ('sales', '1001'), ('support', '1001')")
    await write(pool, calls, _changes((3_600, "ready", ""), (90_000, "paused", "lunch"), (200_000, "ready", ""), (210_000, "offline", "")))
    end = START + timedelta(days=4)
    whole = [line async for line in queue_log(pool, START, end)]
    stories_hold(read("".join(whole)))
    assert sum("|ADDMEMBER|" in line for line in whole) == 2 and sum("PAUSEALL|" in line for line in whole) == 2
    cuts = [START, *(START + timedelta(hours=hours, milliseconds=7) for hours in (5, 31, 31.5, 70)), end]
    pieces = [line for a, b in pairwise(cuts) async for line in queue_log(pool, a, b)]
    assert pieces == whole
    assert not [line async for line in queue_log(pool, end, end + timedelta(days=1))]
