"""Reads a queue_log, strictly, written from Asterisk's documentation and app_queue.c; knows nothing of what writes ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

NUMBER, SECONDS, MS, ANY, TEXT, EMPTY = r"[1-9]\d*", r"\d+", r"\d+", r"[^|]*", r"[^|]+", ""
FIELDS: dict[str, tuple[str, ...]] = {
    "ENTERQUEUE": (ANY, r"\+?[0-9*#]*", NUMBER),  # url, caller id, origposition
    "CONNECT": (SECONDS, TEXT, SECONDS),  # holdtime, uniqueid of the member's channel, ringtime (s)
    "COMPLETEAGENT": (SECONDS, SECONDS, NUMBER),  # holdtime, calltime, origposition
    "COMPLETECALLER": (SECONDS, SECONDS, NUMBER),
    "ABANDON": (NUMBER, NUMBER, SECONDS),  # position, origposition, waittime
    "EXITEMPTY": (NUMBER, NUMBER, SECONDS),
    "EXITWITHTIMEOUT": (NUMBER, NUMBER, SECONDS),
    "EXITWITHKEY": (r"[0-9*#]*", NUMBER, NUMBER, SECONDS),
    "WITHDRAW": (NUMBER, NUMBER, SECONDS, r"[^|]{0,40}"),
    "RINGNOANSWER": (MS,),
    "RINGCANCELED": (MS,),
    "AGENTDUMP": (EMPTY,),
    "ADDMEMBER": ("(PAUSED)?",),
    "REMOVEMEMBER": (EMPTY,),
    "PAUSE": (ANY,),
    "UNPAUSE": (ANY,),
    "PAUSEALL": (ANY,),
    "UNPAUSEALL": (ANY,),
    "CONFIGRELOAD": (EMPTY,),
    "QUEUESTART": (EMPTY,),
}
_OF_A_CALLER = {"ENTERQUEUE", "CONNECT", "COMPLETEAGENT", "COMPLETECALLER", "ABANDON", "EXITEMPTY", "EXITWITHTIMEOUT", "EXITWITHKEY",
                "WITHDRAW", "RINGNOANSWER", "RINGCANCELED", "AGENTDUMP"}  # fmt: skip
_OF_AN_AGENT = {"CONNECT", "COMPLETEAGENT", "COMPLETECALLER", "RINGNOANSWER", "RINGCANCELED", "AGENTDUMP", "ADDMEMBER", "REMOVEMEMBER",
                "PAUSE", "UNPAUSE", "PAUSEALL", "UNPAUSEALL"}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A line, taken apart."""

    epoch: int
    call: str
    queue: str
    agent: str
    event: str
    data: tuple[str, ...]


def read(text: str) -> list[Entry]:
    """The lines of a queue_log; AssertionError for one that app_queue could not have written."""
    entries = [_read(line) for line in text.splitlines()]
    assert not text or text.endswith("\n")
    assert all(a.epoch <= b.epoch for a, b in pairwise(entries)), "not in order"
    return entries


def _read(line: str) -> Entry:
    epoch, call, queue, agent, event, *data = line.split("|")
    assert re.fullmatch(r"\d{9,11}", epoch), line
    assert call and queue and agent, line
    assert event in FIELDS, line
    wanted = FIELDS[event]
    assert len(data) == len(wanted), line
    assert all(re.fullmatch(pattern, field) for pattern, field in zip(wanted, data, strict=True)), line
    assert event not in _OF_A_CALLER or call != "NONE", line
    assert event not in _OF_AN_AGENT or agent != "NONE", line
    return Entry(int(epoch), call, queue, agent, event, tuple(data))


def stories_hold(entries: list[Entry]) -> None:
    """Each caller's lines tell one story: entered, at most one end, and the end's figures fit the clock."""
    calls: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.event in _OF_A_CALLER:
            calls.setdefault((entry.call, entry.queue), []).append(entry)
    for story in calls.values():
        entered, connected, place = None, None, ""
        for entry in story:
            if entry.event == "ENTERQUEUE":
                assert entered is None, story
                entered, connected, place = entry, None, entry.data[2]
                continue
            assert entered is not None, story
            if entry.event == "CONNECT":
                assert connected is None and int(entry.data[0]) == entry.epoch - entered.epoch, story
                connected = entry
            elif entry.event.startswith("COMPLETE"):
                assert connected is not None and entry.agent == connected.agent and entry.data[0] == connected.data[0], story
                assert int(entry.data[1]) == entry.epoch - connected.epoch and entry.data[2] == place, story
                entered = None
            elif entry.event in {"ABANDON", "EXITEMPTY", "EXITWITHTIMEOUT", "EXITWITHKEY", "WITHDRAW"}:
                position, first, waited = entry.data[1:] if entry.event == "EXITWITHKEY" else entry.data[:3]
                assert connected is None and int(waited) == entry.epoch - entered.epoch and first == place, story
                assert int(position) >= 1, story
                entered = None
