"""When a waiting caller is told something, and what: announcements, comfort messages, only if improved. Pure.

The schedule follows from the time waited alone, so it goes on unchanged after a worker's crash.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from callcenter.acd.expected_wait import Place, WaitRange
from callcenter.acd.rules import Announcements

_MINUTE_S: Final = 60


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said at a moment."""

    at_s: float
    """Seconds of waiting in this queue."""
    standing: bool = False
    """Position and expected wait."""
    comfort: str = ""
    """A message, by its name without language."""


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """An expected wait as it is said: less than ``most`` minutes, between both, or more than ``least``."""

    least: int | None
    most: int | None


def next_due(rules: Announcements, waited_s: float) -> Due | None:
    """The next thing to say after ``waited_s`` seconds (before anything: less than 0); None when nothing is ever said.

    What falls due while something else is being said is left out.
    """
    standing_s = comfort_s = math.inf
    if rules.every_s and (rules.position or rules.expected_wait):
        standing_s = _next(rules.first_after_s, rules.every_s, waited_s)
    if rules.comfort:
        comfort_s = _next(rules.comfort_every_s, rules.comfort_every_s, waited_s)
    at_s = min(standing_s, comfort_s)
    if math.isinf(at_s):
        return None
    turn = round(comfort_s / rules.comfort_every_s) - 1 if comfort_s == at_s else 0
    return Due(at_s=at_s, standing=standing_s == at_s, comfort=rules.comfort[turn % len(rules.comfort)] if comfort_s == at_s else "")


def _next(first_s: float, every_s: float, waited_s: float) -> float:
    if waited_s < first_s:
        return first_s
    return first_s + (math.floor((waited_s - first_s) / every_s) + 1) * every_s


def worth_saying(rules: Announcements, now: Place, before: Place | None) -> bool:
    """Whether the caller is told of their place: always, or only when it is better than what they were told last."""
    if before is None or not rules.only_if_improved:
        return True
    closer = rules.position and now.position < before.position
    if not rules.expected_wait or now.wait is None or before.wait is None:
        return closer
    return closer or _most(now.wait) < _most(before.wait)


def _most(wait: WaitRange) -> float:
    most = in_minutes(wait).most
    return math.inf if most is None else most


_LONG: Final = 60
"""Minutes beyond which no upper end is promised."""
_COARSE: Final = 15
"""Minutes from which ends are told in fives."""


def in_minutes(wait: WaitRange) -> Wording:
    """A range in whole minutes, rounded outwards; from a quarter of an hour on to fives."""
    least, most = wait.low_s // _MINUTE_S, max(1, math.ceil(wait.high_s / _MINUTE_S))
    least = least // 5 * 5 if least > _COARSE else least
    most = math.ceil(most / 5) * 5 if most > _COARSE else most
    if most > _LONG:
        return Wording(least=max(1, least), most=None)
    return Wording(least=least or None, most=most)
