"""Queues, agents, offers: data of the ACD. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from callcenter.acd.rules import Rules
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


class Staffing(StrEnum):
    """Whether anybody works for a queue."""

    NOBODY = "nobody"
    """Nobody is signed on."""
    ALL_PAUSED = "all_paused"
    AT_WORK = "at_work"


class Strategy(StrEnum):
    """Which of the free agents is asked first. Penalty comes before it, then the longest idle, then the lowest number."""

    LONGEST_IDLE = "longest_idle"
    FEWEST_CALLS = "fewest_calls"
    """Fewest calls answered since signing on."""
    LEAST_TALK = "least_talk"
    """Least talk time since signing on."""
    ROUND_ROBIN = "round_robin"
    """Whose turn in this queue is longest ago; the order is remembered over restarts."""
    LINEAR = "linear"
    """The first in the list who is free."""
    RANDOM = "random"
    WEIGHTED = "weighted"
    """Calls in proportion to each member's weight."""
    RING_ALL = "ring_all"
    """All who are free at once, up to ``ring_most`` phones; one wins."""
    RING_PROGRESSIVE = "ring_progressive"
    """The longest idle, and every ``widen_s`` seconds one more, the first ones ringing on."""


class OfferEnd(StrEnum):
    """The one end of an offer."""

    ANSWERED = "answered"
    DECLINED = "declined"
    BUSY = "busy"
    TIMED_OUT = "timed_out"
    CALLER_GONE = "caller_gone"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    ELSEWHERE = "elsewhere"
    """Another phone that rang for the same caller was answered first."""


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as set up."""

    number: str
    """Job number and extension."""
    name: str
    language: Language
    sip_password: str
    pin: str
    skills: dict[str, int] = msgspec.field(default_factory=dict)
    """Skill → level, 1 to 10."""
    desk: str = ""
    """Where the agent is signed on, as ``desks.desk_of`` reads it; empty: at the own phone."""
    confirms_outside: bool = True
    """At a telephone outside a call is theirs only once they press 1."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue as set up."""

    name: str
    title: str
    strategy: Strategy = Strategy.LONGEST_IDLE
    ring_timeout_s: int = 20
    wrap_up_s: int = 5
    max_wait_s: int | None = None
    """None: callers wait as long as they like."""
    announce_agent: bool = True
    record_calls: bool = True
    music: str = "default"
    head_start_s: int = 0
    """Priority between queues: its callers count as having waited this much longer."""
    priority_step_s: int = 60
    """What one point of a caller's priority counts, as waiting time."""
    return_window_s: int = 180
    """A caller who went away and rings again within this time gets the place back; 0 never."""
    ring_most: int = 20
    widen_s: int = 8
    preferred_wait_s: int = 0
    """How long a caller waits for their own agent before anybody may answer."""
    auto_pause_after: int = 0
    """Missed calls in a row after which an agent is paused; 0 never."""
    wrap_up_extra_s: int = 60
    """By how much an agent may prolong a wrap-up at a time; 0: not at all."""
    service_level_s: int = 20
    """Answered within this time is in time, for reports."""
    rules: Rules = Rules()


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An agent serves a queue; a higher penalty is asked later."""

    queue: str
    agent: str
    penalty: int = 0
    weight: int = 1
    """Share of the calls under the strategy ``weighted``."""
    position: int = 0
    """Place in the list under the strategy ``linear``."""


class PauseReason(msgspec.Struct, frozen=True, kw_only=True):
    """Why an agent may pause."""

    name: str
    title_zh: str
    title_en: str
    paid: bool = True
    limit_s: int | None = None
    """How long it may last; None: without limit."""
    ends: bool = False
    """Whether it is over by itself at the limit; otherwise it only shows as too long."""
    position: int = 0


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """An agent who was thought of, and what came of it."""

    agent: str
    verdict: str


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """This agent's phone is to ring for this call, and why."""

    id: str
    call: str
    queue: str
    agent: str
    made_ms: int = 0
    """When it was made, UTC milliseconds; 0: by a worker before us."""
    because: tuple[str, ...] = ()
    considered: tuple[Considered, ...] = ()
    """Every member of a queue of up to 40; of larger queues nobody."""


class EndedOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that ended because the call did: answered elsewhere, or the caller gone."""

    id: str
    call: str
    agent: str
    end: OfferEnd


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
    until_ms: int
    """When a pause or wrap-up is over or should be, UTC milliseconds; 0: no limit."""
    fresh: bool
    """False when the state is the same: only ``until_ms`` or ``reachable`` is another."""
    revision: int = 0
    """Counts the agent's changes: answers of Redis may be read in another order than that in which the steps were taken."""


class WrapUp(msgspec.Struct, frozen=True, kw_only=True):
    """After-call work that is over."""

    agent: str
    call: str
    since_ms: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one atomic step decided."""

    offers: tuple[Offer, ...] = ()
    changes: tuple[Change, ...] = ()
    ended: tuple[EndedOffer, ...] = ()
    wrapups: tuple[WrapUp, ...] = ()
    notes: tuple[str, ...] = ()
    due_ms: int = 0
    """When the next thing happens by itself, UTC milliseconds; 0: nothing is due."""

    @property
    def stale(self) -> bool:
        """Whether the step came too late and changed nothing."""
        return "stale" in self.notes

    @property
    def forgotten(self) -> bool:
        """Whether Redis has lost everything: the step was not taken."""
        return "forgotten" in self.notes


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
    until_ms: int = 0
    """When a pause or wrap-up is over or should be, UTC milliseconds; 0: no limit."""


class QueueNow(msgspec.Struct, frozen=True, kw_only=True):
    """A queue as a live screen shows it."""

    name: str
    title: str
    waiting: int
    longest_since_ms: int | None
    """Since when the first caller waits, UTC milliseconds."""
    agents: dict[str, int]
    """How many agents are in each state."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting caller as the match sees them now."""

    found: bool
    queue: str = ""
    position: int = 0
    """1 is next."""
    since_ms: int = 0
    priority: int = 0
    head_start_ms: int = 0
    ring: int = 1
    """Which of the widening rings is in force."""
    next_at_ms: int = 0
    """When the next ring begins, UTC milliseconds; 0: there is none."""
    next_class: str = ""
    """Whom the next ring asks."""
    agents: tuple[Considered, ...] = ()
