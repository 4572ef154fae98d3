"""Which overflow rule counts, and when it is to be looked at again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.expected_wait import WaitRange
from callcenter.acd.model import Staffing
from callcenter.acd.overflow import MOST_MOVES, Standing, decide, next_look_s
from callcenter.acd.rules import Overflow, To, When


def _now(**changes: Any) -> Standing:
    usual: dict[str, Any] = {"entering": False, "waited_s": 0, "staffing": Staffing.AT_WORK, "is_open": True, "opened": True}
    return Standing(**usual | changes)


def _rule(when: When, than: int = 0, to: To = To.VOICEMAIL) -> Overflow:
    return Overflow(when=when, than=than, to=to)


LONG, LONGER = WaitRange(low_s=30, high_s=300), WaitRange(low_s=1, high_s=301)


@pytest.mark.parametrize(
    ("rule", "fits", "not_yet"),
    [
        (_rule(When.WAITED, 60), {"waited_s": 60}, {"waited_s": 59.9}),
        (_rule(When.LENGTH, 3), {"entering": True, "ahead": 3}, {"entering": True, "ahead": 2}),
        (_rule(When.LENGTH, 3), {"entering": True, "ahead": 9}, {"ahead": 9}),
        (_rule(When.LENGTH, 3), {"entering": True, "ahead": 3}, {"entering": True}),
        (_rule(When.EXPECTED_WAIT, 300), {"entering": True, "expected": LONG}, {"entering": True}),
        (
            _rule(When.EXPECTED_WAIT, 301),
            {"entering": True, "expected": WaitRange(low_s=1, high_s=301)},
            {"entering": True, "expected": LONG},
        ),
        (_rule(When.NO_AGENTS), {"staffing": Staffing.NOBODY}, {"staffing": Staffing.ALL_PAUSED}),
        (_rule(When.ALL_PAUSED), {"staffing": Staffing.ALL_PAUSED}, {"staffing": Staffing.NOBODY}),
        (_rule(When.CLOSED), {"entering": True, "is_open": False}, {"is_open": False}),
        (_rule(When.CLOSING), {"is_open": False}, {"is_open": False, "opened": False}),
    ],
)
def test_when_a_rule_counts(rule: Overflow, fits: dict[str, Any], not_yet: dict[str, Any]) -> None:
    assert decide([rule], _now(**fits)) is rule
    assert decide([rule], _now(**not_yet)) is None
    assert decide([rule], _now()) is None


def test_the_first_that_fits_counts() -> None:
    first, second = _rule(When.WAITED, 10), _rule(When.NO_AGENTS)
    assert decide([first, second], _now(waited_s=20, staffing=Staffing.NOBODY)) is first
    assert decide([first, second], _now(waited_s=5, staffing=Staffing.NOBODY)) is second


def test_after_five_moves_the_caller_stays() -> None:
    onward, message = _rule(When.WAITED, 10, To.QUEUE), _rule(When.WAITED, 20)
    assert decide([onward], _now(waited_s=99, moves=MOST_MOVES - 1)) is onward
    assert decide([onward], _now(waited_s=99, moves=MOST_MOVES)) is None
    assert decide([onward, message], _now(waited_s=99, moves=MOST_MOVES)) is message, "what is no queue goes on counting"


@given(st.lists(st.integers(1, 1000), max_size=5), st.floats(0, 1000))
def test_every_rule_by_waiting_time_is_looked_at_in_time(thans: list[int], waited_s: float) -> None:
    rules = [_rule(When.WAITED, than) for than in thans]
    at_s = next_look_s(rules, waited_s)
    later = [than for than in thans if than > waited_s]
    assert at_s == (min(later) if later else None)
