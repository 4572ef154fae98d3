"""Agents' changes of state → what an agent did all day. Pure; the order in which changes come and their doubles make no difference.

Every millisecond of the time asked for is in exactly one state: the one before holds until the next begins, the one from before
the time asked for is carried into it, and who was never heard of is offline.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

OFFLINE: Final = "offline"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """From ``at_ms`` (UTC milliseconds) on the agent is in ``state``."""

    at_ms: int
    id: str
    """Of the event; it orders changes of the same millisecond."""
    state: str
    reason: str = ""
    by: str = ""


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of an agent's time in one state, from ``started_ms`` until just before ``ended_ms``."""

    state: str
    reason: str = ""
    by: str = ""
    started_ms: int
    ended_ms: int

    @property
    def length_ms(self) -> int:
        """Milliseconds, at least 1."""
        return self.ended_ms - self.started_ms


def stretches(changes: Iterable[Change], from_ms: int, to_ms: int) -> tuple[Stretch, ...]:
    """The agent's time from ``from_ms`` until ``to_ms`` (UTC milliseconds); nothing when that is no time at all."""
    if to_ms <= from_ms:
        return ()
    ordered = sorted({change.id: change for change in changes}.values(), key=lambda change: (change.at_ms, change.id))
    found: list[Stretch] = []
    now, since_ms = Change(at_ms=from_ms, id="", state=OFFLINE), from_ms
    for change in ordered:
        if change.at_ms >= to_ms:
            break
        if change.at_ms > since_ms:
            found.append(_stretch(now, since_ms, change.at_ms))
            since_ms = change.at_ms
        now = change
    found.append(_stretch(now, since_ms, to_ms))
    return tuple(found)


def _stretch(change: Change, started_ms: int, ended_ms: int) -> Stretch:
    return Stretch(state=change.state, reason=change.reason, by=change.by, started_ms=started_ms, ended_ms=ended_ms)


def totals(day: Iterable[Stretch]) -> dict[str, int]:
    """Milliseconds by state."""
    found: dict[str, int] = {}
    for stretch in day:
        found[stretch.state] = found.get(stretch.state, 0) + stretch.length_ms
    return found


def check(day: Sequence[Stretch], from_ms: int, to_ms: int) -> list[str]:
    """How the stretches fail to cover the time exactly once, in words; none when all is well."""
    edges = [from_ms, *(stretch.ended_ms for stretch in day)]
    broken = [f"a gap or an overlap at {edge}" for edge, stretch in zip(edges, day, strict=False) if stretch.started_ms != edge]
    broken += [f"no length at {stretch.started_ms}" for stretch in day if stretch.length_ms <= 0]
    if edges[-1] != max(from_ms, to_ms):
        broken.append(f"it ends at {edges[-1]}")
    return broken
