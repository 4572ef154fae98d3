"""The queue report and the agent report, by hour, by day or in all; the queue_log."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from callcenter.basics import clock
from callcenter.basics.errors import BadRequest
from callcenter.reports import store
from callcenter.reports.model import Counts, Terms, add
from callcenter.reports.periods import By, edges
from callcenter.reports.queue_log import QueueLog
from callcenter.reports.service_level import FORMULAS, Measure

_ON_CONTACT: Final = ("talking", "wrapup")
_SIGNED_ON: Final = ("ready", "paused", "ringing", "talking", "wrapup", "unreachable")
_MS: Final = timedelta(milliseconds=1)


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a report, in UTC; ``end`` is no longer in it."""

    begin: datetime
    end: datetime

    @property
    def length_ms(self) -> int:
        """Milliseconds."""
        return (self.end - self.begin) // _MS


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a report: a queue (empty: all queues) or an agent, in one period."""

    subject: str
    period: Period
    counts: Counts
    measures: dict[str, Measure]
    """By the formula's name."""


class QueueRow(Row, frozen=True, kw_only=True):
    """A queue's line."""

    threshold_ms: int | None
    """T of its formulas; None: each queue's own."""


class AgentRow(Row, frozen=True, kw_only=True):
    """An agent's line."""

    name: str = ""
    states: dict[str, int] = {}
    """Milliseconds in each state the agent was in; offline before anything is known of them."""
    pauses: dict[str, int] = {}
    """Milliseconds of pause by reason."""
    signed_on_ms: int = 0


def _periods(moments: list[datetime]) -> list[Period]:
    return [Period(begin=begin, end=end) for begin, end in pairwise(moments)]


def measure(counts: Counts, terms: Terms, of: str) -> dict[str, Measure]:
    """Every formula that makes sense of a ``queue``'s or an ``agent``'s counts."""
    return {name: formula(counts, terms) for name, formula in FORMULAS.items() if of in formula.of}


async def report_queues(
    pool: asyncpg.Pool, start: datetime, end: datetime, *, by: By, zone: ZoneInfo, terms: Terms, only: str | None = None
) -> list[QueueRow]:
    """A line for each queue and period, and one for all queues unless ``only`` one is asked for; StoreAway, BadRequest.

    Every queue set up has its line in the total, even when nobody called; periods in which nobody entered a queue are left out
    except there.
    """
    moments = edges(start, end, by, zone)
    found = await store.count_queues(pool, moments, only, terms)
    thresholds = await store.read_thresholds(pool)
    names = sorted({only} if only else {*thresholds, *(queue for queue, _ in found)})
    rows: list[QueueRow] = []
    for number, period in enumerate(_periods(moments)):
        of_period = msgspec.structs.replace(terms, span_ms=period.length_ms)
        for name in names:
            counts = found.get((name, number))
            if counts is not None or by is By.TOTAL:
                own = msgspec.structs.replace(of_period, threshold_ms=_threshold(terms, thresholds.get(name)))
                rows.append(_row(name, period, counts or Counts(), own))
        every = [counts for (_, when), counts in found.items() if when == number]
        if not only and (every or by is By.TOTAL):
            rows.append(_row("", period, add(every), of_period))
    return rows


def _threshold(terms: Terms, own_ms: int | None) -> int:
    if terms.threshold_ms is not None:
        return terms.threshold_ms
    return store.DEFAULT_MS if own_ms is None else own_ms


def _row(subject: str, period: Period, counts: Counts, terms: Terms) -> QueueRow:
    measures = measure(counts, terms, "queue")
    return QueueRow(subject=subject, period=period, counts=counts, measures=measures, threshold_ms=terms.threshold_ms)


async def report_agents(
    pool: asyncpg.Pool, start: datetime, end: datetime, *, by: By, zone: ZoneInfo, only: str | None = None
) -> list[AgentRow]:
    """A line for each agent and period with anything in it, in the total for each agent; StoreAway, BadRequest."""
    moments = edges(start, end, by, zone)
    now = clock.utc_now()
    found = await store.count_agents(pool, moments, now, only)
    names = await store.read_agents(pool, only)
    rows: list[AgentRow] = []
    for number, period in enumerate(_periods(moments)):
        for agent in sorted({*names, *(agent for agent, _ in found if agent)}):
            done = found.get((agent, number))
            if done is not None or by is By.TOTAL:
                rows.append(_agent_row(agent, names.get(agent, ""), period, done or store.AgentPeriod(), now))
    return rows


def _agent_row(agent: str, name: str, period: Period, done: store.AgentPeriod, now: datetime) -> AgentRow:
    states = dict(done.states)
    past_ms = max(0, (min(period.end, now) - period.begin) // _MS)
    if unknown_ms := past_ms - sum(states.values()):
        states["offline"] = states.get("offline", 0) + unknown_ms
    contact_ms = sum(states.get(state, 0) for state in _ON_CONTACT)
    counts = Counts(**done.sums, contact_ms=contact_ms, idle_ms=states.get("ready", 0))
    return AgentRow(
        subject=agent,
        name=name,
        period=period,
        counts=counts,
        measures=measure(counts, Terms(span_ms=period.length_ms), "agent"),
        states=states,
        pauses=done.pauses,
        signed_on_ms=sum(states.get(state, 0) for state in _SIGNED_ON),
    )


_STEP: Final = timedelta(days=1)
"""A queue_log is read day by day: no query sorts more than that."""
_LONGEST: Final = timedelta(days=400)


async def queue_log(pool: asyncpg.Pool, begin: datetime, end: datetime) -> AsyncGenerator[str, None]:
    """The lines of app_queue's queue_log from ``begin`` until before ``end``, each with its line's end; StoreAway, BadRequest.

    What is in the ledger when it is asked for: the last seconds may still be on their way.
    """
    if not timedelta() < end - begin <= _LONGEST:
        raise BadRequest(f"to: must be after from, by at most {_LONGEST.days} days", field="to")
    log = QueueLog(await store.read_members(pool), await store.read_priority_steps(pool))
    for agent, state, reason in await store.states_before(pool, begin):
        log.known(agent, state, reason)
    begin_ms = clock.to_ms(begin)
    step_begin, step_end = begin - store.LOOK_BACK, begin
    while step_begin < end:
        async with aclosing(store.logged(pool, step_begin, step_end, max(step_begin, begin))) as events:
            async for event in events:
                for line in log.take(event):
                    if line.at_ms >= begin_ms:
                        yield line.text + "\n"
        step_begin, step_end = step_end, min(end, step_end + _STEP)
