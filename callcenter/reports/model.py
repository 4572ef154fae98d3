"""What reports count: a caller's visit to a queue, and the sums of many. Pure; times are milliseconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

FLOW_OUTS: Final = ("timeout", "overflow", "key", "closed", "full", "no_agents", "callback", "other")
"""How a visit ends without an agent and without the caller hanging up; ``other`` is whatever has no column of its own."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One caller's stay in one queue, from entering it to leaving it.

    A caller whose agent left during the announcement goes on waiting at the old place: that is still the same visit.
    """

    queue: str
    entered_ms: int
    how: str = ""
    """answered, abandoned, one of FLOW_OUTS, or empty while the caller waits."""
    wait_ms: int = 0
    """From entering to an agent's picking up, or to leaving."""
    announce_ms: int = 0
    """From the agent's picking up until the two hear each other; of answered visits only."""
    talk_ms: int = 0
    hold_ms: int = 0
    wrap_ms: int = 0
    is_over: bool = True
    """Whether the conversation has ended: only then its talk counts."""
    offers: int = 0
    missed: int = 0
    """Offers that the agent's side let go: declined, busy, not answered, not reachable."""
    offers_lost: int = 0
    """Offers that ended because the caller left while the phone rang."""
    offers_elsewhere: int = 0
    """Offers that ended because another phone that rang too was answered first: nobody's miss."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What visits (or an agent's work) add up to."""

    entered: int = 0
    waiting: int = 0
    """Not ended yet: in no formula, neither answered nor abandoned."""
    answered: int = 0
    answered_within: int = 0
    """Answered after at most the threshold."""
    handled: int = 0
    """Conversations that have ended; their talk, hold and wrap-up are below."""
    abandoned: int = 0
    abandoned_within: int = 0
    abandoned_short: int = 0
    """Abandoned after at most the short-abandon limit."""
    left_within: int = 0
    """Ended, however it did, after at most the threshold."""
    timeout: int = 0
    overflow: int = 0
    key: int = 0
    closed: int = 0
    full: int = 0
    no_agents: int = 0
    callback: int = 0
    other: int = 0
    wait_answered_ms: int = 0
    wait_abandoned_ms: int = 0
    longest_wait_ms: int = 0
    announce_ms: int = 0
    talk_ms: int = 0
    hold_ms: int = 0
    wrap_ms: int = 0
    offers: int = 0
    missed: int = 0
    offers_lost: int = 0
    offers_elsewhere: int = 0
    contact_ms: int = 0
    """An agent's time on contacts: talking, hold and wrap-up."""
    idle_ms: int = 0
    """An agent's time ready without a contact."""

    @property
    def flow_outs(self) -> int:
        """Visits that ended neither answered nor abandoned."""
        return self.timeout + self.overflow + self.key + self.closed + self.full + self.no_agents + self.callback + self.other

    @property
    def ended(self) -> int:
        """Visits that are over."""
        return self.answered + self.abandoned + self.flow_outs

    @property
    def chances(self) -> int:
        """Offers that an agent could have taken."""
        return self.offers - self.offers_elsewhere

    @property
    def handle_ms(self) -> int:
        """Talk, hold and wrap-up."""
        return self.talk_ms + self.hold_ms + self.wrap_ms


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a report's formulas are asked with."""

    threshold_ms: int | None = 20_000
    """T: a wait of exactly T is within it. None: each queue's own; counts of several queues then have none in common."""
    short_ms: int = 5_000
    """An abandon after at most this long is a short one."""
    span_ms: int = 0
    """How long the period is; Erlang's formulas need it."""
    agents: int = 0
    """How many agents Erlang's formulas reckon with; 0: not given."""


def count(visits: Iterable[Visit], terms: Terms) -> Counts:
    """The sums of some visits, by a threshold that is given."""
    assert terms.threshold_ms is not None
    sums = dict.fromkeys(Counts.__struct_fields__, 0)
    for visit in visits:
        sums["entered"] += 1
        sums["offers"] += visit.offers
        sums["missed"] += visit.missed
        sums["offers_lost"] += visit.offers_lost
        sums["offers_elsewhere"] += visit.offers_elsewhere
        if not visit.how:
            sums["waiting"] += 1
            continue
        is_within = visit.wait_ms <= terms.threshold_ms
        sums["left_within"] += is_within
        sums["longest_wait_ms"] = max(sums["longest_wait_ms"], visit.wait_ms)
        if visit.how == "answered":
            _count_answered(sums, visit, is_within)
        elif visit.how == "abandoned":
            sums["abandoned"] += 1
            sums["abandoned_within"] += is_within
            sums["abandoned_short"] += visit.wait_ms <= terms.short_ms
            sums["wait_abandoned_ms"] += visit.wait_ms
        else:
            sums[visit.how if visit.how in FLOW_OUTS else "other"] += 1
    return Counts(**sums)


def _count_answered(sums: dict[str, int], visit: Visit, is_within: bool) -> None:
    sums["answered"] += 1
    sums["answered_within"] += is_within
    sums["wait_answered_ms"] += visit.wait_ms
    sums["announce_ms"] += visit.announce_ms
    if visit.is_over:
        sums["handled"] += 1
        sums["talk_ms"] += visit.talk_ms
        sums["hold_ms"] += visit.hold_ms
        sums["wrap_ms"] += visit.wrap_ms


def add(rows: Iterable[Counts]) -> Counts:
    """The sum of sums; the longest wait is the longest of all."""
    sums = dict.fromkeys(Counts.__struct_fields__, 0)
    for row in rows:
        for name in sums:
            value: int = getattr(row, name)
            sums[name] = max(sums[name], value) if name == "longest_wait_ms" else sums[name] + value
    return Counts(**sums)
