"""Where a waiting caller goes instead: a queue's overflow rules × how things stand → the rule that counts, or none. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from callcenter.acd.expected_wait import WaitRange
from callcenter.acd.model import Staffing
from callcenter.acd.rules import Overflow, To, When

MOST_MOVES: Final = 5
"""A caller who has been moved from queue to queue this often stays where they are: queues may overflow into each other."""

WHY: Final[Mapping[When, str]] = {
    When.WAITED: "overflow",
    When.LENGTH: "full",
    When.EXPECTED_WAIT: "overflow",
    When.NO_AGENTS: "no_agents",
    When.ALL_PAUSED: "no_agents",
    When.CLOSED: "closed",
    When.CLOSING: "closed",
}
"""Why the caller left the queue, in the ledger's words."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand for a caller."""

    entering: bool
    """The caller comes this moment; otherwise they have been waiting."""
    waited_s: float
    """In this queue."""
    staffing: Staffing
    is_open: bool
    opened: bool
    """Whether the queue was open when the caller came."""
    ahead: int | None = None
    """How many stand before the caller; None: not asked, or an agent's phone rings already."""
    expected: WaitRange | None = None
    """None: unknown, or not asked."""
    moves: int = 0
    """How often an overflow rule has moved the caller to another queue."""
    declined_callback: bool = False
    """Offered a callback by a rule, the caller did not want it."""


def decide(rules: Iterable[Overflow], standing: Standing) -> Overflow | None:
    """The first rule that fits; rules to another queue count no more after MOST_MOVES of them,
    rules to a callback not for those who did not want one."""
    for rule in rules:
        if rule.to is To.QUEUE and standing.moves >= MOST_MOVES:
            continue
        if rule.to is To.CALLBACK and standing.declined_callback:
            continue
        if _FITS[rule.when](rule.than, standing):
            return rule
    return None


_FITS: Final[Mapping[When, Callable[[int, Standing], bool]]] = {
    When.WAITED: lambda than, now: now.waited_s >= than,
    When.LENGTH: lambda than, now: now.entering and now.ahead is not None and now.ahead >= than,
    When.EXPECTED_WAIT: lambda than, now: now.entering and now.expected is not None and now.expected.high_s >= than,
    When.NO_AGENTS: lambda than, now: now.staffing is Staffing.NOBODY,
    When.ALL_PAUSED: lambda than, now: now.staffing is Staffing.ALL_PAUSED,
    When.CLOSED: lambda than, now: now.entering and not now.is_open,
    When.CLOSING: lambda than, now: now.opened and not now.is_open,
}


def next_look_s(rules: Iterable[Overflow], waited_s: float) -> float | None:
    """After how many seconds of waiting the next rule by waiting time comes to count; None when there is none left."""
    return min((float(rule.than) for rule in rules if rule.when is When.WAITED and rule.than > waited_s), default=None)


def asks_of_the_line(rules: Iterable[Overflow]) -> bool:
    """Whether a rule looks at who stands before the caller."""
    return any(rule.when in {When.LENGTH, When.EXPECTED_WAIT} for rule in rules)
