"""When a waiting caller is told something, what, and how it is worded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.comfort import Due, Wording, in_minutes, next_due, worth_saying
from callcenter.acd.expected_wait import Place, WaitRange
from callcenter.acd.rules import Announcements

BOTH = Announcements(first_after_s=15, every_s=60, comfort=("own/one", "own/two"), comfort_every_s=45)


def test_the_schedule() -> None:
    told = []
    after = -1.0
    for _ in range(6):
        due = next_due(BOTH, after)
        assert due
        told.append(due)
        after = due.at_s
    assert told == [
        Due(at_s=15, standing=True),
        Due(at_s=45, comfort="own/one"),
        Due(at_s=75, standing=True),
        Due(at_s=90, comfort="own/two"),
        Due(at_s=135, standing=True, comfort="own/one"),
        Due(at_s=180, comfort="own/two"),
    ]


def test_nothing_is_said_unless_set() -> None:
    assert next_due(Announcements(), -1) is None
    assert next_due(Announcements(every_s=30, position=False, expected_wait=False), -1) is None
    assert next_due(Announcements(every_s=30, first_after_s=0), -1) == Due(at_s=0, standing=True)


@given(
    st.builds(
        Announcements,
        first_after_s=st.integers(0, 100),
        every_s=st.integers(1, 100),
        comfort=st.sampled_from([(), ("a",), ("a", "b")]),
        comfort_every_s=st.integers(5, 100),
    ),
    st.floats(-1, 10_000),
)
def test_the_next_is_later_and_soon_enough(rules: Announcements, waited_s: float) -> None:
    due = next_due(rules, waited_s)
    assert due and due.at_s > waited_s
    assert due.at_s - max(waited_s, rules.first_after_s) <= rules.every_s + 1e-6
    assert due.standing or due.comfort


def _place(position: int, low_s: int = 60, high_s: int = 300) -> Place:
    return Place(position=position, wait=WaitRange(low_s=low_s, high_s=high_s))


def test_only_what_is_better_is_said_again() -> None:
    rules = Announcements(every_s=30, only_if_improved=True)
    assert worth_saying(rules, _place(5), None)
    assert worth_saying(rules, _place(4), _place(5))
    assert not worth_saying(rules, _place(5), _place(5))
    assert not worth_saying(rules, _place(6), _place(5))
    assert worth_saying(rules, _place(5, high_s=240), _place(5))
    assert not worth_saying(rules, _place(5, high_s=299), _place(5)), "the same number of minutes"
    assert not worth_saying(rules, Place(position=5, wait=None), _place(5))
    assert worth_saying(Announcements(every_s=30), _place(6), _place(5))


@pytest.mark.parametrize(
    ("low_s", "high_s", "least", "most"),
    [
        (0, 40, None, 1),
        (5, 60, None, 1),
        (30, 130, None, 3),
        (60, 121, 1, 3),
        (800, 1000, 13, 20),
        (1000, 1801, 15, 35),
        (1900, 4000, 30, None),
    ],
)
def test_minutes(low_s: int, high_s: int, least: int | None, most: int | None) -> None:
    assert in_minutes(WaitRange(low_s=low_s, high_s=high_s)) == Wording(least=least, most=most)


@given(st.integers(0, 20_000), st.integers(1, 20_000))
def test_what_is_said_holds_the_range(low_s: int, more_s: int) -> None:
    words = in_minutes(WaitRange(low_s=low_s, high_s=low_s + more_s))
    assert words.least is None or words.least * 60 <= max(low_s, 60)
    assert words.most is None or words.most * 60 >= low_s + more_s
    assert words.least is None or words.most is None or words.least < words.most
