"""What the witness tells of the fallback becomes calls that keep every invariant; telling it twice tells nothing new."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.asterisk.witness import ChannelEnd, Witnessed, ends
from callcenter.basics.vocabulary import Direction, Kind, LegRole, is_id, new_id
from callcenter.calls.closing import closing_of
from callcenter.calls.fallback_intake import BrokenMessage, read_message
from callcenter.calls.fallback_story import Message, calls_of, story_of
from callcenter.ledger import events as ledger
from callcenter.ledger.invariants import check
from callcenter.ledger.projection import project

T = 1_700_000_000_000
CALLER, PHONE = "1700000000.1", "1700000003.2"
AT, IN_QUEUE, IN_MAILBOX = "4001/13900000001", "4001/13900000001/sales", "4001/13900000001/sales/mailbox"


def line(kind: str, after_ms: int, channel: str = CALLER, user_field: str = "", **extra: str | int) -> Witnessed:
    name = "PJSIP/trunk-main-00000001" if channel == CALLER else "PJSIP/1001-00000002"
    return Witnessed(
        kind=kind, at_ms=T + after_ms, unique_id=channel, linked_id=CALLER, channel_name=name, context="", peer="",
        user_field=user_field, extra=extra,
    )  # fmt: skip


HELD = [line("CHAN_START", 0), line("ANSWER", 5, user_field=AT)]
QUEUED = [*HELD, line("APP_START", 4000, user_field=IN_QUEUE)]
RINGING = [*QUEUED, line("CHAN_START", 4100, PHONE)]
TALKING = [
    *RINGING, line("ANSWER", 7000, PHONE), line("BRIDGE_ENTER", 7010, PHONE), line("BRIDGE_ENTER", 7020, user_field=IN_QUEUE),
]  # fmt: skip
IN_THE_MAILBOX = [*QUEUED, line("APP_END", 4001, user_field=IN_QUEUE), line("APP_START", 9000, user_field=IN_MAILBOX)]
CALLER_GOES = line("HANGUP", 20_000, hangupcause=0, hangupsource="PJSIP/trunk-main-00000001")
PHONE_GOES = line("HANGUP", 19_000, PHONE, hangupcause=16, hangupsource="PJSIP/1001-00000002")
CALLER_SENT_AWAY = line("HANGUP", 19_050, hangupcause=16, hangupsource="PJSIP/1001-00000002")
TOLD_LATE = line("HANGUP", 19_070, PHONE, hangupcause=16, hangupsource="PJSIP/1001-00000002")


@pytest.mark.parametrize(
    ("lines", "message", "outcome", "by", "witnessed"),
    [
        ([*HELD, CALLER_GOES], False, "abandoned_ivr", "caller", True),
        ([*QUEUED, CALLER_GOES], False, "abandoned_queue", "caller", True),
        ([*RINGING, CALLER_GOES], False, "abandoned_queue", "caller", True),
        ([*TALKING, CALLER_GOES], False, "answered", "caller", True),
        ([*TALKING, PHONE_GOES, CALLER_SENT_AWAY], False, "answered", "agent", True),
        ([*TALKING, CALLER_SENT_AWAY, TOLD_LATE], False, "answered", "agent", True),
        ([*IN_THE_MAILBOX, CALLER_GOES], True, "voicemail", "caller", True),
        ([*IN_THE_MAILBOX, CALLER_GOES], False, "no_answer", "caller", True),
        (QUEUED, False, "media_server_lost", "system", False),
        (TALKING, False, "media_server_lost", "system", False),
    ],
)
def test_how_a_call_of_the_fallback_is_told(lines: list[Witnessed], message: bool, outcome: str, by: str, witnessed: bool) -> None:
    (call,) = calls_of(lines)
    left = Message(channel=CALLER, began_ms=T + 9000, length_ms=5000, box="sales") if message else None
    events = story_of(call, node="n", message=left)
    told = project(events)
    assert not check(told)
    assert (told.call.outcome, told.call.ended_by, told.call.witnessed) == (outcome, by, witnessed)
    assert (told.call.caller, told.call.dialled, told.call.trunk, told.call.node) == ("13900000001", "4001", "main", "n")
    assert all(is_id(event.id, Kind.EVENT) for event in events)
    assert len({event.id for event in events}) == len(events)
    assert story_of(calls_of(lines)[0], node="n", message=left) == events
    if message:
        assert told.call.recordings == (left.recording,) if left else ()


def test_the_times_of_a_talk_are_the_witnesss() -> None:
    (call,) = calls_of([*TALKING, line("BRIDGE_EXIT", 18_000), PHONE_GOES, CALLER_SENT_AWAY])
    told = project(story_of(call, node="n", message=None)).call
    assert (told.wait_ms, told.ring_ms, told.talk_ms, told.agent, told.queue) == (3000, 2900, 10_980, "1001", "sales")


_KINDS = ("CHAN_START", "ANSWER", "APP_START", "APP_END", "BRIDGE_ENTER", "BRIDGE_EXIT", "HANGUP", "CHAN_END", "LINKEDID_END")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(_KINDS), st.integers(0, 60_000), st.sampled_from([CALLER, PHONE, "x.9"]),
            st.sampled_from(["", AT, IN_QUEUE, IN_MAILBOX, "/", "//sales", "a/b/c/d/e/f"]),
        ),
        max_size=25,
    )
)  # fmt: skip
def test_whatever_the_witness_tells_every_invariant_holds(lines: list[tuple[str, int, str, str]]) -> None:
    told = [line(*one) for one in sorted(lines, key=lambda one: one[1])]
    for call in calls_of(told):
        assert not check(project(story_of(call, node="n", message=None)))


def arrived(call: str, leg: str, channel: str) -> list[ledger.Event]:
    def made(event: type, after_ms: int, **fields: object) -> ledger.Event:
        happened: ledger.Event = event(id=new_id(Kind.EVENT, T + after_ms), at_ms=T + after_ms, call=call, **fields)
        return happened

    return [
        made(ledger.CallArrived, 0, direction=Direction.INBOUND, caller="1", dialled="4001", node="n"),
        made(ledger.LegStarted, 0, leg=leg, channel=channel, role=LegRole.CALLER, party="1"),
        made(ledger.PhaseEntered, 0, phase="greeting"),
        made(ledger.PhaseEntered, 100, phase="conversation"),
        made(ledger.RecordingStarted, 150, recording=new_id(Kind.RECORDING, T + 150), leg=leg),
    ]


@pytest.mark.parametrize(
    ("witness", "here", "end_ms", "by", "outcome", "witnessed"),
    [
        ([CALLER_GOES], set(), 20_000, "caller", "answered", True),
        ([CALLER_SENT_AWAY], set(), 19_050, "system", "answered", True),
        ([], {CALLER}, 30_000, "system", "answered", False),
        ([], set(), 150, "system", "answered", False),
    ],
)
def test_a_call_whose_record_is_lost_is_closed(
    witness: list[Witnessed], here: set[str], end_ms: int, by: str, outcome: str, witnessed: bool
) -> None:
    call, leg = new_id(Kind.CALL, T), new_id(Kind.LEG, T)
    events = arrived(call, leg, CALLER)
    how: dict[str, ChannelEnd] = ends(witness)
    closing = closing_of(events, how, here, node="n", now_ms=T + 30_000)
    told = project([*events, *closing])
    assert not check(told)
    assert [event for event in closing if isinstance(event, ledger.RecordingEnded)]
    assert sum(isinstance(event, ledger.CallEnded) for event in closing) == 1
    assert (told.call.ended_ms, told.call.ended_by, told.call.outcome, told.call.witnessed) == (T + end_ms, by, outcome, witnessed)
    assert all(row.ended_ms is not None for row in told.legs)


def test_messages_that_can_be_read_and_that_can_not(tmp_path: Path) -> None:
    head = (
        b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x00"
    )
    sound = bytes(range(200))
    file = tmp_path / "m.wav"
    file.write_bytes(head + sound)
    assert read_message(file) == sound, "its recorder was killed before it wrote the length"
    file.write_bytes(head + sound + b"x")
    assert read_message(file) == sound
    file.write_bytes(head)
    assert read_message(file) == b""
    file.write_bytes(b"")
    assert read_message(file) == b""
    for broken in (b"RIFF", b"something else altogether", head.replace(b"\x40\x1f", b"\x80\x3e") + sound):
        file.write_bytes(broken)
        with pytest.raises(BrokenMessage):
            read_message(file)
