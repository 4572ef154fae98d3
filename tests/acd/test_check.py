"""A queue that can't work is refused with each place and reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.check import Known, check_queue
from callcenter.acd.model import Queue
from callcenter.basics.errors import BadQueue

KNOWN = Known(
    queues=("sales", "support"),
    agents=("1001",),
    skills=("english",),
    prompts=("closed", "all-busy", "own/spring-offer"),
    music=("default", "jazz"),
)
CLOSED = {"when": "closed", "to": "announcement", "target": "closed"}
GOOD: dict[str, Any] = {
    "name": "sales",
    "title": "Sales",
    "music": "jazz",
    "max_wait_s": 600,
    "rules": {
        "rings": [{"after_s": 0, "need": {"english": 5}}, {"after_s": 30}],
        "overflow": [
            CLOSED,
            {"when": "closing", "to": "voicemail"},
            {"when": "no_agents", "to": "voicemail", "target": "1001"},
            {"when": "all_paused", "to": "callback"},
            {"when": "length", "than": 30, "to": "number", "target": "+8613900000000"},
            {"when": "expected_wait", "than": 900, "to": "agent", "target": "1001"},
            {"when": "waited", "than": 120, "to": "queue", "target": "support", "keeps_wait": False},
        ],
        "announcements": {"every_s": 60, "comfort": ["own/spring-offer", "all-busy"]},
        "hours": {"days": {"mon": [["09:00", "12:00"], ["13:30", "18:00"]], "sat": [["22:00", "06:00"]], "holiday": []}},
    },
}


def _faults(**rules: Any) -> dict[str, str]:
    with pytest.raises(BadQueue) as refused:
        check_queue(GOOD | {"rules": rules}, KNOWN)
    return dict(refused.value.faults)


def _overflow(**rule: Any) -> dict[str, str]:
    return _faults(overflow=[rule])


def test_a_good_queue_is_taken() -> None:
    queue = check_queue(GOOD, KNOWN)
    assert queue.rules.overflow[-1].target == "support"
    assert check_queue(msgspec.to_builtins(queue), KNOWN) == queue


@pytest.mark.parametrize(
    ("rule", "place", "word"),
    [
        ({"when": "waited", "than": 9, "to": "queue", "target": "nowhere"}, "target", "no queue nowhere"),
        ({"when": "waited", "than": 9, "to": "queue", "target": "sales"}, "target", "itself"),
        ({"when": "waited", "than": 9, "to": "queue"}, "target", "needs a target"),
        ({"when": "waited", "than": 9, "to": "number"}, "target", "needs a target"),
        ({"when": "waited", "than": 9, "to": "number", "target": "Bob"}, "target", "no number"),
        ({"when": "waited", "than": 9, "to": "agent", "target": "1002"}, "target", "no agent"),
        ({"when": "waited", "than": 9, "to": "voicemail", "target": "1002"}, "target", "no box"),
        ({"when": "waited", "than": 9, "to": "announcement", "target": "own/none"}, "target", "no prompt"),
        ({"when": "waited", "than": 9, "to": "callback", "target": "1"}, "target", "own number"),
        ({"when": "waited", "than": 600, "to": "voicemail"}, "than", "never comes"),
        ({"when": "waited", "to": "voicemail"}, "than", "at least 1"),
        ({"when": "length", "to": "voicemail"}, "than", "at least 1"),
        ({"when": "no_agents", "than": 3, "to": "voicemail"}, "than", "no number"),
        ({"when": "closing", "to": "voicemail"}, "when", "no opening hours"),
        ({"when": "full_moon", "to": "voicemail"}, "when", "full_moon"),
        ({"when": "no_agents", "to": "nirvana"}, "to", "nirvana"),
        ({"when": "no_agents", "to": "voicemail", "colour": 1}, "colour", "no such setting"),
        ({"when": "no_agents"}, "to", "missing"),
        ({"when": "length", "than": "many", "to": "voicemail"}, "than", "int"),
        ({"when": "no_agents", "to": "announcement", "target": "closed\n"}, "target", "control"),
    ],
)
def test_a_bad_overflow_rule_is_refused_with_its_place(rule: dict[str, Any], place: str, word: str) -> None:
    faults = _overflow(**rule)
    assert list(faults) == [f"rules.overflow.0.{place}"]
    assert word in faults[f"rules.overflow.0.{place}"]


def test_a_circle_without_waiting_is_refused_and_one_with_waiting_is_not() -> None:
    ways = msgspec.structs.replace(KNOWN, queues={"sales", "support", "night"}, at_once={"support": {"night"}, "night": {"sales"}})
    rule = {"when": "no_agents", "to": "queue", "target": "support"}
    with pytest.raises(BadQueue) as refused:
        check_queue(GOOD | {"rules": {"overflow": [rule]}}, ways)
    ((place, reason),) = refused.value.faults
    assert place == "rules.overflow.0.target" and "sales → support → night → sales" in reason
    check_queue(GOOD | {"rules": {"overflow": [rule | {"when": "waited", "than": 9}]}}, ways)
    check_queue(GOOD | {"rules": {"overflow": [rule]}}, msgspec.structs.replace(ways, at_once={"support": {"night"}}))


def test_every_fault_is_told_at_once() -> None:
    rules = {"overflow": [{"when": "x"}, "none"], "hours": {"days": {"day": [["9", "25:00"]]}}}
    with pytest.raises(BadQueue) as refused:
        check_queue(GOOD | {"music": 7, "ring_timeout_s": "long", "rules": rules}, KNOWN)
    assert [place for place, _ in refused.value.faults] == [
        "ring_timeout_s",
        "music",
        "rules.overflow.0.when",
        "rules.overflow.0.to",
        "rules.overflow.1",
        "rules.hours.days.day",
        "rules.hours.days.day.0.0",
    ]


def test_hours_need_a_rule_for_who_comes_when_closed() -> None:
    assert "rules.hours" in _faults(hours={"days": {"mon": [["09:00", "17:00"]]}})
    assert "rules.hours.days" in _faults(hours={"days": {"mon": []}}, overflow=[CLOSED])


def test_announcements_and_rings_are_looked_at() -> None:
    faults = _faults(announcements={"every_s": 2, "comfort": ["nothing"]}, rings=[{"after_s": 9}, {"after_s": 9, "need": {"greek": 1}}])
    assert set(faults) == {
        "rules.announcements.every_s",
        "rules.announcements.comfort.0",
        "rules.rings.1.after_s",
        "rules.rings.1.need.greek",
    }


@pytest.mark.parametrize(
    ("field", "value"), [("name", "Sales"), ("title", "  "), ("ring_timeout_s", 1), ("max_wait_s", 0), ("music", "polka"), ("colour", 1)]
)
def test_a_bad_field_is_refused(field: str, value: Any) -> None:
    with pytest.raises(BadQueue) as refused:
        check_queue(GOOD | {field: value}, KNOWN)
    assert [place for place, _ in refused.value.faults if place == field]


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(sorted(Queue.__struct_fields__)), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_anything, _anything, _anything)
def test_whatever_is_sent_is_refused_in_words(queue: Any, rules: Any, overflow: Any) -> None:
    for raw in (queue, GOOD | {"rules": rules}, GOOD | {"rules": {"overflow": [overflow], "hours": rules, "announcements": queue}}):
        try:
            check_queue(raw, KNOWN)
        except BadQueue as refused:
            assert refused.faults
            assert all(reason and len(place) <= 200 for place, reason in refused.faults)
