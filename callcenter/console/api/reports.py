"""Reports in the API: queues, agents, the queue_log, the formulas."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

import msgspec
from aiohttp import web

from callcenter.console import reporting
from callcenter.console.api.report_models import (
    AgentReport,
    AgentReportQuery,
    FormulaList,
    PeriodQuery,
    PromiseQuery,
    PromiseReport,
    QueueReport,
    QueueReportQuery,
)
from callcenter.console.asking import answer, ask_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route


async def show_queue_report(request: web.Request) -> web.StreamResponse:
    """Queues over a time."""
    ask = ask_of(request)
    rows = await reporting.queue_rows(ask, reporting.checked(QueueReportQuery, dict(request.query)))
    zone = reporting.zone_of(ask)
    return answer({"items": [reporting.queue_data(row, zone) for row in rows]})


async def show_agent_report(request: web.Request) -> web.StreamResponse:
    """Agents over a time."""
    ask = ask_of(request)
    rows = await reporting.agent_rows(ask, reporting.checked(AgentReportQuery, dict(request.query)))
    zone = reporting.zone_of(ask)
    return answer({"items": [reporting.agent_data(row, zone) for row in rows]})


async def show_queue_log(request: web.Request) -> web.StreamResponse:
    """app_queue's queue_log of a time, sent as it is read."""
    ask = ask_of(request)
    lines = reporting.queue_log(ask, reporting.checked(PeriodQuery, dict(request.query)))
    headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    response: web.StreamResponse | None = None
    async with aclosing(lines):
        async for block in lines:
            if response is None:
                response = web.StreamResponse(headers=headers)
                await response.prepare(request)
            await response.write(block)
    if response is None:
        return web.Response(headers=headers)
    await response.write_eof()
    return response


async def show_promises(request: web.Request) -> web.StreamResponse:
    """Promised against actual waits over a time."""
    ask = ask_of(request)
    rows = await reporting.promise_rows(ask, reporting.checked(PromiseQuery, dict(request.query)))
    return answer({"items": [msgspec.to_builtins(row) | {"share_within": row.share_within} for row in rows]})


async def list_formulas(request: web.Request) -> web.StreamResponse:
    """Every formula, its source and its text."""
    return answer({"items": reporting.formula_data()})


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/reports/queues", handler=show_queue_report, operation=Operation.REPORTS_SEE,
        doc=Doc(summary="Queues over a time, by every formula", answer=QueueReport, query=QueueReportQuery, refusals=(503,)),
    ),
    Route(
        method="GET", path="/api/v1/reports/agents", handler=show_agent_report, operation=Operation.REPORTS_SEE,
        doc=Doc(summary="Agents over a time: calls, misses, times, states", answer=AgentReport, query=AgentReportQuery, refusals=(503,)),
    ),
    Route(
        method="GET", path="/api/v1/reports/queue_log", handler=show_queue_log, operation=Operation.REPORTS_SEE,
        doc=Doc(
            summary="app_queue's queue_log, for QueueMetrics, Asternic and the like", query=PeriodQuery, media="text/plain", refusals=(503,)
        ),
    ),
    Route(
        method="GET", path="/api/v1/reports/promises", handler=show_promises, operation=Operation.REPORTS_SEE,
        doc=Doc(summary="Expected waits against what they became", answer=PromiseReport, query=PromiseQuery, refusals=(503,)),
    ),
    Route(
        method="GET", path="/api/v1/reports/formulas", handler=list_formulas, operation=Operation.REPORTS_SEE,
        doc=Doc(summary="Every formula with its source and its text", answer=FormulaList),
    ),
)  # fmt: skip
