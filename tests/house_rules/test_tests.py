"""Rules for the tests themselves: each module says what it shows and lies in a room."""

from __future__ import annotations

import ast

import pytest

from tests.house_rules.tree import ROOT, modules, parsed, place


def test_a_test_module_says_what_it_shows() -> None:
    silent = [place(path) for path in modules("tests") if path.name.startswith("test_") and not ast.get_docstring(parsed(path))]
    assert not silent


def test_no_test_is_outside_a_room() -> None:
    assert not [place(path) for path in modules("tests") if path.name.startswith("test_") and len(path.relative_to(ROOT).parts) < 3]


def test_scenarios_are_named_by_person_and_deed() -> None:
    scenarios = list((ROOT / "tests" / "calls" / "scenarios").glob("*.xml"))
    assert scenarios
    assert not [path.name for path in scenarios if not path.stem.startswith(("caller_", "agent_", "supervisor_"))]


def test_every_test_has_one_category(request: pytest.FixtureRequest) -> None:
    """tests/conftest.py marks each test ``parts`` or ``rules`` by the fixtures it asks for."""
    for item in request.session.items:
        assert len({mark.name for mark in item.iter_markers()} & {"parts", "rules"}) == 1, item.nodeid
