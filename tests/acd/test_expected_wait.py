"""The expected wait holds what it promises in a simulated queue, and behaves as people expect."""

from __future__ import annotations

import heapq
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.expected_wait import DEFAULT_HANDLING_S, Handling, agents_of, expected_wait, handling_of

agents = st.floats(0.1, 1000)
handling = st.builds(Handling, mean_s=st.floats(1, 3600), variation=st.floats(0.3, 1.5))


@given(st.integers(1, 500), agents, handling)
def test_a_range_around_the_mean(position: int, at_work: float, known: Handling) -> None:
    wait = expected_wait(position, at_work, known)
    assert wait
    mean_s = position * known.mean_s / at_work
    assert 0 <= wait.low_s <= mean_s
    assert wait.high_s >= min(mean_s, wait.high_s) and wait.high_s >= wait.low_s
    assert wait.high_s >= mean_s * 0.99


@given(st.integers(1, 200), agents, handling)
def test_further_back_waits_longer_and_more_agents_make_it_shorter(position: int, at_work: float, known: Handling) -> None:
    here, behind = expected_wait(position, at_work, known), expected_wait(position + 1, at_work, known)
    helped = expected_wait(position, at_work * 2, known)
    assert here and behind and helped
    assert behind.low_s >= here.low_s and behind.high_s >= here.high_s
    assert helped.high_s <= here.high_s


def test_nobody_works_nothing_is_known() -> None:
    assert expected_wait(1, 0, Handling()) is None


def test_an_agent_of_several_busy_queues_counts_as_a_share() -> None:
    assert agents_of([1, 1, 2, 4]) == 2.75
    assert agents_of([0]) == 1


def test_handling_begins_with_the_default_and_learns() -> None:
    assert handling_of([]) == Handling(mean_s=DEFAULT_HANDLING_S, variation=1.0)
    learnt = handling_of([60.0] * 50)
    assert 60 < learnt.mean_s < 70
    assert learnt.variation < 0.4
    assert handling_of([30_000.0] * 50).mean_s < 3600


@pytest.mark.parametrize(("at_work", "position"), [(1, 1), (5, 3), (10, 20), (3, 8)])
def test_four_of_five_simulated_callers_wait_within_the_range(at_work: int, position: int) -> None:
    """Agents all busy with exponential calls, the caller behind ``position - 1`` others."""
    dice = random.Random(7)
    wait = expected_wait(position, at_work, Handling(mean_s=180))
    assert wait
    within, of = 0, 4000
    for _ in range(of):
        free = [dice.expovariate(1 / 180) for _ in range(at_work)]
        heapq.heapify(free)
        for _ in range(position - 1):
            heapq.heapreplace(free, free[0] + dice.expovariate(1 / 180))
        within += wait.low_s <= free[0] <= wait.high_s
    assert 0.77 < within / of < 0.83
