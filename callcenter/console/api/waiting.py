"""Callers who wait, and agents who finish a call, in the API: explained, moved forward, given more time."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from pydantic import Field

from callcenter.basics.errors import TooLate
from callcenter.console.api.models import Body, LiveAgent, Row
from callcenter.console.asking import answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route


class PriorityPut(Body):
    """A waiting caller's priority."""

    priority: int = Field(ge=-100, le=100, description="Points; each counts as the queue's priority_step_s of waiting.")


class Prioritised(Row):
    """The priority as it is now."""

    call: str
    priority: int


class ExplanationRow(Row):
    """Whom a caller waits for."""

    queue: str
    position: int = Field(description="1 is next.")
    since_ms: int = Field(description="Since when the caller waits, UTC milliseconds.")
    priority: int
    head_start_ms: int = Field(description="What queue and priority count as waiting time.")
    ring: int = Field(description="Which of the queue's widening rings is in force.")
    next_at_ms: int = Field(description="When the next ring begins, UTC milliseconds; 0: there is none.")
    next_class: str = Field(description="Whom the next ring asks.")
    agents: list[dict[str, Any]] = Field(description="Every agent of the queue, and what rules each out.")


async def explain(request: web.Request) -> web.StreamResponse:
    """Why a caller still waits: who was considered, what rules each out, what comes next."""
    ask, call = ask_of(request), request.match_info["call"]
    found = await ask.parts.acd.explain(call)
    if not found.found:
        raise TooLate(f"call {call!r:.60} is not waiting")
    return answer(found)


async def prioritise(request: web.Request) -> web.StreamResponse:
    """Another priority for a caller who waits, at once."""
    ask, call = ask_of(request), request.match_info["call"]
    wanted = await body_of(request, PriorityPut)
    await ask.parts.calls.prioritise(call, wanted.priority, ask.who.label)
    await ask.audit("calls.prioritise", call, priority=wanted.priority)
    return answer({"call": call, "priority": wanted.priority})


async def extend_wrap_up(request: web.Request) -> web.StreamResponse:
    """More time for an agent's after-call work."""
    ask, number = ask_of(request), request.match_info["number"]
    ask.must(number)
    return answer(await ask.parts.acd.extend_wrap_up(number))


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/calls/{call}/explanation", handler=explain, operation=Operation.WAITING_CHANGE,
        doc=Doc(summary="Why a caller still waits", answer=ExplanationRow, refusals=(409, 503)),
    ),
    Route(
        method="PUT", path="/api/v1/calls/{call}/priority", handler=prioritise, operation=Operation.WAITING_CHANGE,
        doc=Doc(summary="Give a waiting caller another priority", body=PriorityPut, answer=Prioritised, refusals=(404, 409, 503)),
    ),
    Route(
        method="POST", path="/api/v1/agents/{number}/wrapup/extend", handler=extend_wrap_up, operation=Operation.AGENTS_STATE,
        doc=Doc(summary="More time for the after-call work", answer=LiveAgent, refusals=(404, 409, 503)),
    ),
)  # fmt: skip
