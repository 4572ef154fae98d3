"""Which numbers a flow may call outside, and where a trunk is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callcenter.basics.settings import Settings
from callcenter.lines.choice import may_call, same_line
from callcenter.lines.model import host_and_port


@pytest.mark.parametrize(
    ("number", "is_built", "allowed", "may"),
    [
        ("+14155550100", False, (), True),
        ("110", False, ("138",), True),
        ("13800138000", True, (), False),
        ("13800138000", True, ("138",), True),
        ("+8613800138000", True, ("138",), True),
        ("013800138000", True, ("+86138",), True),
        ("13800138000", True, ("008613",), True),
        ("01088886666", True, ("+8610",), True),
        ("+861088886666", True, ("010",), True),
        ("10086", True, ("010", "+86", "0086"), False),
        ("1088886666", True, ("010",), False),
        ("13800138000", True, ("8",), False),
        ("0014155550100", True, ("+1",), True),
        ("+14155550100", True, ("001",), True),
        ("+14155550100", True, ("1", "01"), False),
        ("0013800138000", True, ("138", "0086"), False),
        ("13", True, ("1",), False),
        ("", True, ("1",), False),
        ("138001380001380013800", False, (), False),
        ("138*", True, ("138",), False),
    ],
)
def test_which_numbers_a_flow_may_call(number: str, is_built: bool, allowed: tuple[str, ...], may: bool) -> None:
    assert may_call(number, is_built=is_built, allowed=allowed) is may


@given(st.text(max_size=30), st.lists(st.from_regex(r"\+?[0-9]{1,5}", fullmatch=True)))
def test_whatever_was_pressed_only_digits_are_called(number: str, allowed: list[str]) -> None:
    if may_call(number, is_built=True, allowed=allowed):
        assert set(number) <= set("+0123456789") and any(
            spelling.startswith(prefix) for prefix in allowed for spelling in same_line(number)
        )


@given(st.sampled_from(["", "0", "86", "+86", "0086"]), st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.integers(1, 6))
def test_how_a_mobile_is_written_changes_nothing_about_whether_it_may_be_called(front: str, mobile: str, length: int) -> None:
    for beginning in (mobile[:length], f"0{mobile[:length]}", f"+86{mobile[:length]}", f"0086{mobile[:length]}"):
        assert may_call(front + mobile, is_built=True, allowed=(beginning,))


def test_an_allowed_beginning_is_a_number() -> None:
    assert Settings(outside_allowed=["138", "+86"]).outside_allowed == ["138", "+86"]
    for wrong in ("", "*", "1 3", "x"):
        with pytest.raises(ValidationError):
            Settings(outside_allowed=[wrong])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sip.example.org", ("sip.example.org", 5060)),
        ("127.0.0.1:5080", ("127.0.0.1", 5080)),
        ("[2001:db8::7]:5080", ("2001:db8::7", 5080)),
        ("[2001:db8::7]", ("2001:db8::7", 5060)),
    ],
)
def test_where_a_trunk_is(text: str, found: tuple[str, int]) -> None:
    assert host_and_port(text) == found


@pytest.mark.parametrize("text", ["", ":5060", "me@host", "host:99999", "host:x", "host/path", "[::1", "host?x"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"no host:port|[Pp]ort|IPv6"):
        host_and_port(text)
