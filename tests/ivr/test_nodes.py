"""Each kind of node: what it asks, where it goes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from callcenter.basics.errors import BadFlow
from callcenter.ivr.asks import Gather, HangUp, LeaveVoicemail, LookedUp, Lookup, Pressed, Said, Say, SendToAgent, SendToNumber, SendToQueue
from callcenter.ivr.check import check_flow
from tests.ivr.playbook import NOTHING, ZONE, Playbook, facts, flow, keys

YES = {"type": "queue", "queue": "yes"}
NO = {"type": "queue", "queue": "no"}


def chosen(way: dict[str, Any], **known: Any) -> bool:
    raw = flow(a={"type": "condition", "ways": [way | {"next": "yes"}], "otherwise": "no"}, yes=YES, no=NO)
    return Playbook(raw, facts(**known)).step.ask == SendToQueue(queue="yes")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """November 2026; the 23rd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


NIGHT = {"hours": [{"days": [5], "from": "22:00", "to": "06:00"}]}
OFFICE = {"hours": [{"from": "09:00", "to": "18:00"}]}


@pytest.mark.parametrize(
    ("way", "now", "holds"),
    [
        (OFFICE, at(23, 9), True),
        (OFFICE, at(23, 8, 59), False),
        (OFFICE, at(23, 17, 59), True),
        (OFFICE, at(23, 18), False),
        (OFFICE, at(28, 10), False),
        (NIGHT, at(27, 21, 59), False),
        (NIGHT, at(27, 22), True),
        (NIGHT, at(28, 5, 59), True),
        (NIGHT, at(28, 6), False),
        (NIGHT, at(28, 23), False),
        (NIGHT, at(27, 5), False),
        ({"hours": [{"days": [7], "from": "22:00", "to": "06:00"}]}, at(23, 3), True),
        ({"hours": [{"days": [7], "from": "18:00", "to": "00:00"}]}, at(22, 23, 59), True),
        ({"hours": [{"days": [7], "from": "18:00", "to": "00:00"}]}, at(23, 0), False),
        ({"hours": [{"days": [1], "from": "00:00", "to": "00:00"}]}, at(23, 12), True),
        ({"hours": [{"days": [1], "from": "00:00", "to": "00:00"}]}, at(24, 0), False),
    ],
)
def test_hours(way: dict[str, Any], now: datetime, holds: bool) -> None:
    assert chosen(way, now=now) is holds


def on(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}+08:00")


WEEKEND = {"hours": [{"days": [6, 7], "from": "00:00", "to": "00:00"}]}
SHOP = {"hours": [{"days": [6, 7], "from": "10:00", "to": "20:00", "shifted": False}]}
FRIDAY_NIGHT = {"hours": [{"days": [5], "from": "22:00", "to": "06:00"}]}


@pytest.mark.parametrize(
    ("way", "now", "holds"),
    [
        (OFFICE, "2026-02-14T10:00", True),
        (OFFICE, "2026-02-14T18:00", False),
        (OFFICE, "2026-01-04T09:00", True),
        (OFFICE, "2026-02-21T10:00", False),
        (WEEKEND, "2026-02-14T10:00", False),
        (WEEKEND, "2026-02-21T10:00", True),
        (SHOP, "2026-02-14T10:00", True),
        (FRIDAY_NIGHT, "2026-02-14T23:00", True),
        (FRIDAY_NIGHT, "2026-02-15T05:00", True),
        (FRIDAY_NIGHT, "2026-02-22T05:00", False),
        (OFFICE | {"holiday": False}, "2026-02-14T10:00", True),
    ],
)
def test_a_weekend_day_worked_for_a_holiday_has_a_working_days_hours(way: dict[str, Any], now: str, holds: bool) -> None:
    assert chosen(way, now=on(now)) is holds


def test_what_is_known_of_the_caller() -> None:
    assert chosen({"caller_begins": ["138", "139"]}) and not chosen({"caller_begins": ["139"]})
    assert chosen({"anonymous": True}, caller="") and chosen({"anonymous": True}, caller="anonymous") and not chosen({"anonymous": True})
    assert chosen({"vip": True}, vip=True) and not chosen({"vip": True}) and chosen({"vip": False})
    assert chosen({"blacklisted": True}, blacklisted=True) and chosen({"holiday": True}, is_holiday=True) and not chosen({"holiday": True})
    assert chosen({"variable": "dialled", "equals": ["1", "4000"]}) and not chosen({"variable": "dialled", "equals": ["1"]})


def test_all_of_a_way_must_hold_and_the_first_way_wins() -> None:
    assert not chosen(OFFICE | {"vip": True}, now=at(23, 10)) and chosen(OFFICE | {"vip": True}, now=at(23, 10), vip=True)


def collect(**more: Any) -> dict[str, Any]:
    node = {"type": "collect", "prompt": "enter-number", "variable": "pin", "next": "yes", "otherwise": "no", "retries": 1}
    return flow(a=node | more, yes=YES, no=NO)


def test_collect_least_most_and_terminator() -> None:
    book = Playbook(collect(least=2, most=4)) << Gather
    ask = book.step.ask
    assert isinstance(ask, Gather) and (ask.max_digits, ask.terminators, ask.secret) == (4, "#", False)
    assert (
        book >> keys("1", "terminator") << ("zh/invalid-choice", "zh/enter-number") >> keys("12", "terminator") << SendToQueue(queue="yes")
    )
    assert book.step.position.variables == {"pin": "12"}
    assert Playbook(collect()) >> NOTHING << ("zh/no-input", "zh/enter-number") >> NOTHING << SendToQueue(queue="no")
    assert Playbook(collect()) >> keys("1*2") << ("zh/invalid-choice", "zh/enter-number") >> keys("٣٤") << SendToQueue(queue="no")


def test_secret_digits_are_not_told() -> None:
    book = Playbook(collect(secret=True, least=4)) >> keys("12") >> keys("9876", "terminator") << SendToQueue(queue="yes")
    assert book.told(Pressed) == [Pressed(node="a", digits="", valid=False), Pressed(node="a", digits="", valid=True)]
    assert "9876" not in str(book.notes)


def test_the_ends() -> None:
    for node, ask in (
        ({"type": "queue", "queue": "vip", "priority": 5}, SendToQueue(queue="vip", priority=5)),
        ({"type": "agent", "agent": "1001"}, SendToAgent(agent="1001")),
        ({"type": "number", "number": "+8613800138000"}, SendToNumber(number="+8613800138000")),
        ({"type": "voicemail", "box": "sales"}, LeaveVoicemail(box="sales")),
        ({"type": "hangup", "cause": "busy"}, HangUp(cause="busy")),
    ):
        assert Playbook(flow(a=node)) << ask
    assert Playbook(flow(a={"type": "hangup", "prompt": ["goodbye"]})) << Say(("zh/goodbye",)) >> Said() << HangUp()


@pytest.mark.parametrize(
    ("number", "asked"),
    [
        ("+8613800138000", SendToNumber(number="+8613800138000")),
        ("{caller}", SendToNumber(number="13800138000", is_built=True)),
        ("0{caller}", SendToNumber(number="013800138000", is_built=True)),
        ("+86{caller}1", SendToNumber(number="+86138001380001", is_built=True)),
    ],
)
def test_a_number_is_written_or_built(number: str, asked: SendToNumber) -> None:
    assert Playbook(flow(a={"type": "number", "number": number})) << asked


def test_variables_are_set_and_spoken() -> None:
    raw = flow(
        a={"type": "set", "variables": {"greeting": "{caller}"}, "next": "b"},
        b={"type": "play", "prompt": [{"say": "digits", "variable": "greeting"}, {"own": "jingle"}], "next": "end"},
    )
    assert Playbook(raw, facts(caller="12")) << Say(("zh/digit/1", "zh/digit/2", "zh/own/jingle"))
    assert Playbook(raw, facts(caller="anonymous")) << Say(("zh/own/jingle",))


def asked(url: str, caller: str) -> Any:
    node = {"type": "lookup", "url": url, "fields": {"tier": "level"}, "next": "yes", "not_found": "no", "otherwise": "end"}
    return Playbook(flow(a=node, yes=YES, no=NO), facts(caller=caller))


@given(st.text(alphabet=st.characters(), max_size=30))
def test_a_value_stays_in_its_place_in_the_address(caller: str) -> None:
    ask = asked("https://crm.example/customers/{caller}/tier?who={caller}", caller).step.ask
    if isinstance(ask, HangUp):
        assert caller in (".", "..")
        return
    url = URL(ask.url)
    assert url.host == "crm.example" and url.raw_path.startswith("/customers/") and url.raw_path.endswith("/tier")
    assert url.raw_path.count("/") == 3 and list(url.query) == ["who"] and not url.fragment
    assert url.query["who"] == caller.encode(errors="replace").decode()


@pytest.mark.parametrize("caller", ["..", "."])
def test_a_value_does_not_climb(caller: str) -> None:
    assert asked("https://crm.example/customers/{caller}/tier", caller) << HangUp()


def test_lookup_goes_on_by_the_answer() -> None:
    for answer, end in (
        (LookedUp(status=200, fields={"level": "gold", "other": "x"}), SendToQueue(queue="yes")),
        (LookedUp(status=404), SendToQueue(queue="no")),
        (LookedUp(status=500), HangUp()),
        (LookedUp(status=302), HangUp()),
        (LookedUp(status=0), HangUp()),
    ):
        book = asked("http://crm.example/{caller}", "1") << Lookup >> answer << end
        assert book.step.position.variables == ({"tier": "gold"} if answer.status == 200 else {})


@pytest.mark.parametrize(
    "url", ["https://{caller}/x", "https://a.{caller}.example/x", "https://a@b/x", "file:///etc/passwd", "http://a:99999/"]
)
def test_the_host_is_fixed(url: str) -> None:
    node = {"type": "lookup", "url": url, "next": "end", "otherwise": "end"}
    with pytest.raises(BadFlow) as refused:
        check_flow(flow(a=node))
    assert refused.value.faults[0][0].startswith("nodes.a")
