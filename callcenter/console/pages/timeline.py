"""One call drawn to scale: where each stretch begins and how wide it is, in percent of the whole. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

_LEAST_PERCENT: Final = 0.35
_LABEL_PERCENT: Final = 9.0
_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_TICKS: Final = 8


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """One coloured bar."""

    kind: str
    x: float
    width: float
    """Percent of the whole."""
    offset_ms: int
    lasted_ms: int
    has_label: bool


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One line of bars; ``name`` empty for the call as a whole."""

    name: str
    stretches: tuple[Stretch, ...]


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A mark on the scale."""

    x: float
    offset_ms: int


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """The whole drawing; ``begins_ms`` is UTC milliseconds since 1970."""

    begins_ms: int
    lasted_ms: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    kinds: tuple[str, ...]
    """Which kinds of stretches there are, for the legend."""


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def step_s(lasted_s: float) -> int:
    """How far apart the marks of the scale are, in seconds."""
    return next((step for step in _STEPS_S if lasted_s / step <= _TICKS), _STEPS_S[-1])


def draw(story: Mapping[str, Any], leg_names: Mapping[str, str]) -> Picture | None:
    """The picture of a story; None while nothing has lasted yet."""
    call, segments, legs = story["call"], story["segments"], story["legs"]
    begins = _ms(call["started_at"])
    ends = [_ms(row["ended_at"]) for row in (call, *segments, *legs) if row.get("ended_at")]
    ends += [event["at_ms"] for event in story["events"]]
    lasted = max(ends, default=begins) - begins
    if lasted <= 0:
        return None

    def stretch(kind: str, row: Mapping[str, Any]) -> Stretch:
        start = max(0, _ms(row["started_at"]) - begins)
        end = _ms(row["ended_at"]) - begins if row.get("ended_at") else lasted
        width = max(_LEAST_PERCENT, (end - start) / lasted * 100)
        x = min(start / lasted * 100, 100 - width)
        label = width >= _LABEL_PERCENT
        return Stretch(kind=kind, x=round(x, 3), width=round(width, 3), offset_ms=start, lasted_ms=end - start, has_label=label)

    lanes = [Lane(name="", stretches=tuple(stretch(str(row["kind"]), row) for row in segments))]
    lanes += [Lane(name=leg_names.get(str(leg["id"]), ""), stretches=(stretch("leg", leg),)) for leg in legs]
    step = step_s(lasted / 1000) * 1000
    ticks = tuple(Tick(x=round(at / lasted * 100, 3), offset_ms=at) for at in range(0, lasted, step))
    kinds = tuple(dict.fromkeys(one.kind for one in lanes[0].stretches))
    return Picture(begins_ms=begins, lasted_ms=lasted, lanes=tuple(lanes), ticks=ticks, kinds=kinds)
