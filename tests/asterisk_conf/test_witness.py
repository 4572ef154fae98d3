"""Reading the witness: any file, torn or strange, gives the ends that are in it and nothing else."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callcenter.asterisk import witness
from callcenter.asterisk.witness import Witnessed, ends, parse_line, read_ends, read_events

KINDS = ("CHAN_START", "ANSWER", "BRIDGE_ENTER", "BRIDGE_EXIT", "HANGUP", "CHAN_END", "LINKEDID_END")
WORD = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=30)


def line_of(
    kind: str, at_ms: int, channel: str, *, user_field: str = "", extra: dict[str, str | int] | None = None, name: str = "PJSIP/x-1"
) -> str:
    out = io.StringIO()
    seconds, millis = divmod(at_ms, 1000)
    fields = [kind, f"{seconds}.{millis:03}000", channel, channel, name, "from-trunk", "", user_field, json.dumps(extra) if extra else ""]
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(fields)
    return out.getvalue()


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, int, str]]:
    """Events in the order of time, of a few channels."""
    moments = sorted(draw(st.lists(st.integers(1_700_000_000_000, 1_700_000_600_000), max_size=40)))
    return [(draw(st.sampled_from(KINDS)), moment, draw(st.sampled_from(["a.1", "b.2", "01jd8m3x9kq2v7t0h5wz-leg"]))) for moment in moments]


@given(WORD, WORD, st.dictionaries(WORD, st.one_of(WORD, st.integers(-(2**31), 2**31)), max_size=4))
def test_a_line_gives_back_what_went_in(name: str, user_field: str, extra: dict[str, str | int]) -> None:
    event = parse_line(line_of("HANGUP", 1_700_000_000_123, "c.1", name=name, user_field=user_field, extra=extra))
    assert event is not None
    assert (event.kind, event.at_ms, event.unique_id) == ("HANGUP", 1_700_000_000_123, "c.1")
    assert (event.channel_name, event.user_field, event.extra) == (name, user_field, extra)


@given(st.text())
def test_no_line_is_too_strange(text: str) -> None:
    event = parse_line(text)
    assert event is None or isinstance(event, Witnessed)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(story=stories(), block=st.integers(1, 300), torn=st.integers(0, 80), since=st.integers(1_699_999_990_000, 1_700_000_610_000))
def test_reading_from_the_end_finds_what_reading_all_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, story: list[tuple[str, int, str]], block: int, torn: int, since: int
) -> None:
    monkeypatch.setattr(witness, "_BLOCK", block)
    path = tmp_path / "witness.csv"
    half = line_of("HANGUP", 1_700_000_700_000, "torn.1", extra={"hangupcause": 17})[:-1][:torn]
    path.write_text("".join(line_of(*event) for event in story) + half, encoding="utf-8")
    wanted = [event for event in map(parse_line, (line_of(*event) for event in story)) if event is not None and event.at_ms >= since]
    assert read_events(path, since) == wanted
    assert read_ends(path, since) == ends(wanted)


def test_a_hang_up_by_the_phone_and_one_by_us() -> None:
    name = "PJSIP/1001-00000001"
    lines = [
        line_of("CHAN_START", 1000, "a", name=name),
        line_of("ANSWER", 2000, "a", name=name, user_field="4000/139"),
        line_of(
            "HANGUP", 5000, "a", name=name, user_field="4000/139", extra={"hangupcause": 0, "hangupsource": name, "dialstatus": "ANSWER"}
        ),
        line_of("CHAN_END", 5001, "a", name=name),
        line_of("HANGUP", 6000, "b", extra={"hangupcause": 17, "hangupsource": "dialplan/builtin"}),
        line_of("CHAN_END", 7000, "c"),
        line_of("HANGUP", 8000, "d", extra={"hangupcause": "no number"}),
    ]
    found = ends(event for event in map(parse_line, lines) if event)
    assert (found["a"].at_ms, found["a"].answered_ms, found["a"].cause, found["a"].by_remote) == (5000, 2000, 16, True)
    assert (found["a"].dialled, found["a"].caller, found["a"].dial_status) == ("4000", "139", "ANSWER")
    assert (found["b"].cause, found["b"].cause_text, found["b"].by_remote) == (17, "user busy", False)
    assert (found["c"].at_ms, found["c"].cause) == (7000, 0)
    assert found["d"].cause == 0


def test_no_file_is_no_news(tmp_path: Path) -> None:
    assert read_ends(tmp_path / "nothing.csv", 0) == {}


def test_a_huge_file_is_not_read_for_its_last_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "witness.csv"
    old = line_of("HANGUP", 1_600_000_000_000, "old.1", extra={"hangupcause": 16})
    path.write_text(old * 200_000 + line_of("HANGUP", 1_700_000_000_000, "new.1", extra={"hangupcause": 16}))
    parsed = []
    real = parse_line
    monkeypatch.setattr(witness, "parse_line", lambda line: parsed.append(line) or real(line))
    assert set(read_ends(path, 1_699_999_999_000)) == {"new.1"}
    assert len(parsed) == 2


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "witness.csv"
    good = line_of("HANGUP", 1_700_000_000_000, "new.1", extra={"hangupcause": 16})
    path.write_bytes(good.encode() + b"x" * 3_000_000 + b"\n" + good.replace("new.1", "new.2").encode())
    assert set(read_ends(path, 0)) >= {"new.2"}
