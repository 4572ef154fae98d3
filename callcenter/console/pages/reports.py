"""The page of reports: queues by a chosen formula, agents, and how each figure is reckoned."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from aiohttp import web

from callcenter.basics import clock
from callcenter.basics.errors import BadRequest
from callcenter.console import reporting
from callcenter.console.api.report_models import AgentReportQuery, QueueReportQuery
from callcenter.console.asking import Ask, ask_of
from callcenter.console.languages import Words
from callcenter.console.rights import Operation
from callcenter.console.table import Route
from callcenter.reports.periods import By, midnight
from callcenter.reports.service import AgentRow, QueueRow, Row
from callcenter.reports.service_level import FORMULAS, SERVICE_LEVELS, Exact, Measure, Unit

_FILTERS: Final = ("day_from", "day_to", "queue", "formula", "threshold_s", "short_s", "by")
_DEFAULTS: Final = {"formula": "app_queue_sl2", "short_s": "5", "by": "total"}
_QUEUE_FORMULAS: Final = ("abandon_rate", "asa", "aht", "missed_per_offer")
_AGENT_FORMULAS: Final = ("missed_per_offer", "aht", "occupancy")


async def show(request: web.Request) -> web.StreamResponse:
    """Queues and agents of some days; today when none are given."""
    ask = ask_of(request)
    zone = reporting.zone_of(ask)
    today = clock.utc_now().astimezone(zone).date().isoformat()
    given = {name: request.query.get(name, "").strip()[:60] for name in _FILTERS}
    given |= {name: given[name] or default for name, default in ({"day_from": today, "day_to": today} | _DEFAULTS).items()}
    queues: list[QueueRow] = []
    agents: list[AgentRow] = []
    fault, formula = "", given["formula"] if given["formula"] in SERVICE_LEVELS else _DEFAULTS["formula"]
    try:
        period = {"from": _day(ask, given["day_from"]), "to": _day(ask, given["day_to"], 1)}
        asked = {name: given[name] for name in ("queue", "threshold_s", "short_s", "by")}
        queues = await reporting.queue_rows(ask, reporting.checked(QueueReportQuery, period | asked))
        agents = await reporting.agent_rows(ask, reporting.checked(AgentReportQuery, period))
    except BadRequest as error:
        fault, period = str(error), {}
    columns = (formula, *_QUEUE_FORMULAS)
    titles = [(queue.name, queue.title) for queue in await ask.parts.acd.queues()]
    return ask.page(
        "reports.html",
        status=400 if fault else 200,
        given=given | {"formula": formula},
        fault=fault,
        queue_rows=[_queue_line(ask.words, row, columns, given["by"]) for row in queues],
        agent_rows=[_agent_line(ask.words, row) for row in agents],
        formulas={name: _told(ask.words, name) for name in FORMULAS},
        service_levels=SERVICE_LEVELS,
        queue_columns=columns,
        agent_columns=_AGENT_FORMULAS,
        explained=tuple(dict.fromkeys((*columns, *_AGENT_FORMULAS))),
        cuts=list(By),
        queues=titles,
        titles=dict(titles),
        period=period,
    )


def _day(ask: Ask, day: str, days: int = 0) -> str:
    """The beginning of a day in the centre's zone (``days`` later) as ISO text; BadRequest when it is none."""
    zone = reporting.zone_of(ask)
    try:
        return midnight(datetime.fromisoformat(day).replace(tzinfo=zone) + timedelta(hours=12), zone, days).isoformat()
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"day: {day!r:.20} is no day; write 2026-11-23", field="day") from error


def _told(words: Words, name: str) -> dict[str, str]:
    formula = FORMULAS[name]
    return {"title": formula.title[words.language], "text": formula.text[words.language], "source": formula.source}


def _queue_line(words: Words, row: QueueRow, columns: tuple[str, ...], by: str) -> dict[str, Any]:
    return {
        "queue": row.subject,
        "threshold_ms": row.threshold_ms,
        "period": _period(words, row, by),
        "counts": row.counts,
        "measures": [_shown(words, name, row.measures[name]) for name in columns],
    }


def _agent_line(words: Words, row: AgentRow) -> dict[str, Any]:
    return {
        "agent": row.subject,
        "name": row.name,
        "counts": row.counts,
        "states": row.states,
        "pauses": sorted(row.pauses.items(), key=lambda pause: -pause[1]),
        "signed_on_ms": row.signed_on_ms,
        "measures": [_shown(words, name, row.measures[name]) for name in _AGENT_FORMULAS],
    }


def _period(words: Words, row: Row, by: str) -> str:
    begin = words.local(row.period.begin)
    return {"hour": begin.strftime("%m-%d %H:%M %Z"), "day": words.day(row.period.begin)}.get(by, "")


def _shown(words: Words, name: str, measure: Measure) -> dict[str, str]:
    """A value as people read it, and the two numbers it was reckoned from."""
    formula = FORMULAS[name]
    is_time = formula.unit is Unit.MS

    def number(value: int | None) -> str:
        return words.span(value) if is_time else str(value)

    divided = "" if measure.part is None or measure.value is None else f"{number(measure.part)} ÷ {measure.whole}"
    return {"name": name, "value": value_text(words, formula.unit, measure.value), "divided": divided}


def value_text(words: Words, unit: Unit, value: Exact | None) -> str:
    """A value of a formula; a dash for none. Rounding never makes all of what is not all, nor nothing of what is something."""
    if value is None:
        return "–"
    if unit is Unit.MS:
        return words.span(float(value))
    if unit is Unit.COUNT:
        return str(int(value))
    if unit is Unit.ERLANG:
        return f"{float(value):.2f}"
    tenths = round(Fraction(value) * 1000)
    if unit is Unit.SHARE and value < 1:
        tenths = min(tenths, 999)
    if value > 0:
        tenths = max(tenths, 1)
    return f"{tenths // 10}.{tenths % 10} %"


ROUTES: Final = (Route(method="GET", path="/reports", handler=show, operation=Operation.REPORTS_SEE),)
