"""A flow is refused with each place and reason, before any caller hears it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from callcenter.basics.errors import BadFlow
from callcenter.ivr.catalogue import NAMES
from callcenter.ivr.flow import Flow
from callcenter.ivr.nodes.base import BUILT_IN, TEMPLATE
from callcenter.ivr.nodes.ends import ToCallback, ToQueue

Fault = tuple[str, str]
_MOST_FAULTS: Final = 50
_DEEPEST: Final = 20
_MOST_VALUES: Final = 50_000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_KINDS: Final = frozenset(
    ("play", "menu", "collect", "condition", "set", "language", "lookup", "queue", "callback", "agent", "number", "voicemail", "hangup")
)
_LONGEST: Final = 200
"""Characters of a place or a reason: both may quote what was sent."""


def check_flow(raw: Any) -> Flow:
    """The flow of plain data; BadFlow with every place and reason when it can't be run, or can't be meant so."""
    flow = runnable_flow(raw)
    found = [(name, place, reason) for name, node in flow.nodes.items() for place, reason in node.contradictions()]
    if found:
        raise BadFlow([(f"nodes.{name}.{place}", reason) for name, place, reason in found[:_MOST_FAULTS]])
    return flow


def skills_of(flow: Flow) -> Iterator[tuple[str, dict[str, int]]]:
    """Place in the flow → the skills (skill → least level) that a caller sent on from there needs."""
    for name, node in flow.nodes.items():
        if isinstance(node, ToQueue | ToCallback) and node.need:
            yield f"nodes.{name}.need", node.need


def runnable_flow(raw: Any) -> Flow:
    """The flow of plain data that was stored, perhaps under milder rules; BadFlow only when it can't be run."""
    if fault := _oversized(raw):
        raise BadFlow([fault])
    try:
        flow = Flow.model_validate(raw)
    except ValidationError as error:
        raise BadFlow([_fault(found) for found in error.errors(include_url=False)[:_MOST_FAULTS]]) from None
    graph = [*_lost_ways(flow), *_unreachable(flow), *_endless(flow)]
    if faults := [*graph, *_unknown_prompts(flow), *_unknown_variables(flow), *_bad_templates(flow), *_bad_text(flow)]:
        raise BadFlow(faults[:_MOST_FAULTS])
    return flow


def _oversized(raw: Any) -> Fault | None:
    """Data too deep or too many to be looked at, by a walk that itself needs no depth."""
    seen = 0
    level = [raw]
    for _ in range(_DEEPEST):
        level = [
            inner for value in level if isinstance(value, dict | list) for inner in (value.values() if isinstance(value, dict) else value)
        ]
        seen += len(level)
        if seen > _MOST_VALUES:
            return "flow", f"holds more than {_MOST_VALUES} values"
        if not level:
            return None
    return "flow", f"is nested more than {_DEEPEST} deep"


def _fault(found: Any) -> Fault:
    parts = [str(part) for part in found["loc"]]
    place = [part for index, part in enumerate(parts) if not (index == 2 and part in _KINDS)]
    return _CONTROL.sub("?", ".".join(place))[:_LONGEST] or "flow", _CONTROL.sub("?", str(found["msg"]))[:_LONGEST]


def _lost_ways(flow: Flow) -> list[Fault]:
    faults = [] if flow.start in flow.nodes else [("start", f"there is no node {flow.start}")]
    for name, node in flow.nodes.items():
        faults += [(f"nodes.{name}.{place}", f"there is no node {to}") for place, to in node.exits().items() if to not in flow.nodes]
    return faults


def _reached(flow: Flow) -> set[str]:
    reached: set[str] = set()
    edge = {flow.start} & flow.nodes.keys()
    while edge:
        reached |= edge
        edge = {to for name in edge for to in flow.nodes[name].exits().values() if to in flow.nodes} - reached
    return reached


def _unreachable(flow: Flow) -> list[Fault]:
    return [(f"nodes.{name}", "no way leads here") for name in sorted(flow.nodes.keys() - _reached(flow))]


def _endless(flow: Flow) -> list[Fault]:
    """Nodes on a circle that a caller who presses nothing never leaves: such a call would not end by itself."""
    silent = {name: node.unanswered() & flow.nodes.keys() for name, node in flow.nodes.items()}
    faults = []
    for name, ways in silent.items():
        seen: set[str] = set()
        edge = set(ways)
        while edge - seen:
            seen |= edge
            edge = {to for found in edge for to in silent[found]}
        if name in seen:
            faults.append((f"nodes.{name}", "stands on a circle that a caller who presses nothing never leaves"))
    return faults


def _unknown_prompts(flow: Flow) -> list[Fault]:
    faults = []
    for name, node in flow.nodes.items():
        for place, prompt in node.prompts():
            for index, piece in enumerate(prompt):
                if isinstance(piece, str) and piece not in NAMES:
                    faults.append((f"nodes.{name}.{place}.{index}", f"there is no prompt {piece}"))
    return faults


def _unknown_variables(flow: Flow) -> list[Fault]:
    known = BUILT_IN | {variable for node in flow.nodes.values() for variable in node.sets()}
    faults = []
    for name, node in flow.nodes.items():
        used = list(node.reads())
        used += [(place, variable) for place, text in node.templates() for variable in TEMPLATE.findall(text)]
        faults += [(f"nodes.{name}.{place}", f"nothing sets the variable {variable}") for place, variable in used if variable not in known]
    return faults


def _bad_templates(flow: Flow) -> list[Fault]:
    faults = []
    for name, node in flow.nodes.items():
        for place, text in node.templates():
            if re.search(r"[{}]", TEMPLATE.sub("", text)):
                faults.append((f"nodes.{name}.{place}", "has a brace that is no {variable}"))
        faults += [(f"nodes.{name}", f"{variable} is the call's own and can't be set") for variable in node.sets() if variable in BUILT_IN]
    return faults


def _bad_text(flow: Flow) -> list[Fault]:
    """Control characters: Postgres can't hold NUL, and none of them is ever meant."""
    faults: list[Fault] = []
    waiting: list[tuple[str, Any]] = [("", flow.model_dump(mode="json", by_alias=True))]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{place}.{key}", inner) for key, inner in value.items()]
            waiting += [(place, key) for key in value]
        elif isinstance(value, list):
            waiting += [(f"{place}.{index}", inner) for index, inner in enumerate(value)]
        elif isinstance(value, str) and _CONTROL.search(value):
            faults.append((_CONTROL.sub("?", place.lstrip("."))[:_LONGEST], "holds a control character"))
    return faults
