"""How long callers are willing to wait, from a day on which most were answered before they told. Pure.

Who was answered after 40 s was willing to wait 40 s at least; to count them as patient for ever, or as gone at 40 s, would both
be wrong. Kaplan and Meier's estimate (1958) uses what each of them does tell.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import TypeAlias

Curve: TypeAlias = tuple[tuple[int, float], ...]
"""From each wait (milliseconds) on, the share of callers who would still be there."""


def survival(waits: Iterable[tuple[int, bool]]) -> Curve:
    """The curve of waits (milliseconds), each with whether the caller went away then; others are known to have waited so long only."""
    known = list(waits)
    ended, gone = Counter(ms for ms, _ in known), Counter(ms for ms, went in known if went)
    moments = sorted(ended)
    before = accumulate((ended[ms] for ms in moments), initial=0)
    shares = (1 - gone[ms] / (len(known) - earlier) for ms, earlier in zip(moments, before, strict=False))
    curve = zip(moments, accumulate(shares, lambda left, share: left * share), strict=True)
    return tuple((ms, share) for ms, share in curve if gone[ms])


def draw(curve: Curve, waited_ms: int, chance: float) -> int | None:
    """How long a caller would wait who is known to have waited ``waited_ms``; ``chance`` within 0 and 1, drawn evenly.

    None: longer than anybody of that day who went away.
    """
    passed = bisect_right(curve, waited_ms, key=lambda step: step[0])
    still_there = curve[passed - 1][1] if passed else 1.0
    return next((ms for ms, share in curve[passed:] if share <= chance * still_there), None)
