"""How long a caller will wait, as a range: from position, staffing and recent handling times. Pure; seconds.

All agents are at work while somebody waits, so an agent becomes free every ``h / n`` seconds on average, where ``h`` is the
mean handling time (announcement, talk, hold, wrap-up) of the queue's last calls and ``n`` the agents signed on and not paused;
one who serves several queues with waiting callers counts as a share. The caller at position ``p`` waits until an agent has
become free ``p`` times. Mean: ``p × h / n``, as Genesys Engage (handling time × calls in queue ÷ agents) and Google CCAI
(duration ÷ agents × share × queued) estimate it.

The range is honest about chance: a sum of ``p`` intervals with coefficient of variation ``c`` has about a gamma distribution
of shape ``p / c²``. The range goes from its 10 % to its 90 % quantile (Wilson and Hilferty's approximation, 1931), so four
of five callers should wait a time within it; whether they did is recorded and reported.

Unknown handling times are taken as DEFAULT_HANDLING_S, with the weight of PRIOR_WEIGHT calls against what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import msgspec

DEFAULT_HANDLING_S: Final = 180.0
"""What a call is thought to take as long as none has been measured."""
PRIOR_WEIGHT: Final = 3
"""The default counts as much as this many calls."""
MOST_RECENT: Final = 50
"""So many last calls of a queue count."""
LONGEST_HANDLING_S: Final = 3600.0
"""A longer call counts as this long: a forgotten line says nothing of the next one."""
_QUANTILE_Z: Final = 1.2816
"""Of the standard normal distribution: 10 % lie beyond on either side."""
_LEAST_VARIATION, _MOST_VARIATION = 0.3, 1.5


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue's recent calls took."""

    mean_s: float = DEFAULT_HANDLING_S
    variation: float = 1.0
    """Standard deviation over mean; 1 as of an exponential distribution when unknown."""


class WaitRange(msgspec.Struct, frozen=True, kw_only=True):
    """Between ``low_s`` and ``high_s`` seconds."""

    low_s: int
    high_s: int


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a waiting caller stands."""

    position: int
    """1 is next."""
    wait: WaitRange | None
    """How long they wait from now on; None: nobody works for the queue."""


def handling_of(lasted_s: Iterable[float]) -> Handling:
    """What calls of these lengths come to, against the default."""
    times = [min(max(0.0, one), LONGEST_HANDLING_S) for one in lasted_s]
    count = len(times)
    if not count:
        return Handling()
    mean = math.fsum(times) / count
    blended = (mean * count + DEFAULT_HANDLING_S * PRIOR_WEIGHT) / (count + PRIOR_WEIGHT)
    measured = math.sqrt(math.fsum((one - mean) ** 2 for one in times) / count) / mean if mean else 0.0
    variation = (measured * count + PRIOR_WEIGHT) / (count + PRIOR_WEIGHT)
    return Handling(mean_s=blended, variation=min(max(variation, _LEAST_VARIATION), _MOST_VARIATION))


def expected_wait(position: int, agents: float, handling: Handling) -> WaitRange | None:
    """The range for the caller at ``position`` (1 is next) with so many ``agents`` (shares counted); None when nobody works."""
    if agents <= 0:
        return None
    mean_s = position * handling.mean_s / agents
    shape = position / handling.variation**2
    low, high = (mean_s * _gamma_quantile(shape, z) for z in (-_QUANTILE_Z, _QUANTILE_Z))
    return WaitRange(low_s=math.floor(low), high_s=max(1, math.ceil(high)))


def _gamma_quantile(shape: float, z: float) -> float:
    """The quantile of a gamma distribution of mean 1."""
    third = 1 / (9 * shape)
    return float(max(0.0, 1 - third + z * math.sqrt(third)) ** 3)


def agents_of(busy_queues: Iterable[int]) -> float:
    """How many agents a queue has, each counted as one over the number of queues with waiting callers that share them."""
    return math.fsum(1 / max(1, queues) for queues in busy_queues)
