"""A past day as the ledger knows it, and what a replay makes of it. Pure data; moments are UTC milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from callcenter.acd.model import Agent, Member, Mode, OfferEnd, Queue
from callcenter.ledger.agent_time import Change
from callcenter.reports.model import Visit

ABANDONED: Final = "abandoned"
ANSWERED: Final = "answered"


class SetUp(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves what, and by which rules."""

    agents: Mapping[str, Agent]
    queues: Mapping[str, Queue]
    members: Mapping[tuple[str, str], Member]
    """By queue and agent."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who came to a queue by themselves; where rules sent them on is the replay's to find out."""

    name: str
    """The call; with ``#2`` for its second such visit, and so on."""
    queue: str
    entered_ms: int
    since_ms: int
    """Since when they waited, which decides the order; earlier than ``entered_ms`` when they brought a wait along."""
    priority: int = 0
    raised: tuple[tuple[int, int], ...] = ()
    """When somebody gave them another priority while they waited, and which."""
    need: Mapping[str, int] = {}
    preferred: str = ""
    number: str = ""
    waited_ms: int = 0
    """As it was, until an agent, or whatever else, ended it."""
    patience_ms: int | None = None
    """After this wait they went away by themselves; None: they did not, so how long they would have waited is unknown."""
    gives_up_as: str = ABANDONED
    """In what words they went away: abandoned, key, callback, other."""


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversation took of an agent's time, milliseconds."""

    announce_ms: int = 0
    talk_ms: int = 0
    """Hold included."""
    wrap_ms: int = 0


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """How long a phone rang, and what came of it."""

    lasted_ms: int
    end: OfferEnd


class Habit(msgspec.Struct, frozen=True, kw_only=True):
    """How an agent dealt with offers that were the agent's to take."""

    answers_ms: tuple[int, ...] = ()
    """How long the phone rang before each answer."""
    misses: tuple[Ring, ...] = ()

    @property
    def chances(self) -> int:
        """Offers that the agent could have taken."""
        return len(self.answers_ms) + len(self.misses)


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """From ``at_ms`` on an agent wants to be this, or the phone can or can't be reached."""

    at_ms: int
    mode: Mode | None = None
    reason: str = ""
    reachable: bool | None = None


class OtherWork(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that no replayed queue brought about."""

    call: str
    agent: str
    from_ms: int
    to_ms: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A visit as the ledger has it, and whose."""

    call: str
    caller: str
    direction: str
    visit: Visit


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A visit to a queue, and who answered."""

    name: str
    """The caller's."""
    agent: str
    """Empty: nobody."""
    visit: Visit


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """All of a past day that a replay needs."""

    begin_ms: int
    end_ms: int
    until_ms: int
    """So long what agents did is known: who came late in the day is still served after it."""
    callers: tuple[Caller, ...]
    """In the order in which they came."""
    served: tuple[Served, ...]
    """What became of them."""
    handling: Mapping[str, Handling]
    """By caller, of those who were answered and whose call is over."""
    rings: Mapping[tuple[str, str], tuple[Ring, ...]]
    """By caller and agent: what came of the offers of the day, in their order."""
    habits: Mapping[str, Habit]
    """By agent."""
    shifts: Mapping[str, tuple[Shift, ...]]
    """By agent."""
    states: Mapping[str, tuple[Change, ...]]
    """By agent: what they were as it was, the day's own talk included."""
    other_work: tuple[OtherWork, ...]
    notes: tuple[str, ...]
    """What of the day could not be replayed, in words."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to."""

    served: tuple[Served, ...]
    """In the order in which the visits ended; those who still waited last."""
    states: Mapping[str, tuple[Change, ...]]
    notes: tuple[str, ...] = ()
