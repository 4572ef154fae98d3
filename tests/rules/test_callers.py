"""One caller, however a provider writes the number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.lines.callers import key_of


@pytest.mark.parametrize(
    "spellings",
    [
        ("13800138000", "+8613800138000", "8613800138000", "008613800138000", "013800138000"),
        ("02188886666", "+862188886666", "862188886666", "00862188886666"),
        ("+14155550100", "0014155550100"),
        ("10086", "+8610086"),
        ("4008001234", "+864008001234"),
    ],
)
def test_spellings_of_one_number(spellings: tuple[str, ...]) -> None:
    assert len({key_of(number) for number in spellings}) == 1


def test_another_countrys_number_is_not_taken_for_one_of_chinas() -> None:
    assert key_of("+13800138000") != key_of("13800138000")
    assert key_of("8612") == "8612"


@given(st.from_regex(r"\+?[0-9]{2,32}", fullmatch=True))
def test_every_number_has_a_key(number: str) -> None:
    key = key_of(number)
    assert key.removeprefix("+") and len(key) <= 33


@given(st.from_regex(r"1[3-9][0-9]{9}|[2-9][0-9]{8,9}", fullmatch=True))
def test_chinas_numbers_have_one_key_each(number: str) -> None:
    assert key_of(number) == key_of(f"+86{number}") == key_of(f"0086{number}") == key_of(f"0{number}") == number
