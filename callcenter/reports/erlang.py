"""Erlang C: how many of the callers wait, how long, and how many agents a load needs. Pure; Decimals of 40 digits.

Arrivals at random, handling times exponential, nobody gives up. A load that the agents can't carry makes everybody wait for ever.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Final

MOST_AGENTS: Final = 5_000
"""More than this is refused: the formula takes a step for each agent."""
_DIGITS: Final = 40


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


def wait_probability(load: Fraction, agents: int) -> Decimal:
    """The share of callers who wait at all, 0 to 1, with a load in Erlangs and at least one agent; ValueError for other arguments."""
    if load < 0 or not 1 <= agents <= MOST_AGENTS:
        raise ValueError(f"a load of {load} Erlangs for {agents} agents")
    if load >= agents:
        return Decimal(1)
    with localcontext() as context:
        context.prec = _DIGITS
        offered, blocked = _decimal(load), Decimal(1)
        for busy in range(1, agents + 1):
            blocked = offered * blocked / (busy + offered * blocked)
        return blocked / (1 - offered / agents * (1 - blocked))


def service_level(load: Fraction, agents: int, handle_ms: Fraction, threshold_ms: int) -> Decimal:
    """The share of callers answered after at most ``threshold_ms``, 0 to 1; ``handle_ms``: the mean handling time, above 0."""
    waits = wait_probability(load, agents)
    if load >= agents:
        return Decimal(0)
    with localcontext() as context:
        context.prec = _DIGITS
        return 1 - waits * (-(agents - _decimal(load)) * threshold_ms / _decimal(handle_ms)).exp()


def mean_wait_ms(load: Fraction, agents: int, handle_ms: Fraction) -> Decimal | None:
    """The mean wait of all callers, milliseconds; None when it has no end."""
    if load >= agents:
        return None
    with localcontext() as context:
        context.prec = _DIGITS
        return wait_probability(load, agents) * _decimal(handle_ms) / (agents - _decimal(load))


def agents_needed(load: Fraction, handle_ms: Fraction, threshold_ms: int, wanted: Fraction) -> int | None:
    """The fewest agents with whom the share ``wanted`` (below 1) is answered after at most ``threshold_ms``; None beyond MOST_AGENTS.

    One pass: each agent more takes one step of the recursion.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        offered, blocked, share = _decimal(load), Decimal(1), _decimal(wanted)
        for agents in range(1, MOST_AGENTS + 1):
            blocked = offered * blocked / (agents + offered * blocked)
            if offered >= agents:
                continue
            waits = blocked / (1 - offered / agents * (1 - blocked))
            if 1 - waits * (-(agents - offered) * threshold_ms / _decimal(handle_ms)).exp() >= share:
                return agents
    return None
