"""The rules of a call's life: which phase may follow which, how its end is called, what a restart does with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.agent_state import end_of_offer, requested_mode
from callcenter.acd.model import OfferEnd
from callcenter.asterisk.resources import CallerID, ChannelData, DialplanCEP
from callcenter.basics.errors import BadRequest
from callcenter.basics.vocabulary import Direction, Kind, Language, LegRole, Outcome, born_ms, caller_number, dialled_number, new_id
from callcenter.calls.line import longest_s
from callcenter.calls.phases import NEXT, Phase, outcome_of
from callcenter.calls.record import CallRecord, LegRecord, decode, encode
from callcenter.calls.recovery_plan import plan
from callcenter.ivr.catalogue import LONGEST_PROMPT_S

pytestmark = pytest.mark.rules

MOMENTS = st.integers(min_value=0, max_value=2**45)


def test_every_phase_leads_to_the_end() -> None:
    for phase in Phase:
        reached, edge = {phase}, {phase}
        while edge := {after for before in edge for after in NEXT[before]} - reached:
            reached |= edge
        assert Phase.DONE in reached


@given(last=st.sampled_from(Phase), talked=st.booleans(), message_left=st.booleans(), caller_left=st.booleans(), refused=st.booleans())
def test_every_end_has_one_name(last: Phase, talked: bool, message_left: bool, caller_left: bool, refused: bool) -> None:
    outcome = outcome_of(last=last, talked=talked, message_left=message_left, caller_left=caller_left, refused=refused)
    assert (outcome is Outcome.ANSWERED) == talked
    if outcome in {Outcome.ABANDONED_IVR, Outcome.ABANDONED_QUEUE}:
        assert caller_left


@pytest.mark.parametrize(
    ("status", "cause", "timed_out", "end"),
    [
        ("BUSY", 17, False, OfferEnd.BUSY),
        ("CONGESTION", 21, False, OfferEnd.DECLINED),
        ("NOANSWER", 0, True, OfferEnd.TIMED_OUT),
        ("CHANUNAVAIL", 0, False, OfferEnd.UNREACHABLE),
        ("CHANUNAVAIL", 20, False, OfferEnd.UNREACHABLE),
        ("", 0, False, OfferEnd.FAILED),
    ],
)
def test_how_an_offer_ended(status: str, cause: int, timed_out: bool, end: OfferEnd) -> None:
    assert end_of_offer(status, cause, timed_out) is end


@given(st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text())))
def test_a_mode_is_one_of_three_or_refused(asked: object) -> None:
    try:
        assert requested_mode(asked) in {"ready", "paused", "offline"}
    except BadRequest as error:
        assert "ready, paused, offline" in str(error)


@given(MOMENTS, MOMENTS)
def test_ids_sort_by_birth(one: int, other: int) -> None:
    assert (new_id(Kind.CALL, one)[:10] < new_id(Kind.CALL, other)[:10]) == (one < other)
    assert born_ms(new_id(Kind.LEG, one)) == one


@given(st.text(max_size=60))
def test_hostile_numbers_become_nothing_but_digits(text: str) -> None:
    assert set(caller_number(text)) <= set("+0123456789*#") or caller_number(text) == "anonymous"
    assert dialled_number(text) is None or set(dialled_number(text) or "") <= set("+0123456789*#")


def leg(channel: str, role: LegRole = LegRole.CALLER) -> LegRecord:
    return LegRecord(leg=new_id(Kind.LEG, 1), channel=channel, name=f"PJSIP/x-{channel}", role=role, party="1")


def record(call: str, caller: str, other: str | None = None, bridge: str = "") -> CallRecord:
    return CallRecord(
        id=call,
        node="n",
        direction=Direction.INBOUND,
        started_ms=1,
        caller=leg(caller),
        number="1",
        name="",
        dialled="4000",
        phase=Phase.CONVERSATION if other else Phase.QUEUE,
        phase_since_ms=1,
        language=Language.ZH,
        other=leg(other, LegRole.AGENT) if other else None,
        bridge=bridge,
    )


def channel(identifier: str, app: str = "cc-n-old") -> ChannelData:
    return ChannelData(
        id=identifier,
        protocol_id="",
        name="PJSIP/x",
        state="Up",
        caller=CallerID(name="", number=""),
        connected=CallerID(name="", number=""),
        accountcode="",
        dialplan=DialplanCEP(context="", exten="", priority=1, app_name="Stasis", app_data=f"{app},trunk"),
        creationtime="",
        language="en",
    )


def test_after_a_restart_nobody_is_forgotten() -> None:
    stray, bridge, used = new_id(Kind.LEG, 1), new_id(Kind.BRIDGE, 1), new_id(Kind.BRIDGE, 2)
    here = {name: channel(name) for name in ("caller-a", "agent-a", stray, "lost-caller")}
    here["elsewhere"] = channel("elsewhere", "another-app")
    todo = plan([record("a", "caller-a", "agent-a", used), record("b", "caller-b")], here, [bridge, used, "not-ours"], "cc-n-")
    assert [found.id for found in todo.resume] == ["a"]
    assert [found.id for found in todo.close] == ["b"]
    assert todo.hang_up == (stray,)
    assert todo.adopt == ("lost-caller",)
    assert todo.destroy == (bridge,)


def test_a_record_survives_its_writing() -> None:
    before = record("a", "caller-a", "agent-a", "x-br")
    assert decode(encode(before)) == before


def test_no_prompt_that_may_be_imported_is_given_up_while_it_plays() -> None:
    assert longest_s(["zh/welcome"]) > LONGEST_PROMPT_S
    assert longest_s(["zh/welcome", "zh/main-menu"]) > 2 * LONGEST_PROMPT_S
