"""Keys that wait to be read, and the terminator that is typed out of habit."""

from __future__ import annotations

import pytest

from callcenter.calls import keys
from callcenter.calls.keys import Keys


def left(waiting: Keys) -> str:
    return "".join(waiting.get_nowait() for _ in range(waiting.qsize()))


async def test_a_terminator_at_once_is_passed_over_and_only_one() -> None:
    waiting = Keys()
    waiting.pass_over("#")
    for key in "#1#":
        waiting.press(key)
    assert left(waiting) == "1#"


async def test_another_key_is_the_next_questions_and_what_follows_it_too() -> None:
    waiting = Keys()
    waiting.pass_over("#")
    for key in "1#":
        waiting.press(key)
    assert left(waiting) == "1#"


async def test_typed_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Keys()
    for key in "#2":
        waiting.press(key)
    waiting.pass_over("#")
    assert left(waiting) == "2"
    for key in "2#":
        waiting.press(key)
    waiting.pass_over("#")
    assert left(waiting) == "2#"


async def test_a_late_one_counts_and_a_menu_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Keys()
    waiting.pass_over("")
    waiting.press("#")
    assert left(waiting) == "#"
    monkeypatch.setattr(keys, "_HABIT_S", -1.0)
    waiting.pass_over("#")
    waiting.press("#")
    assert left(waiting) == "#"


async def test_a_flood_is_not_listened_to() -> None:
    waiting = Keys()
    for _ in range(1000):
        waiting.press("1")
    assert len(left(waiting)) == 64
