"""What goes in and out of /api/v1, as OpenAPI tells it. Durations are milliseconds, moments ISO 8601 with a zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from callcenter.basics.vocabulary import Direction, Language, Outcome


class Body(BaseModel):
    """A request's body: unknown fields are refused, so that typing errors don't go unnoticed."""

    model_config = ConfigDict(extra="forbid")


class Row(BaseModel):
    """Part of an answer; fields may be added in later versions."""

    model_config = ConfigDict(extra="allow")


class Problem(Row):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="What kind of error: a slug that does not change.")
    title: str
    status: int
    detail: str = ""


class CallQuery(Body):
    """Which calls to list; everything given must hold."""

    since: datetime | None = Field(None, description="Started at this moment or later; without a zone: the centre's.")
    until: datetime | None = Field(None, description="Started before this moment.")
    number: str | None = Field(None, max_length=40, description="Caller's or dialled number, or a part of it.")
    agent: str | None = Field(None, max_length=8)
    queue: str | None = Field(None, max_length=40)
    direction: Direction | None = None
    outcome: Outcome | None = None
    min_talk_s: int | None = Field(None, ge=0, le=864_000, description="Talked at least this many seconds.")
    limit: int = Field(50, ge=1, le=200)
    after: str | None = Field(None, max_length=200, description="``next`` of the page before.")


class Call(Row):
    """A call as lists show it."""

    id: str
    direction: str
    caller: str
    caller_name: str = ""
    dialled: str
    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    wait_ms: int | None = None
    ring_ms: int | None = None
    talk_ms: int | None = None
    hold_ms: int | None = None
    wrapup_ms: int | None = None
    queue: str | None = None
    agent: str | None = None
    ended_by: str | None = None
    cause: int | None = None
    outcome: str | None = None
    dtmf_path: str | None = None
    language: str | None = None


class Leg(Row):
    """One channel of a call."""

    id: str
    role: str
    party: str
    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None


class Segment(Row):
    """A stretch of a call: menu, queue, ringing, announcing, talking, held."""

    kind: str
    started_at: datetime
    ended_at: datetime | None = None


class EventRow(Row):
    """One thing that happened; docs/api.md lists the kinds."""

    id: str
    kind: str
    at_ms: int = Field(description="UTC milliseconds since 1970, by Asterisk's clock where it told.")


class RecordingRow(Row):
    """A recording of the call and where it stands."""

    id: str
    state: str


class Story(Row):
    """One call from beginning to end."""

    call: Call
    legs: list[Leg]
    segments: list[Segment]
    events: list[EventRow]
    recordings: list[RecordingRow]


class CallPage(Row):
    """A page of calls, newest first."""

    items: list[Call]
    next: str | None = Field(None, description="Give it as ``after`` for the next page; null on the last one.")


class LiveAgent(Row):
    """An agent now."""

    number: str
    name: str
    state: str
    reason: str
    since_ms: int
    reachable: bool
    call: str


class LiveQueue(Row):
    """A queue now."""

    name: str
    title: str
    waiting: int
    longest_since_ms: int | None = None


class LiveCall(Row):
    """A call that is up."""

    id: str
    phase: str
    caller: str
    dialled: str
    since_ms: int
    started_ms: int


class Live(Row):
    """Everything live screens show, now."""

    now_ms: int
    queues: list[LiveQueue]
    agents: list[LiveAgent]
    calls: list[LiveCall]


class AgentList(Row):
    """Every agent who may work."""

    items: list[LiveAgent]


class AgentAdd(Body):
    """A new agent: a job number that becomes a phone and a user at once."""

    number: str = Field(pattern=r"^[0-9]{2,8}$", description="Job number and extension.")
    name: str = Field("", max_length=80)
    language: Language = Language.ZH
    queues: list[str] = Field(default_factory=list, max_length=200)
    password: str | None = Field(None, description="For the console; generated when not given.")


class AgentAdded(Row):
    """What the new agent needs, shown this once."""

    number: str
    sip_password: str
    password: str
    pin: str


class StateChange(Body):
    """What an agent is to be."""

    state: Literal["ready", "paused", "offline"]
    reason: str = Field("", max_length=80)
    phone: str | None = Field(
        None,
        pattern=r"^(own|[0-9]{2,8}|outside:\+?[0-9]{3,20})$",
        description="Where calls ring until the agent signs off: own, a phone's number, or outside:NUMBER; null: as it is.",
    )
    confirms: bool = Field(True, description="Outside: the call is theirs only once they press 1, which no machine does.")


class ControlParams(Row):
    """What a control needs beyond its name; each ignores what it does not know."""


class Originate(Body):
    """Click to dial: the agent's phone rings first."""

    agent: str = Field(pattern=r"^[0-9]{2,8}$")
    to: str = Field(pattern=r"^\+?[0-9*#]{1,32}$")


class Originated(Row):
    """The call that was begun."""

    agent: str


class Controlled(Row):
    """The call after what was done."""

    id: str


class Items(Row):
    """A list that is short enough to be whole."""

    items: list[dict[str, Any]]


class FlowPut(Body):
    """A flow as data; refused with place and reason when it can't be run."""

    model_config = ConfigDict(extra="allow")


class FlowSaved(Row):
    """The new version."""

    name: str
    version: int


class PromptRow(Row):
    """A prompt in one language."""

    language: Language
    name: str = Field(description="The catalogue's, ``agents/NUMBER`` or ``own/NAME``.")
    text: str = Field(description="What the synthesised one says; empty for ``own/…``.")
    source: Literal["own", "synthesised", "missing"] = Field(description="Whose voice callers hear.")
    length_s: float | None = Field(None, description="Seconds; null while it is missing.")


class PromptList(Row):
    """Every prompt."""

    items: list[PromptRow]


class Health(Row):
    """Whether the centre works, and each part's state."""

    ok: bool
    parts: dict[str, Any]
