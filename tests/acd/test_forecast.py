"""What expected waits are reckoned from: calls as they end, agents as they come and go, the ledger after a restart."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from callcenter.acd import store
from callcenter.acd.expected_wait import DEFAULT_HANDLING_S
from callcenter.acd.forecast import Forecast
from callcenter.acd.model import AgentState, Change, Mode, Queue
from callcenter.basics.vocabulary import EndedBy
from callcenter.database import pool as database
from callcenter.ledger import events as e
from tests.reports.conftest import write
from tests.reports.days import Caller


def _forecast(waiting: dict[str, int], agents: dict[str, tuple[AgentState, tuple[str, ...]]]) -> Forecast:
    now = {number: SimpleNamespace(state=state, queues=queues) for number, (state, queues) in agents.items()}
    served_by: dict[str, tuple[str, ...]] = {}
    for number, (_, queues) in agents.items():
        for queue in queues:
            served_by[queue] = (*served_by.get(queue, ()), number)
    directory: Any = SimpleNamespace(served_by=served_by)
    showing: Any = SimpleNamespace(waiting=waiting, now=now)
    return Forecast(directory, showing)


def _becomes(state: AgentState, at_ms: int, fresh: bool = True) -> Change:
    return Change(
        agent="1001", state=state, reason="", since_ms=at_ms, by="", call="", mode=Mode.READY, reachable=True, until_ms=0, fresh=fresh
    )


def test_a_call_counts_from_its_ringing_to_the_end_of_its_wrap_up() -> None:
    forecast = _forecast({}, {"1001": (AgentState.READY, ("sales",))})
    for turn in range(50):
        start_ms = turn * 100_000
        forecast.changed(_becomes(AgentState.RINGING, start_ms))
        forecast.changed(_becomes(AgentState.TALKING, start_ms + 5_000))
        forecast.answered("1001", "sales", start_ms + 5_000)
        forecast.changed(_becomes(AgentState.WRAPUP, start_ms + 35_000))
        forecast.changed(_becomes(AgentState.WRAPUP, start_ms + 35_000, fresh=False))
        forecast.changed(_becomes(AgentState.READY, start_ms + 40_000))
    assert 40 < forecast.handling("sales").mean_s < 50
    assert forecast.handling("support").mean_s == DEFAULT_HANDLING_S


def test_a_phone_that_was_not_answered_is_no_call() -> None:
    forecast = _forecast({}, {})
    forecast.changed(_becomes(AgentState.RINGING, 0))
    forecast.changed(_becomes(AgentState.READY, 20_000))
    assert forecast.handling("sales").mean_s == DEFAULT_HANDLING_S


def test_only_who_works_counts_and_who_is_wanted_elsewhere_counts_less() -> None:
    both, only = ("sales", "support"), ("sales",)
    agents = {
        "1001": (AgentState.TALKING, both),
        "1002": (AgentState.READY, only),
        "1003": (AgentState.PAUSED, only),
        "1004": (AgentState.OFFLINE, only),
        "1005": (AgentState.UNREACHABLE, only),
    }
    quiet, busy = _forecast({"sales": 3}, agents), _forecast({"sales": 3, "support": 1}, agents)
    few = {number: found for number, found in agents.items() if number > "1002"}
    one, shared = quiet.wait("sales", 3), busy.wait("sales", 3)
    assert one and shared and shared.high_s > one.high_s
    assert _forecast({"sales": 3}, few).wait("sales", 3) is None


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    connected = await database.connect(postgres_dsn)
    yield connected
    await connected.close()


async def test_after_a_restart_it_begins_with_the_ledger(pool: asyncpg.Pool) -> None:
    await store.add_queue(pool, Queue(name="sales", title="Sales"))
    await store.add_queue(pool, Queue(name="support", title="Support"))
    calls = []
    for turn in range(60):
        caller = Caller(1_700_000_000_000 + turn * 600_000, random.Random(turn))
        caller.add(e.Queued, queue="sales")
        offer = caller.offer("sales", "1001", "answered")
        caller.add(e.LeftQueue, queue="sales", why="answered")
        caller.add(e.Bridged, bridge="b", legs=(caller.own, caller.other))
        caller.add(e.LegEnded, 20_000, leg=caller.own, by=EndedBy.CALLER, cause=16)
        caller.add(e.CallEnded, by=EndedBy.CALLER, cause=16, outcome="answered")
        caller.add(e.WrapUpEnded, 10_000, agent="1001", lasted_ms=10_000)
        assert offer
        calls.append(caller.events)
    await write(pool, calls)
    handled = await store.read_handled(pool, 50)
    assert {queue: len(lasted) for queue, lasted in handled.items()} == {"sales": 50}
    assert all(30_000 <= lasted <= 50_000 for lasted in handled["sales"])
    forecast = _forecast({}, {})
    await forecast.remember(pool)
    assert 30 <= forecast.handling("sales").mean_s < 65


async def test_a_queue_whose_rules_cannot_be_read_works_without_them(pool: asyncpg.Pool) -> None:
    await store.add_queue(pool, Queue(name="sales", title="Sales"))
    await pool.execute("update queues set rules = $1 where name = 'sales'", {"overflow": [{"when": "full moon"}]})
    (queue,) = await store.read_queues(pool)
    assert queue == Queue(name="sales", title="Sales")
