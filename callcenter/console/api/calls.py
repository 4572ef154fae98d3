"""Calls in the API: list, one, what is up now, controls, click to dial."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from callcenter.basics import clock
from callcenter.console import books, live
from callcenter.console.api.models import CallPage, CallQuery, Controlled, ControlParams, Live, Originate, Originated, Story
from callcenter.console.asking import answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route

SUPERVISORS_ONLY: Final = frozenset({"listen", "monitor", "whisper", "barge", "take-over", "leave", "move"})
"""Controls that have routes of their own, with a right of their own."""


async def list_calls(request: web.Request) -> web.StreamResponse:
    """A page of calls."""
    items, following = await books.list_calls(ask_of(request), books.checked_query(dict(request.query)))
    return answer({"items": items, "next": following})


async def show_call(request: web.Request) -> web.StreamResponse:
    """One call."""
    return answer(await books.read_story(ask_of(request), request.match_info["call"]))


async def show_live(request: web.Request) -> web.StreamResponse:
    """Everything as it is now."""
    rows = await live.snapshot(ask_of(request))
    return answer({"now_ms": clock.utc_ms(), **{str(topic): rows[topic] for topic in live.SHOWN}})


async def control(request: web.Request) -> web.StreamResponse:
    """Do something with a call that is up."""
    ask, call, action = ask_of(request), request.match_info["call"], request.match_info["action"]
    await ask.must_of_call(call)
    if action in SUPERVISORS_ONLY:
        ask.who.must(Operation.CALLS_SUPERVISE)
    if action.startswith("record-"):
        ask.who.must(Operation.RECORDINGS_CONTROL)
    params: dict[str, Any] = (await body_of(request, ControlParams)).model_dump()
    done = await ask.parts.calls.control(call, action, params, ask.who.label)
    await ask.audit(f"calls.{action[:40]}", call)
    return answer(done)


async def originate(request: web.Request) -> web.StreamResponse:
    """The agent's phone rings, then the number is dialled."""
    ask, wanted = ask_of(request), await body_of(request, Originate)
    ask.must(wanted.agent)
    return answer(await ask.parts.calls.originate(wanted.agent, wanted.to, ask.who.label), status=202)


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/calls", handler=list_calls, operation=Operation.CALLS_SEE,
        doc=Doc(summary="List calls, newest first", answer=CallPage, query=CallQuery),
    ),
    Route(
        method="GET", path="/api/v1/calls/{call}", handler=show_call, operation=Operation.CALLS_SEE,
        doc=Doc(summary="One call with legs, segments, events and recordings", answer=Story, refusals=(404,)),
    ),
    Route(
        method="POST", path="/api/v1/calls/{call}/{action}", handler=control, operation=Operation.CALLS_CONTROL,
        doc=Doc(
            summary="Do something with a call: hold, retrieve, hangup; others have paths of their own",
            body=ControlParams, answer=Controlled, refusals=(404, 409, 503),
        ),
    ),
    Route(
        method="POST", path="/api/v1/originate", handler=originate, operation=Operation.CALLS_ORIGINATE,
        doc=Doc(
            summary="Click to dial: the agent's phone rings first",
            body=Originate, answer=Originated, status=202, refusals=(404, 409, 503),
        ),
    ),
    Route(
        method="GET", path="/api/v1/live", handler=show_live, operation=Operation.LIVE_SEE,
        doc=Doc(summary="Queues, agents and calls now", answer=Live),
    ),
)  # fmt: skip
