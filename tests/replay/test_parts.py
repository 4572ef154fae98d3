"""What a replay is made of: patience from a day of answered callers, agents' own doing, changes refused with their place."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.model import Agent, Member, Mode, OfferEnd, Queue
from callcenter.acd.rules import Ring, Rules
from callcenter.basics.errors import BadQueue, BadRequest
from callcenter.basics.vocabulary import Language
from callcenter.ledger.agent_time import Change
from callcenter.ledger.events import Offered
from callcenter.replay.changes import Changed, apply, put, read_changes
from callcenter.replay.day import habits, shifts, wishes
from callcenter.replay.figures import percentile
from callcenter.replay.model import Ring as PhoneRing
from callcenter.replay.model import SetUp
from callcenter.replay.patience import draw, survival
from callcenter.replay.simulate import wrap_up_ms
from tests.replay.a_day import MIDNIGHT_MS, ZONE

WAITS = st.lists(st.tuples(st.integers(0, 100_000), st.booleans()), max_size=40)
CHANCES = st.floats(0, 1, exclude_max=True)

# Patience


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_when_everybody_went_away_the_curve_is_what_they_did(waits: list[int]) -> None:
    curve = survival((ms, True) for ms in waits)
    for ms, share in curve:
        assert share == pytest.approx(sum(wait > ms for wait in waits) / len(waits), abs=1e-9)


@given(WAITS)
def test_a_curve_only_falls(waits: list[tuple[int, bool]]) -> None:
    curve = survival(waits)
    shares = [1.0, *(share for _, share in curve)]
    assert [ms for ms, _ in curve] == sorted({ms for ms, went in waits if went})
    assert all(before > after >= -1e-12 for before, after in pairwise(shares))


@given(WAITS, st.integers(0, 100_000), CHANCES, CHANCES)
def test_a_drawn_patience_is_longer_than_what_is_known_and_one_of_the_day(
    waits: list[tuple[int, bool]], waited_ms: int, one: float, other: float
) -> None:
    curve = survival(waits)
    first, second = draw(curve, waited_ms, max(one, other)), draw(curve, waited_ms, min(one, other))
    for found in (first, second):
        assert found is None or (found > waited_ms and (found, True) in waits)
    assert first is not None or second is None
    assert first is None or second is None or first <= second


def test_who_was_answered_tells_of_patience_too() -> None:
    assert survival([(10, True), (20, False), (30, True)]) == ((10, pytest.approx(2 / 3)), (30, pytest.approx(0)))
    assert draw(survival([(10, True), (20, False)]), 0, 0.4) is None


# Agents

STATES = ("offline", "ready", "paused", "ringing", "talking", "wrapup", "unreachable")


def changes_of(*states: str, reason: str = "") -> list[Change]:
    return [Change(at_ms=index * 1000, id=str(index), state=state, reason=reason) for index, state in enumerate(states)]


def test_calls_are_none_of_an_agents_doing() -> None:
    found = list(shifts(changes_of("ready", "ringing", "talking", "wrapup", "ready", "ringing", "paused", "offline"), 0))
    assert [(shift.at_ms, shift.mode) for shift in found] == [(0, Mode.READY), (6000, Mode.PAUSED), (7000, Mode.OFFLINE)]
    (talking,) = shifts(changes_of("offline", "talking", "offline"), 0)
    assert talking.mode is Mode.OFFLINE
    early = list(shifts(changes_of("talking", "paused"), 500))
    assert [(shift.at_ms, shift.mode) for shift in early] == [(500, Mode.PAUSED)]


@given(st.lists(st.sampled_from(STATES), max_size=12))
def test_after_its_shifts_an_agent_is_what_the_ledger_says(states: list[str]) -> None:
    mode, reachable = None, True
    found = {(shift.at_ms, shift.mode, shift.reachable) for shift in shifts(changes_of(*states), 0)}
    for index, state in enumerate(states):
        for at_ms, new_mode, new_reachable in found:
            if at_ms == index * 1000:
                mode = new_mode or mode
                reachable = reachable if new_reachable is None else new_reachable
        assert reachable is (state != "unreachable")
        if state in ("offline", "ready", "paused"):
            assert mode == state


def test_habits_are_what_was_the_agents_to_take() -> None:
    answered, missed = PhoneRing(lasted_ms=3000, end=OfferEnd.ANSWERED), PhoneRing(lasted_ms=20_000, end=OfferEnd.TIMED_OUT)
    found = habits({("c1", "1001"): [missed, answered], ("c2", "1001"): [answered], ("c2", "1002"): [missed]})
    assert (found["1001"].answers_ms, found["1001"].misses, found["1002"].chances) == ((3000, 3000), (missed,), 1)


@given(st.integers(0, 100_000), st.integers(0, 60_000))
def test_a_wrap_up_under_the_same_limit_is_the_same(lasted_ms: int, limit_ms: int) -> None:
    assert abs(wrap_up_ms(lasted_ms, limit_ms, limit_ms) - lasted_ms) <= 250


def test_who_used_the_whole_wrap_up_uses_the_whole_of_another() -> None:
    assert [wrap_up_ms(ms, 5000, 20_000) for ms in (5010, 2000, 65_000)] == [20_000, 2000, 80_000]
    assert [wrap_up_ms(ms, 20_000, 5000) for ms in (20_000, 3000, 9000)] == [5000, 3000, 5000]


# Callers


def offered(at_ms: int, *because: str) -> Offered:
    return Offered(id="1", at_ms=at_ms, call="c", offer="o", queue="sales", agent="1001", leg="l", because=because)


def test_what_a_caller_asked_for_is_read_from_why_an_agent_was_chosen() -> None:
    queue = Queue(name="sales", title="s", rules=Rules(rings=(Ring(after_s=0, need={"en": 3}), Ring(after_s=30))))
    assert wishes([offered(1000, "penalty 0", "asked for: en>=3,zh>=5|penalty<=2")], queue, 0) == ({"zh": 5}, "")
    assert wishes([offered(1000, "asked for: en>=4")], queue, 0) == ({"en": 4}, "")
    assert wishes([offered(1000, "asked for: @1002"), offered(40_000, "asked for: en>=3")], queue, 0) == ({"en": 3}, "1002")
    assert wishes([], queue, 0) == ({}, "")


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50))
def test_nine_of_ten_waits_are_within_p90(waits: list[int]) -> None:
    found = percentile(waits, 0.9)
    assert found in waits and sum(wait <= found for wait in waits) * 10 >= len(waits) * 9
    assert sum(wait < found for wait in waits) * 10 < len(waits) * 9


# Changes

SET_UP = SetUp(
    agents={
        number: Agent(number=number, name="", language=Language.ZH, sip_password="", pin="", skills={"en": 5})
        for number in ("1001", "1002")
    },
    queues={"sales": Queue(name="sales", title="Sales", rules=Rules(rings=(Ring(after_s=0, most_penalty=1),)))},
    members={("sales", "1001"): Member(queue="sales", agent="1001", penalty=1)},
)


def changed(tree: dict[str, Any]) -> Changed:
    return apply(tree, SET_UP, datetime(2025, 3, 12, tzinfo=ZONE), ["en"])


def test_one_change_leaves_the_rest() -> None:
    tree = put(
        read_changes('[queue.sales.rules.callback]\noffered = true\n[agent.1003]\nlike = "1001"', "toml"), ["queue.sales.head_start_s=30"]
    )
    found = changed(tree)
    sales = found.set_up.queues["sales"]
    assert (sales.head_start_s, sales.rules.callback.offered, sales.rules.rings[0].most_penalty) == (30, True, 1)
    assert found.set_up.members["sales", "1003"] == Member(queue="sales", agent="1003", penalty=1)
    assert found.set_up.agents["1003"].skills == {"en": 5} and found.like == {"1003": "1001"}
    assert changed({"agent": {"1002": {"hours": [["09:00", "24:00"]]}}}).hours == {
        "1002": ((MIDNIGHT_MS + 9 * 3_600_000, MIDNIGHT_MS + 24 * 3_600_000),)
    }
    assert not changed(put({}, ["member.sales.1001=false"])).set_up.members


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"queues": {}}, "queues"),
        ({"queue": []}, "queue"),
        ({"queue": {"nowhere": {}}}, "queue.nowhere"),
        ({"queue": {"sales": {"head_start_s": "x"}}}, "queue.sales.head_start_s"),
        ({"queue": {"sales": {"name": "other"}}}, "queue.sales.name"),
        ({"queue": {"sales": {"rules": {"overflow": [{"when": "waited", "to": "queue"}]}}}}, "queue.sales.rules.overflow.0.than"),
        ({"agent": {"1009": {}}}, "agent.1009"),
        ({"agent": {"1001": {"like": "1009"}}}, "agent.1001.like"),
        ({"agent": {"1001": {"hours": [["18:00", "09:00"]]}}}, "agent.1001.hours"),
        ({"agent": {"1001": {"shoes": 1}}}, "agent.1001"),
        ({"member": {"sales": {"1009": {}}}}, "member.sales.1009"),
        ({"member": {"nowhere": {"1001": {}}}}, "member.nowhere.1001"),
        ({"member": {"sales": {"1002": False}}}, "member.sales.1002"),
        ({"member": {"sales": {"1001": {"penalty": -1}}}}, "member.sales.1001"),
    ],
)
def test_a_change_that_cannot_be_made_is_refused_with_its_place(tree: dict[str, Any], place: str) -> None:
    with pytest.raises(BadQueue) as refused:
        changed(tree)
    assert place in [found for found, _ in refused.value.faults]


WORDS = ("1001", "rules", "overflow", "like", "hours", "skills", "announcements", "comfort", "title", "strategy", "linear", "penalty")
JSON = st.recursive(
    st.sampled_from((None, True, 0, -1, 5, "", "x", *WORDS)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(("queue", "agent", "member")), st.dictionaries(st.sampled_from(("sales", "1001", "1009")), JSON)))
def test_whatever_is_written_is_applied_or_refused(tree: dict[str, Any]) -> None:
    try:
        found = changed(tree)
    except BadQueue as refused:
        assert all(place and reason for place, reason in refused.faults)
    else:
        msgspec.json.encode(found.set_up.queues)


@pytest.mark.parametrize("setting", ["strategy", "strategy=x", "queue..strategy=x", "=x"])
def test_a_setting_without_a_place_is_refused(setting: str) -> None:
    with pytest.raises(BadRequest, match="set:"):
        put({}, [setting])


@pytest.mark.parametrize(("text", "kind"), [("{", "json"), ("[1]", "json"), ("a = ", "toml")])
def test_a_file_of_something_else_is_refused(text: str, kind: Any) -> None:
    with pytest.raises(BadRequest, match="rules:"):
        read_changes(text, kind)
