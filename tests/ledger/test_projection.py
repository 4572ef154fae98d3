"""What a call's events come to: right for the known call, sane for any, whatever order they come in."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from callcenter.ledger.events import decode, encode
from callcenter.ledger.invariants import check
from callcenter.ledger.projection import project
from tests.ledger.histories import answered_call, histories


def test_the_known_call_adds_up() -> None:
    found = project(answered_call().events)
    call = found.call
    assert check(found) == []
    assert [segment.kind for segment in found.segments] == ["ivr", "queue", "ringing", "announcing", "talking", "held", "talking"]
    assert (call.ivr_ms, call.wait_ms, call.ring_ms, call.talk_ms, call.hold_ms) == (2000, 7000, 2000, 6000, 4000)
    assert (call.agent, call.queue, call.outcome, call.ended_by, call.cause) == ("1001", "sales", "answered", "caller", 16)


@given(histories(), st.randoms(use_true_random=False))
def test_any_history_keeps_the_invariants_in_any_order(events: list[Any], chance: random.Random) -> None:
    found = project(events)
    assert check(found) == []
    doubled = [*events, *chance.sample(events, len(events) // 2)]
    chance.shuffle(doubled)
    assert project(doubled) == found


@given(histories())
def test_legs_lie_within_the_call_and_no_time_runs_backwards(events: list[Any]) -> None:
    found = project(events)
    call = found.call
    for leg in found.legs:
        moments = [at for at in (call.started_ms, leg.started_ms, leg.answered_ms, leg.ended_ms, call.ended_ms) if at is not None]
        assert moments == sorted(moments), leg


@given(histories())
def test_every_event_survives_the_line_it_is_written_on(events: list[Any]) -> None:
    assert [decode(encode(event)) for event in events] == events
