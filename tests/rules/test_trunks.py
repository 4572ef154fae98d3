"""Trunks: whose a call is, how numbers are written anew, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callcenter.basics.vocabulary import dialled_number
from callcenter.lines.trunks import NumberRule, Trunk, rewritten, trunk_at

RULES = (NumberRule(begins="+86", becomes="0"), NumberRule(begins="+", becomes="00"), NumberRule(begins="", becomes="9"))


@pytest.mark.parametrize(
    ("number", "written"),
    [("+861088886666", "01088886666"), ("+14155550100", "0014155550100"), ("110", "9110"), ("1" * 32, "1" * 32)],
)
def test_the_first_rule_that_fits_writes_a_number(number: str, written: str) -> None:
    assert rewritten(number, RULES) == written
    assert rewritten(number, ()) == number


@given(st.from_regex(r"\+?[0-9*#]{1,32}", fullmatch=True), st.lists(st.builds(
    NumberRule, begins=st.from_regex(r"\+?[0-9*#]{0,4}", fullmatch=True), becomes=st.from_regex(r"\+?[0-9*#]{0,20}", fullmatch=True)
)))  # fmt: skip
def test_what_rules_write_can_be_dialled(number: str, rules: list[NumberRule]) -> None:
    assert dialled_number(rewritten(number, rules))


def test_a_call_is_of_the_trunk_that_names_its_address_most_closely() -> None:
    wide, near = Trunk(name="wide", networks=("192.0.0.0/8",)), Trunk(name="near", networks=("192.0.2.7", "2001:db8::/32"))
    secret = Trunk(name="secret", networks=("192.0.2.7/32",), inbound_password="abcd1234")
    trunks = (secret, wide, near)
    assert near.networks == ("192.0.2.7/32", "2001:db8::/32")
    assert trunk_at("192.0.2.7:5060", trunks) is near
    assert trunk_at("192.0.2.8:5060", trunks) is wide
    assert trunk_at("[2001:db8::1]:5060", trunks) is near
    for nobody in ("", "198.51.100.1:5060", "[::1]:5060", "x", "]["):
        assert trunk_at(nobody, trunks) is None


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"name": "main"}, "name"),
        ({"host": "a", "username": "u"}, "password"),
        ({"host": "a", "password": "1234"}, "username"),
        ({"registers": True}, "host"),
        ({"host": "a", "registers": True}, "username"),
        ({"host": "a", "registers": True, "username": "user", "password": "1234"}, "main_number"),
        ({"codecs": ["alaw", "alaw"]}, "codecs"),
        ({"networks": ["192.0.2.0/24"]}, "networks"),
    ],
)
def test_what_is_refused_when_looked_at_as_a_whole(fields: dict[str, Any], place: str) -> None:
    others = (Trunk(name="other", networks=("192.0.2.0/24",)),)
    assert place in [fault[0] for fault in Trunk(**{"name": "acme", **fields}).faults(others)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "A"), ("host", "a b"), ("host", "a;b"), ("username", "a@b"), ("password", "a\nb=c"), ("password", "abc"),
        ("codecs", ["g729"]), ("codecs", []), ("port", 0), ("networks", ["0.0.0.0/0"]), ("networks", ["::/0"]), ("networks", ["a"]),
        ("caller_number", "Bob"),
        ("main_number", "s"), ("called_rules", [{"begins": "x", "becomes": ""}]), ("inbound_password", "a]b[c"),
    ],
)  # fmt: skip
def test_what_can_not_stand_in_asterisks_configuration_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Trunk(**{"name": "acme", field: value})
    assert caught.value.errors()[0]["loc"][0] == field


def test_no_secret_is_shown() -> None:
    trunk = Trunk(name="acme", host="a", username="u", password="secret-1", inbound_password="secret-2")
    way_out, way_in = trunk.way_out(), trunk.way_in()
    assert way_out and way_in and way_out.password == "secret-1" and way_in.password == "secret-2"
    assert "secret" not in repr(trunk) + repr(way_out) + repr(way_in)
