"""What Postgres counts is what walking through the events counts; periods are the zone's; agents' times add up."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from callcenter.basics.clock import to_ms
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.ledger import events as e
from callcenter.reports.model import Terms, Visit, count
from callcenter.reports.periods import By, edges
from callcenter.reports.service import report_agents, report_queues
from callcenter.reports.store import count_queues
from tests.reports.conftest import write
from tests.reports.days import Caller, a_day
from tests.reports.oracle import visits_of

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
TERMS = Terms(threshold_ms=20_000, short_ms=5_000)
DAY_MS = 86_400_000


@pytest.mark.parametrize("seed", range(3))
async def test_postgres_counts_as_the_oracle_does(pool: asyncpg.Pool, seed: int) -> None:
    start = datetime(2024, 10, 26, 22, tzinfo=UTC)
    calls = a_day(seed, 300, to_ms(start), DAY_MS)
    await write(pool, calls)
    visits = [visit for call in calls for visit in visits_of(call)]
    assert {visit.how for visit in visits} >= {"answered", "abandoned", "timeout", "overflow", "callback", "odd", ""}
    moments = edges(start, start + timedelta(hours=24), By.HOUR, BERLIN)
    found = await count_queues(pool, moments, None, TERMS)
    wanted: dict[tuple[str, int], list[Visit]] = {}
    for visit in visits:
        number = sum(visit.entered_ms >= to_ms(moment) for moment in moments) - 1
        if number < len(moments) - 1:
            wanted.setdefault((visit.queue, number), []).append(visit)
    assert found.keys() == wanted.keys()
    for key, some in wanted.items():
        assert found[key] == count(some, TERMS), key
    only = await count_queues(pool, moments, "sales", TERMS)
    assert only == {key: counts for key, counts in found.items() if key[0] == "sales"}


async def test_the_hour_that_the_clock_shows_twice_is_two_hours(pool: asyncpg.Pool) -> None:
    midnight = datetime(2024, 10, 27, tzinfo=BERLIN)
    calls = []
    for utc_hour in (0, 1):
        caller = Caller(to_ms(datetime(2024, 10, 27, utc_hour, 30, tzinfo=UTC)), random.Random(1))
        caller.add(e.Queued, queue="sales")
        caller.add(e.LeftQueue, 1000, queue="sales", why="abandoned")
        calls.append(caller.events)
    await write(pool, calls)
    end = datetime(2024, 10, 28, tzinfo=BERLIN)
    rows = await report_queues(pool, midnight, end, by=By.HOUR, zone=BERLIN, terms=TERMS, only="sales")
    assert [row.period.begin.astimezone(BERLIN).strftime("%H:%M %Z") for row in rows] == ["02:00 CEST", "02:00 CET"]
    (day,) = await report_queues(pool, midnight, end, by=By.DAY, zone=BERLIN, terms=TERMS, only="sales")
    assert (day.counts.entered, day.period.length_ms) == (2, 25 * 3_600_000)


async def test_all_queues_are_the_sum_of_each_and_a_quiet_queue_has_its_line(pool: asyncpg.Pool) -> None:
    start = datetime(2024, 6, 1, tzinfo=SHANGHAI)
    await pool.execute("insert into queues (name, title, service_level_s) values ('sales', '', 1), ('night', '', 20)")
    await write(pool, a_day(7, 60, to_ms(start), DAY_MS // 2))
    end = start + timedelta(days=1)
    rows = await report_queues(pool, start, end, by=By.TOTAL, zone=SHANGHAI, terms=TERMS)
    told = {row.subject: row for row in rows}
    assert set(told) == {"", "sales", "support", "night"}
    assert told[""].counts.entered == told["sales"].counts.entered + told["support"].counts.entered
    assert told["night"].counts.entered == 0 and told["night"].measures["app_queue_sl"].value is None
    own = {row.subject: row for row in await report_queues(pool, start, end, by=By.TOTAL, zone=SHANGHAI, terms=Terms(threshold_ms=None))}
    strict = await count_queues(pool, [start, end], "sales", Terms(threshold_ms=1_000))
    assert own["sales"].counts == strict["sales", 0] != told["sales"].counts
    assert own["support"].counts == told["support"].counts
    assert own[""].counts.left_within == own["sales"].counts.left_within + own["support"].counts.left_within
    assert (own["sales"].threshold_ms, own["support"].threshold_ms, own[""].threshold_ms) == (1_000, 20_000, None)
    share = told["sales"].measures["plain_sl"]
    assert (share.part, share.whole) == (told["sales"].counts.answered_within, told["sales"].counts.ended)


def _changed(agent: str, at: datetime, state: str, reason: str = "") -> e.AgentChanged:
    at_ms = to_ms(at)
    return e.AgentChanged(id=new_id(Kind.EVENT, at_ms), at_ms=at_ms, call="", agent=agent, state=state, reason=reason, by="agent")


async def test_an_agents_day(pool: asyncpg.Pool) -> None:
    """Signed on the evening before; a call, a pause over midnight UTC, nothing lost at any edge."""
    await pool.execute("insert into agents (number, name, sip_password, pin) values ('1001', '李娜', 'x', '1'), ('1009', 'Ben', 'x', '1')")
    begin = datetime(2024, 6, 1, tzinfo=SHANGHAI)
    at = begin + timedelta(hours=9)
    others = [
        _changed("1001", begin - timedelta(hours=2), "ready"),
        _changed("1001", at, "ringing"),
        _changed("1001", at + timedelta(seconds=4), "talking"),
        _changed("1001", at + timedelta(seconds=64), "wrapup"),
        _changed("1001", at + timedelta(seconds=74), "paused", "lunch"),
        _changed("1001", at + timedelta(hours=1), "offline"),
    ]
    dice = random.Random(1)
    caller = Caller(to_ms(at), dice)
    caller.add(e.Queued, queue="sales")
    caller.offer("sales", "1001", "timed_out")
    caller.offer("sales", "1001", "answered")
    caller.add(e.LeftQueue, queue="sales", why="answered")
    caller.add(e.Bridged, bridge="b", legs=(caller.own, caller.other))
    caller.add(e.Held, 20_000, leg=caller.own, by="agent")
    caller.add(e.Retrieved, 10_000, leg=caller.own, by="agent")
    caller.add(e.CallEnded, 30_000, by="caller", cause=16, outcome="answered")
    caller.add(e.WrapUpEnded, 10_000, agent="1001", lasted_ms=10_000)
    await write(pool, [caller.events], others)
    rows = await report_agents(pool, begin, begin + timedelta(days=1), by=By.TOTAL, zone=SHANGHAI)
    one, other = rows
    assert (one.subject, one.name, other.subject) == ("1001", "李娜", "1009")
    counts = one.counts
    assert (counts.offers, counts.answered, counts.missed, counts.handled) == (2, 1, 1, 1)
    assert (counts.talk_ms, counts.hold_ms, counts.wrap_ms) == (50_000, 10_000, 10_000)
    assert one.measures["aht"].value == 70_000
    assert one.states == {
        "ready": 9 * 3_600_000, "ringing": 4_000, "talking": 60_000, "wrapup": 10_000, "paused": 3_526_000, "offline": 14 * 3_600_000,
    }  # fmt: skip
    assert one.pauses == {"lunch": 3_526_000} and one.signed_on_ms == 10 * 3_600_000
    assert (one.measures["occupancy"].part, one.measures["occupancy"].whole) == (70_000, 70_000 + 9 * 3_600_000)
    assert other.states == {"offline": DAY_MS} and other.measures["occupancy"].value is None
    hours = await report_agents(pool, begin, begin + timedelta(days=1), by=By.HOUR, zone=SHANGHAI, only="1001")
    assert sum(sum(row.states.values()) for row in hours) == DAY_MS
    assert all(sum(row.states.values()) == 3_600_000 for row in hours) and len(hours) == 24
    assert sum(row.counts.handled for row in hours) == 1
