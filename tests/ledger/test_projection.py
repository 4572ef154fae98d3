"""What a call's events come to: right for the known call, sane for any, whatever order they come in."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from callcenter.basics.vocabulary import Direction, Kind, new_id
from callcenter.ledger import events as e
from callcenter.ledger.events import decode, encode
from callcenter.ledger.invariants import check
from callcenter.ledger.projection import project
from tests.ledger.histories import Story, answered_call, histories


def test_the_known_call_adds_up() -> None:
    found = project(answered_call().events)
    call = found.call
    assert check(found) == []
    assert [segment.kind for segment in found.segments] == ["ivr", "queue", "ringing", "announcing", "talking", "held", "talking"]
    assert (call.ivr_ms, call.wait_ms, call.ring_ms, call.talk_ms, call.hold_ms) == (2000, 7000, 2000, 6000, 4000)
    assert (call.agent, call.queue, call.outcome, call.ended_by, call.cause) == ("1001", "sales", "answered", "caller", 16)


def test_three_phones_ring_and_one_is_answered() -> None:
    """Offered to 1001, 1002, 1003 at once; 1001 declines, 1002 answers, 1003 stops a moment later: the call is 1002's."""
    s = Story()
    own = new_id(Kind.LEG, s.now)
    s.add(e.CallArrived, direction=Direction.INBOUND, caller="13900000001", dialled="4001", node="n")
    s.add(e.Queued, queue="sales")
    for agent in ("1001", "1002", "1003"):
        s.add(e.Offered, 10, offer=f"o{agent}", queue="sales", agent=agent, leg=f"leg{agent}")
    s.add(e.OfferEnded, 1000, offer="o1001", agent="1001", end="declined")
    s.add(e.OfferEnded, 1000, offer="o1002", agent="1002", end="answered")
    s.add(e.OfferEnded, 20, offer="o1003", agent="1003", end="elsewhere")
    s.add(e.LeftQueue, 5, queue="sales", why="answered")
    s.add(e.PhaseEntered, phase="announcing")
    s.add(e.Announced, 3000, agent="1002", complete=True)
    s.add(e.Bridged, bridge="b", legs=(own, "leg1002"))
    s.add(e.CallEnded, 5000, by="caller", cause=16, outcome="answered")
    found = project(s.events)
    assert check(found) == []
    assert [(segment.kind, segment.agent) for segment in found.segments if segment.length_ms > 30] == [
        ("ringing", "1003"), ("announcing", "1002"), ("talking", "1002"),
    ]  # fmt: skip
    assert (found.call.agent, found.call.offers, found.call.talk_ms) == ("1002", 3, 5000)
    assert {segment.agent for segment in found.segments if segment.kind in ("announcing", "talking")} == {"1002"}


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
