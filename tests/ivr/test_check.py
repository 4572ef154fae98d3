"""A bad flow is refused with its place and a reason, whatever was sent; a good one never fails and ends."""
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.basics.errors import BadFlow
from callcenter.ivr import interpreter
from callcenter.ivr.asks import Digits, LookedUp, Pressed, Said
from callcenter.ivr.check import check_flow, runnable_flow
from tests.ivr.playbook import ENDS, facts, flow, stored

END = {"type": "hangup"}
MENU = {"type": "menu", "prompt": ["main-menu"], "options": {"1": "end"}, "otherwise": "end"}
SET = {"type": "set", "variables": {"x": "1"}, "next": "end"}


def play(to: str, prompt: Any = "welcome") -> dict[str, Any]:
    return {"type": "play", "prompt": prompt, "next": to}


BAD: list[tuple[dict[str, Any], str, str]] = [
    (flow(a=play("nowhere")), "nodes.a.next", "there is no node nowhere"),
    (flow(a=MENU | {"options": {"5": "gone"}}), "nodes.a.options.5", "there is no node gone"),
    (flow("b", a=END), "start", "there is no node b"),
    (flow(a=END, island=play("end")), "nodes.island", "no way leads here"),
    (flow(a=play("b"), b=play("a")), "nodes.a", "circle"),
    (flow(a=play("a")), "nodes.a", "circle"),
    (flow(a=MENU | {"otherwise": "a"}), "nodes.a", "circle"),
    (flow(a={"type": "lookup", "url": "https://a.example/", "next": "a", "otherwise": "a"}), "nodes.a", "circle"),
    (flow(a=play("end", "no-such")), "nodes.a.prompt.0", "there is no prompt no-such"),
    (flow(a=play("end", [{"say": "digits", "variable": "x"}])), "nodes.a.prompt.0.variable", "nothing sets the variable x"),
    (flow(a=SET | {"variables": {"x": "{y}"}}), "nodes.a.variables.x", "nothing sets the variable y"),
    (flow(a=SET | {"variables": {"x": "{X!}"}}), "nodes.a.variables.x", "brace"),
    (flow(a=SET | {"variables": {"x": "a { b"}}), "nodes.a.variables.x", "brace"),
    (flow(a=SET | {"variables": {"caller": "1"}}), "nodes.a", "can't be set"),
    (flow(a=SET | {"variables": {"x": "a\0b"}}), "nodes.a.variables.x", "control character"),
    (flow(a=END) | {"title": "a\0"}, "title", "control character"),
    (flow(a={"type": "teleport"}), "nodes.a", "teleport"),
    (flow(a={"kind": "play"}), "nodes.a", "type"),
    (flow(a=END | {"colour": "red"}), "nodes.a.colour", "not permitted"),
    (flow(a=MENU | {"retries": 99}), "nodes.a.retries", "less than or equal to 10"),
    (flow(a={"type": "agent", "agent": "PJSIP/1001&SIP/x"}), "nodes.a.agent", "pattern"),
    (flow(a={"type": "condition", "ways": [{"next": "end", "vip": None}], "otherwise": "end"}), "nodes.a.ways.0", "at least one condition"),
    (
        flow(a={"type": "condition", "ways": [{"next": "end", "hours": [{"from": "09:00Z", "to": "18:00"}]}], "otherwise": "end"}),
        "nodes.a.ways.0.hours.0.from",
        "zone",
    ),
    (
        flow(
            a={
                "type": "collect",
                "prompt": "enter-number",
                "variable": "x",
                "least": 5,
                "most": 4,
                "next": "end",
                "otherwise": "end",
            }
        ),
        "nodes.a",
        "least (5) is more than most (4)",
    ),
    (flow(a={"type": "number", "number": "0{wanted}"}), "nodes.a.number", "nothing sets the variable wanted"),
    (flow(a={"type": "number", "number": "12"}), "nodes.a.number", "pattern"),
    (flow(a={"type": "number", "number": "{caller}{caller}"}), "nodes.a.number", "pattern"),
    (flow(a={"type": "number", "number": "13800138000@evil"}), "nodes.a.number", "pattern"),
    (flow(a=MENU | {"repeat_key": "1"}), "nodes.a.repeat_key", "1 is an option too"),
    (flow(a=MENU | {"prompt": []}), "nodes.a.prompt", "is empty"),
    (flow(a=play("end", [])), "nodes.a.prompt", "is empty"),
    (
        flow(a={"type": "collect", "prompt": [], "variable": "x", "next": "end", "otherwise": "end"}),
        "nodes.a.prompt",
        "is empty",
    ),
    (
        flow(a={"type": "condition", "ways": [{"next": "end", "variable": "caller", "equals": []}], "otherwise": "end"}),
        "nodes.a.ways.0.equals",
        "can never be taken",
    ),
    (flow(a={"type": "condition", "ways": [{"next": "end", "hours": []}], "otherwise": "end"}), "nodes.a.ways.0.hours", "never be taken"),
    (
        flow(a={"type": "condition", "ways": [{"next": "end", "vip": True}, {"next": "end", "caller_begins": []}], "otherwise": "end"}),
        "nodes.a.ways.1.caller_begins",
        "never be taken",
    ),
]


@pytest.mark.parametrize(("raw", "place", "reason"), BAD)
def test_refused_with_place_and_reason(raw: dict[str, Any], place: str, reason: str) -> None:
    with pytest.raises(BadFlow) as refused:
        check_flow(raw)
    assert any(found == place and reason in why for found, why in refused.value.faults), refused.value.faults


def test_a_stored_flow_that_was_only_careless_still_runs() -> None:
    assert runnable_flow(flow(a=MENU | {"prompt": [], "repeat_key": "1"})).name == "test"


def deep(depth: int) -> Any:
    found: Any = "x"
    for _ in range(depth):
        found = {"type": [found]}
    return found


HOSTILE: list[Any] = [
    None, 1, "flow", [], b"\xff", {}, {1: 2}, {"nodes": 5}, deep(50_000),
    {"name": "x", "start": "a", "nodes": deep(50_000)}, {"name": "x", "start": "a", "nodes": {"a": deep(50_000)}},
    {"name": "x", "start": "a", "nodes": {"a": play("a", deep(50_000))}}, flow(a={"type": "play", "prompt": ["x" * 10**7], "next": "end"}),
    {"name": "x", "start": "a", "nodes": {f"n{number}": END for number in range(100_000)}}, {"name": "x", "start": "a", "nodes": {"a" * 10**6: {}}},
    flow(a=play("end")) | {"name": "a\0"}, {"name": "x", "start": "a", "nodes": {"a": {"type": "\0"}}}, flow(a=play("end")) | {"title": "\ud800"},
    flow(a=play("end")) | {"version": 10**400}, flow(a=MENU | {"timeout_s": float("nan")}), flow(a=MENU | {"options": {"1\n": "end"}}),
]  # fmt: skip


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_input_is_only_refused(raw: Any) -> None:
    with pytest.raises(BadFlow) as refused:
        check_flow(raw)
    assert 1 <= len(refused.value.faults) <= 50
    assert len(str(refused.value)) < 25_000
    assert "\0" not in str(refused.value)


plain = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3))  # fmt: skip


@given(
    st.builds(
        lambda node, rest: flow(a=play("end")) | {"nodes": {"a": node}} | rest,
        plain,
        st.dictionaries(st.text(max_size=6), plain, max_size=2),
    )
)
def test_any_data_is_taken_or_refused(raw: Any) -> None:
    try:
        check_flow(raw)
    except BadFlow as refused:
        assert refused.faults


NAMES = ("a", "b", "c", "d", "end")
to = st.sampled_from(NAMES)
piece = st.sampled_from(["welcome", "closed", {"own": "jingle"}, {"say": "number", "variable": "v"}, {"say": "money", "variable": "w"}, {"say": "duration", "variable": "v"}, {"say": "digits", "variable": "caller"}])  # fmt: skip
prompt = st.lists(piece, min_size=1, max_size=3)
key = st.sampled_from("0123456789*#")
way = st.fixed_dictionaries({"next": to, "variable": st.just("v"), "equals": st.lists(st.text("12", max_size=2), min_size=1, max_size=3)})
node = st.one_of(
    st.fixed_dictionaries({"type": st.just("play"), "prompt": prompt, "next": to}),
    st.fixed_dictionaries(
        {
            "type": st.just("menu"),
            "prompt": prompt,
            "options": st.dictionaries(key, to, min_size=1),
            "otherwise": to,
            "retries": st.integers(0, 3),
        },
        optional={"repeat_key": key},
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("collect"),
            "prompt": prompt,
            "variable": st.sampled_from("vw"),
            "next": to,
            "otherwise": to,
            "secret": st.booleans(),
        }
    ),
    st.fixed_dictionaries({"type": st.just("condition"), "ways": st.lists(way, min_size=1, max_size=2), "otherwise": to}),
    st.fixed_dictionaries({"type": st.just("set"), "variables": st.just({"v": "{w}{caller}"}), "next": to}),
    st.fixed_dictionaries({"type": st.just("language"), "language": st.sampled_from(["zh", "en", "other"]), "next": to}),
    st.fixed_dictionaries(
        {"type": st.just("lookup"), "url": st.just("https://a.example/{v}/{w}"), "fields": st.just({"w": "f"}), "next": to, "otherwise": to}
    ),
    st.just({"type": "hangup", "prompt": ["goodbye"]}),
)
answer = st.one_of(
    st.builds(Digits, text=st.text("0123456789*#", max_size=4), ended=st.sampled_from(["max", "terminator", "timeout"])),
    st.just(Said()),
    st.builds(LookedUp, status=st.sampled_from([0, 200, 404, 500]), fields=st.dictionaries(st.just("f"), st.text(max_size=9))),
)


@st.composite
def flows(draw: st.DrawFn) -> Any:
    """A flow that may or may not be sound; islands are taken out, since random graphs are full of them."""
    nodes = {name: draw(node) for name in NAMES[:-1]} | {"end": END}
    reached, edge = set[str](), {"a"}
    while edge:
        reached |= edge
        edge = {other for name in edge for other in NAMES if f"'{other}'" in str(nodes[name])} - reached
    first = {"type": "set", "variables": {"v": "1", "w": "2.5"}, "next": "a"}
    return {"name": "any", "start": "first", "nodes": {name: nodes[name] for name in NAMES if name in reached} | {"first": first}}


@settings(max_examples=400)
@given(flows(), st.lists(answer, max_size=30))
def test_whatever_check_accepts_runs_to_an_end(raw: Any, answers: list[Any]) -> None:
    try:
        sound = check_flow(raw)
    except BadFlow as refused:
        assert all("circle" in why or "no way" in why or "option too" in why for _, why in refused.faults), refused.faults
        return
    secret = {name for name, found in raw["nodes"].items() if found.get("secret")}
    step = interpreter.begin(sound, facts())
    for given_answer in [*answers, *[Digits(text="", ended="timeout")] * 200]:
        assert interpreter.again(sound, stored(step.position), facts()).position.node == step.position.node
        assert not any(isinstance(note, Pressed) and note.node in secret and note.digits for note in step.notes)
        if isinstance(step.ask, ENDS):
            return
        step = interpreter.resume(sound, stored(step.position), given_answer, facts())
    raise AssertionError("a silent caller never comes to an end")


@given(st.sampled_from("#1"))
def test_a_machine_that_presses_for_ever_is_hung_up(pressed: str) -> None:
    sound = check_flow(flow(a=MENU | {"repeat_key": "#", "options": {"1": "a", "2": "end"}}))
    step = interpreter.begin(sound, facts())
    asked = 0
    while not isinstance(step.ask, ENDS):
        asked += 1
        assert asked <= 1000
        step = interpreter.resume(sound, step.position, Digits(text=pressed, ended="max"), facts())
