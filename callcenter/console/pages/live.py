"""The live page."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callcenter.basics import clock
from callcenter.console import live, reasons
from callcenter.console.asking import ask_of, see_other
from callcenter.console.rights import Operation
from callcenter.console.table import Route


async def home(request: web.Request) -> web.StreamResponse:
    """Where everybody begins."""
    return see_other("/live")


async def show(request: web.Request) -> web.StreamResponse:
    """Queues, agents and calls as they are; the stream keeps them so."""
    ask = ask_of(request)
    return ask.page("live.html", rows=await live.snapshot(ask), now_ms=clock.utc_ms())


async def show_waiting(request: web.Request) -> web.StreamResponse:
    """Why one caller still waits."""
    ask, call = ask_of(request), request.match_info["call"]
    found = await ask.parts.acd.explain(call)
    agents = [(one.agent, reasons.said(ask.words.gettext, one.verdict)) for one in found.agents]
    return ask.page("waiting.html", call=call, found=found, agents=agents, now_ms=clock.utc_ms())


ROUTES: Final = (
    Route(method="GET", path="/", handler=home, operation=Operation.SIGNED_IN),
    Route(method="GET", path="/live", handler=show, operation=Operation.LIVE_SEE),
    Route(method="GET", path="/live/waiting/{call}", handler=show_waiting, operation=Operation.WAITING_CHANGE),
    Route(method="GET", path="/live/stream", handler=live.stream, operation=Operation.LIVE_SEE),
)
