"""The structured rules of a queue: who may answer and how that widens, overflow, announcements, callback. Pure data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

Seconds = Annotated[int, msgspec.Meta(ge=0, le=86400)]
Level = Annotated[int, msgspec.Meta(ge=1, le=10)]
Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]{0,39}$")]
Sound = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9/_-]{0,79}$")]
ClockTime = Annotated[str, msgspec.Meta(pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
"""``HH:MM``; ``24:00`` is the end of the day."""
Day = Annotated[str, msgspec.Meta(pattern="^(mon|tue|wed|thu|fri|sat|sun|holiday)$")]
Hours = Annotated[tuple[tuple[ClockTime, ClockTime], ...], msgspec.Meta(max_length=10)]


class Ring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """From ``after_s`` seconds of waiting on, these agents may answer. Replaces the ring before it."""

    after_s: Seconds
    need: dict[Name, Level] = {}
    """Skill → least level."""
    most_penalty: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    """Agents with a higher penalty are not asked; None: all are."""
    keeps_needs: bool = True
    """False: the skills that number, menu or caller asked for no longer count."""


class When(StrEnum):
    """What an overflow rule looks at."""

    WAITED = "waited"
    """The caller has waited ``than`` seconds in this queue."""
    LENGTH = "length"
    """``than`` callers or more stand before the caller when they come."""
    EXPECTED_WAIT = "expected_wait"
    """The upper end of the expected wait when the caller comes is ``than`` seconds or more."""
    NO_AGENTS = "no_agents"
    """Nobody of the queue is signed on."""
    ALL_PAUSED = "all_paused"
    """Everybody signed on is paused."""
    CLOSED = "closed"
    """The queue's opening hours are over, for callers who come."""
    CLOSING = "closing"
    """The queue's opening hours end while the caller waits."""


class To(StrEnum):
    """Where an overflow rule sends the caller."""

    QUEUE = "queue"
    AGENT = "agent"
    NUMBER = "number"
    VOICEMAIL = "voicemail"
    ANNOUNCEMENT = "announcement"
    """Says ``target``, then ends the call."""
    CALLBACK = "callback"


class Overflow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When this is so, the caller goes there. The first rule that fits counts."""

    when: When
    than: Seconds = 0
    to: To
    target: Annotated[str, msgspec.Meta(max_length=80)] = ""
    """A queue, agent, number, box or prompt; empty where ``to`` needs none (voicemail: the queue's own box)."""
    keeps_wait: bool = True
    """To another queue: the time waited so far counts there."""


class Announcements(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What waiting callers hear besides music. All off unless set."""

    first_after_s: Seconds = 15
    every_s: Seconds = 0
    """Position and expected wait are said this often; 0: never."""
    position: bool = True
    expected_wait: bool = True
    only_if_improved: bool = False
    """Said again only when the position or the wait is better than what was said before."""
    comfort: Annotated[tuple[Sound, ...], msgspec.Meta(max_length=20)] = ()
    """Messages and adverts said in turn, names without language (``own/we-value-you``)."""
    comfort_every_s: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 45


class CallbackRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Callback that keeps the place."""

    offered: bool = False
    """Whether callers are told of it, by key."""
    key: Annotated[str, msgspec.Meta(pattern="^[0-9*#]$")] = "1"
    after_s: Seconds = 30
    """Told of for the first time after this wait."""
    every_s: Annotated[int, msgspec.Meta(ge=15, le=3600)] = 60
    expected_wait_s: Seconds = 0
    """Only told of when the expected wait is at least this."""
    agent_first: bool = True
    """False: the caller is rung as soon as they are next in line, and then waits for the agent like everybody else."""
    tries: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    retry_s: Annotated[int, msgspec.Meta(ge=10, le=86400)] = 300


class OpeningHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a queue is open, in the centre's zone."""

    days: dict[Day, Hours] = {}
    """Day → stretches (from, to); ``to`` before ``from`` goes over midnight, ``to`` the same as ``from`` is 24 hours.

    A day that is not named is closed. ``holiday`` replaces the day's own hours on public holidays; without it they count.
    A shifted Saturday has
    Friday's hours, a shifted Sunday Monday's.
    """


class Own(StrEnum):
    """Which agent is a caller's own."""

    OWNER = "owner"
    """Whose customer the caller is, by the list of callers."""
    LAST = "last"
    """Who talked with them last."""


class OwnAgent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whether a caller's own agent is asked first, for as long as the queue's ``preferred_wait_s``."""

    by: Annotated[tuple[Own, ...], msgspec.Meta(max_length=2)] = ()
    """The first of these who serves the queue; empty: nobody is preferred."""
    last_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 30
    """A talk longer ago counts no more."""
    any_queue: bool = False
    """``last``: in whatever queue they talked; else in this one."""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rules of one queue."""

    rings: Annotated[tuple[Ring, ...], msgspec.Meta(max_length=20)] = ()
    """Who may answer, widening; empty: every member from the beginning."""
    overflow: Annotated[tuple[Overflow, ...], msgspec.Meta(max_length=20)] = ()
    announcements: Announcements = Announcements()
    callback: CallbackRules = CallbackRules()
    own_agent: OwnAgent = OwnAgent()
    hours: OpeningHours | None = None
    """None: always open."""
