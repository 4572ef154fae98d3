"""Queues, agents, offers: data of the ACD. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from callcenter.basics.vocabulary import Language


class Mode(StrEnum):
    """What an agent asks to be."""

    READY = "ready"
    PAUSED = "paused"
    OFFLINE = "offline"


class AgentState(StrEnum):
    """What an agent is: follows from the mode, from what goes on, and from whether the phone can be reached."""

    OFFLINE = "offline"
    READY = "ready"
    PAUSED = "paused"
    RINGING = "ringing"
    TALKING = "talking"
    WRAPUP = "wrapup"
    UNREACHABLE = "unreachable"


class OfferEnd(StrEnum):
    """The one end of an offer."""

    ANSWERED = "answered"
    DECLINED = "declined"
    BUSY = "busy"
    TIMED_OUT = "timed_out"
    CALLER_GONE = "caller_gone"
    UNREACHABLE = "unreachable"
    FAILED = "failed"


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as set up."""

    number: str
    """Job number and extension."""
    name: str
    language: Language
    sip_password: str
    pin: str


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue as set up."""

    name: str
    title: str
    strategy: str
    ring_timeout_s: int
    wrap_up_s: int
    max_wait_s: int | None
    """None: callers wait as long as they like."""
    announce_agent: bool
    record_calls: bool
    music: str
    weight: int


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An agent serves a queue; a higher penalty is asked later."""

    queue: str
    agent: str
    penalty: int


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """This agent's phone is to ring for this call, and why."""

    id: str
    call: str
    queue: str
    agent: str
    because: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An agent is in another state from ``since_ms`` on."""

    agent: str
    state: AgentState
    reason: str
    since_ms: int
    by: str
    call: str
    mode: Mode
    reachable: bool


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one atomic step decided."""

    offers: tuple[Offer, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    @property
    def stale(self) -> bool:
        """Whether the step came too late and changed nothing."""
        return "stale" in self.notes


class AgentNow(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as a live screen shows it."""

    number: str
    name: str
    state: AgentState
    mode: Mode
    reason: str
    since_ms: int
    """Since when in this state, UTC milliseconds."""
    reachable: bool
    """Whether the phone is registered and answers."""
    call: str
    queues: tuple[str, ...]


class QueueNow(msgspec.Struct, frozen=True, kw_only=True):
    """A queue as a live screen shows it."""

    name: str
    title: str
    waiting: int
    longest_since_ms: int | None
    """Since when the first caller waits, UTC milliseconds."""
    agents: dict[str, int]
    """How many agents are in each state."""
