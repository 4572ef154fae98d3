"""Reports for pages and API: the time asked for, checked; rows as plain data."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from pydantic import ValidationError

from callcenter.basics import clock
from callcenter.basics.errors import BadRequest
from callcenter.console.api.report_models import AgentReportQuery, PeriodQuery, PromiseQuery, QueueReportQuery
from callcenter.console.asking import Ask
from callcenter.reports import service
from callcenter.reports.model import Counts, Terms
from callcenter.reports.periods import midnight
from callcenter.reports.promise_store import Promises, count_promises
from callcenter.reports.service_level import FORMULAS, Measure

Q = TypeVar("Q", bound=PeriodQuery)
_YEARS: Final = range(1971, 9000)
_LINES_AT_ONCE: Final = 200
_OF_QUEUES: Final = tuple(name for name in Counts.__struct_fields__ if name not in ("contact_ms", "idle_ms"))
_OF_AGENTS: Final = (
    "offers", "answered", "missed", "offers_lost", "offers_elsewhere", "handled", "talk_ms", "hold_ms", "wrap_ms", "contact_ms", "idle_ms",
)  # fmt: skip


def checked(model: type[Q], raw: Mapping[str, str]) -> Q:
    """The query of a request; empty fields of a form count as not given. BadRequest naming what is wrong."""
    try:
        return model.model_validate({name: value for name, value in raw.items() if value != ""})
    except ValidationError as error:
        faults = [{"field": ".".join(map(str, fault["loc"])), "reason": fault["msg"]} for fault in error.errors()]
        raise BadRequest("; ".join(f"{fault['field']}: {fault['reason']}" for fault in faults), faults=faults) from error


def zone_of(ask: Ask) -> ZoneInfo:
    """The centre's time zone."""
    return ZoneInfo(ask.parts.settings.timezone)


def period_of(query: PeriodQuery, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when until when; BadRequest for a moment beyond any calendar."""
    now = clock.utc_now()
    begin, end = query.begin or midnight(now, zone), query.end or midnight(now, zone, 1)
    for name, moment in (("from", begin), ("to", end)):
        if moment.year not in _YEARS:
            raise BadRequest(f"{name}: the year must lie between {_YEARS[0]} and {_YEARS[-1]}", field=name)
    return _aware(begin, zone), _aware(end, zone)


def _aware(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


async def queue_rows(ask: Ask, query: QueueReportQuery) -> list[service.QueueRow]:
    """The report of queues."""
    zone = zone_of(ask)
    begin, end = period_of(query, zone)
    threshold_ms = None if query.threshold_s is None else query.threshold_s * 1000
    terms = Terms(threshold_ms=threshold_ms, short_ms=query.short_s * 1000, agents=query.agents)
    return await service.report_queues(ask.parts.pool, begin, end, by=query.by, zone=zone, terms=terms, only=query.queue)


async def agent_rows(ask: Ask, query: AgentReportQuery) -> list[service.AgentRow]:
    """The report of agents."""
    zone = zone_of(ask)
    begin, end = period_of(query, zone)
    return await service.report_agents(ask.parts.pool, begin, end, by=query.by, zone=zone, only=query.agent)


async def promise_rows(ask: Ask, query: PromiseQuery) -> list[Promises]:
    """Expected waits against what they became."""
    begin, end = period_of(query, zone_of(ask))
    return await count_promises(ask.parts.pool, begin, end, query.queue)


async def queue_log(ask: Ask, query: PeriodQuery) -> AsyncGenerator[bytes, None]:
    """The queue_log of a time in blocks of some kilobytes."""
    begin, end = period_of(query, zone_of(ask))
    block: list[str] = []
    async with aclosing(service.queue_log(ask.parts.pool, begin, end)) as lines:
        async for line in lines:
            block.append(line)
            if len(block) == _LINES_AT_ONCE:
                yield "".join(block).encode()
                block.clear()
    if block:
        yield "".join(block).encode()


def queue_data(row: service.QueueRow, zone: ZoneInfo) -> dict[str, Any]:
    """A line of the report of queues as the API tells it."""
    threshold_s = None if row.threshold_ms is None else row.threshold_ms // 1000
    return {"queue": row.subject, "threshold_s": threshold_s, **_data(row, zone, _OF_QUEUES)}


def agent_data(row: service.AgentRow, zone: ZoneInfo) -> dict[str, Any]:
    """A line of the report of agents as the API tells it."""
    told = {"states_ms": row.states, "pauses_ms": row.pauses, "signed_on_ms": row.signed_on_ms}
    return {"agent": row.subject, "name": row.name, **_data(row, zone, _OF_AGENTS), **told}


def _data(row: service.Row, zone: ZoneInfo, counts: tuple[str, ...]) -> dict[str, Any]:
    every = msgspec.structs.asdict(row.counts)
    return {
        "from": row.period.begin.astimezone(zone),
        "to": row.period.end.astimezone(zone),
        "counts": {name: every[name] for name in counts},
        "formulas": {name: _value(measure) for name, measure in row.measures.items()},
    }


def _value(measure: Measure) -> dict[str, Any]:
    value = None if measure.value is None else round(float(measure.value), 6)
    return {"value": value, "part": measure.part, "whole": measure.whole}


def formula_data() -> list[dict[str, Any]]:
    """Every formula as the API tells it."""
    return [
        {
            "name": formula.name, "source": formula.source, "unit": str(formula.unit), "of": sorted(formula.of),
            "title": {str(language): text for language, text in formula.title.items()},
            "formula": {str(language): text for language, text in formula.text.items()},
        }
        for formula in FORMULAS.values()
    ]  # fmt: skip
