"""Conferences in the API: rooms as they are set up, what goes on in them, and everything that can be done there."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from aiohttp import web
from pydantic import Field, ValidationError

from callcenter.basics.errors import BadRequest
from callcenter.conferences import store
from callcenter.conferences.model import Conference, Role
from callcenter.console.api.models import Body, Row
from callcenter.console.asking import answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route
from callcenter.live.board import Topic


class ConferencePut(Body):
    """A conference room; what is not given is as by default."""

    title: str = Field("", max_length=80)
    number: str = Field(pattern=r"^\+?[0-9*#]{1,32}$", description="What is dialled to enter.")
    language: Literal["zh", "en"] = "zh"
    guest_pin: str = Field("", pattern=r"^([0-9]{4,12})?$", description="Empty: guests need none.")
    moderator_pin: str = Field("", pattern=r"^([0-9]{4,12})?$", description="Empty: there is no moderator.")
    most_members: int = Field(50, ge=2, le=200)
    waits_for_moderator: bool = False
    ends_with_moderator: bool = False
    muted_on_entry: bool = False
    announces: Literal["off", "tone", "count"] = "tone"
    records: bool = False
    opens_at: datetime | None = Field(None, description="With its zone; nobody enters before.")
    closes_at: datetime | None = Field(None, description="With its zone; the conference ends then.")


class ConferenceRow(ConferencePut):
    """A conference room."""

    name: str


class ConferenceMember(Row):
    """Somebody in a conference."""

    call: str
    number: str
    name: str
    role: Role
    muted: bool
    hand_ms: int = Field(description="Since when the hand is up, UTC ms; 0: it is not.")
    talking: bool
    joined_ms: int


class LiveConference(Row):
    """A conference that is going on."""

    name: str
    title: str
    number: str
    since_ms: int
    locked: bool
    begun: bool = Field(description="False while guests wait for a moderator.")
    recording: bool
    members: list[ConferenceMember]


class ConferenceList(Row):
    """All rooms, and what goes on."""

    items: list[ConferenceRow]
    live: list[LiveConference]


class ConferenceRemoved(Row):
    """Which room is gone."""

    name: str


class ConferenceParams(Body):
    """What a control needs."""

    member: str = Field("", max_length=60, description="The member's call: for mute, unmute, kick, lower-hand.")


class ConferenceDone(Row):
    """What was done."""

    name: str
    action: str


class Invitation(Body):
    """Whom to ask in."""

    to: str = Field(max_length=32, description="An agent's number or a number outside.")
    role: Role = Role.GUEST


class Invited(Row):
    """The call that is made for it."""

    name: str
    call: str


async def list_conferences(request: web.Request) -> web.StreamResponse:
    """Rooms and what goes on in them; PINs only for those who may change them."""
    ask = ask_of(request)
    hides = not ask.who.may(Operation.CONFERENCES_CHANGE)
    rooms = [conference.model_dump(mode="json") for conference in await store.read_conferences(ask.parts.pool)]
    for room in rooms if hides else []:
        room["guest_pin"] = room["moderator_pin"] = ""
    live = (await ask.parts.board.snapshot())[Topic.CONFERENCES]
    return answer({"items": rooms, "live": [live[name] for name in sorted(live)]})


async def save_conference(request: web.Request) -> web.StreamResponse:
    """Set a room up, or change it; who is in it stays."""
    ask, name = ask_of(request), request.match_info["name"]
    wanted = await body_of(request, ConferencePut)
    try:
        conference = Conference(name=name, **wanted.model_dump())
    except ValidationError as error:
        faults = [(".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")) for fault in error.errors()]
        raise BadRequest("; ".join(f"{field}: {why}" if field else why for field, why in faults)) from error
    await store.put_conference(ask.parts.pool, conference)
    shown: dict[str, Any] = conference.model_dump(mode="json", exclude={"guest_pin", "moderator_pin"})
    await ask.audit("conferences.change", f"conference:{name}", **shown)
    await ask.parts.changed()
    return answer(conference)


async def remove_conference(request: web.Request) -> web.StreamResponse:
    """Remove a room; who is in it may stay until they leave."""
    ask, name = ask_of(request), request.match_info["name"]
    await store.remove_conference(ask.parts.pool, name)
    await ask.audit("conferences.change", f"conference:{name}", removed=True)
    await ask.parts.changed()
    return answer({"name": name})


async def invite(request: web.Request) -> web.StreamResponse:
    """Call somebody into a conference."""
    ask, name = ask_of(request), request.match_info["name"]
    wanted = await body_of(request, Invitation)
    call = await ask.parts.conferences.invite(name, wanted.to, wanted.role, ask.who.label)
    await ask.audit("conferences.invite", f"conference:{name}", to=wanted.to, call=call)
    return answer({"name": name, "call": call}, status=202)


async def control(request: web.Request) -> web.StreamResponse:
    """Do something with a conference that is going on."""
    ask, name, action = ask_of(request), request.match_info["name"], request.match_info["action"]
    params = await body_of(request, ConferenceParams)
    await ask.parts.conferences.control(name, action, params.member, ask.who.label)
    await ask.audit(f"conferences.{action[:40]}", f"conference:{name}", member=params.member)
    return answer({"name": name, "action": action})


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/conferences", handler=list_conferences, operation=Operation.CONFERENCES_SEE,
        doc=Doc(summary="Conference rooms and what goes on in them", answer=ConferenceList, refusals=(503,)),
    ),
    Route(
        method="PUT", path="/api/v1/conferences/{name}", handler=save_conference, operation=Operation.CONFERENCES_CHANGE,
        doc=Doc(summary="Set a conference room up, or change it", body=ConferencePut, answer=ConferenceRow, refusals=(503,)),
    ),
    Route(
        method="DELETE", path="/api/v1/conferences/{name}", handler=remove_conference, operation=Operation.CONFERENCES_CHANGE,
        doc=Doc(summary="Remove a conference room", answer=ConferenceRemoved, refusals=(404, 503)),
    ),
    Route(
        method="POST", path="/api/v1/conferences/{name}/invite", handler=invite, operation=Operation.CONFERENCES_CONTROL,
        doc=Doc(summary="Call an agent or a number outside in", body=Invitation, answer=Invited, status=202, refusals=(404, 409, 503)),
    ),
    Route(
        method="POST", path="/api/v1/conferences/{name}/{action}", handler=control, operation=Operation.CONFERENCES_CONTROL,
        doc=Doc(
            summary="mute, unmute, kick, lower-hand (of a member); mute-all, unmute-all, lock, unlock, record, stop-recording, end",
            body=ConferenceParams, answer=ConferenceDone, refusals=(404, 409, 503),
        ),
    ),
)  # fmt: skip
