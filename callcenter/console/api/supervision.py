"""Supervisors with calls in the API: listen, whisper, barge in, take over, leave; a waiting caller moved to another queue."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from pydantic import Field

from callcenter.basics.errors import BadRequest
from callcenter.console.api.models import Body, Controlled
from callcenter.console.asking import answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Handler, Route


class SuperviseParams(Body):
    """With which phone."""

    phone: str = Field("", pattern=r"^([0-9]{2,8})?$", description="The phone that rings; the signed-in user's own when none is given.")


class MoveParams(Body):
    """Where a waiting caller goes."""

    queue: str = Field(max_length=40)


class Supervised(Controlled):
    """The call after what was done."""

    phase: str
    supervisors: list[dict[str, object]] = Field(description="phone, by, mode, since_ms: 0 while the phone rings.")


def _supervises(action: str) -> Handler:
    """What does ``action`` with a call, as its supervisor."""

    async def supervise(request: web.Request) -> web.StreamResponse:
        ask, call = ask_of(request), request.match_info["call"]
        phone = (await body_of(request, SuperviseParams)).phone or ask.who.agent
        if not phone:
            raise BadRequest("phone: say which phone rings; this user has none of their own", field="phone")
        done = await ask.parts.calls.control(call, action, {"phone": phone}, ask.who.label)
        await ask.audit(f"calls.{action}", call, phone=phone)
        return answer(done)

    supervise.__name__ = action.replace("-", "_")
    return supervise


async def move(request: web.Request) -> web.StreamResponse:
    """A waiting caller goes on waiting in another queue."""
    ask, call = ask_of(request), request.match_info["call"]
    wanted = await body_of(request, MoveParams)
    done = await ask.parts.calls.control(call, "move", {"queue": wanted.queue}, ask.who.label)
    await ask.audit("calls.move", call, queue=wanted.queue)
    return answer(done)


_SUMMARIES: Final = {
    "listen": "Hear a call, heard by nobody; switches a supervisor who is with it already",
    "monitor": "The same as listen",
    "whisper": "Hear a call and speak to its agent alone",
    "barge": "Speak with both sides of a call",
    "take-over": "Become the call's agent; the one before is let go",
    "leave": "Be with the call no longer; it goes on",
}

ROUTES: Final = (
    *(
        Route(
            method="POST", path=f"/api/v1/calls/{{call}}/{action}", handler=_supervises(action), operation=Operation.CALLS_SUPERVISE,
            doc=Doc(summary=summary, body=SuperviseParams, answer=Supervised, refusals=(404, 409, 503)),
        )
        for action, summary in _SUMMARIES.items()
    ),
    Route(
        method="POST", path="/api/v1/calls/{call}/move", handler=move, operation=Operation.WAITING_CHANGE,
        doc=Doc(
            summary="Move a waiting caller to another queue, the time waited kept",
            body=MoveParams, answer=Supervised, refusals=(404, 409, 503),
        ),
    ),
)  # fmt: skip
