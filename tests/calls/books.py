"""Reading what was written about a call: our ledger's story, and Asterisk's own two witnesses of it (CDR and CEL)."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callcenter.basics.vocabulary import is_id


@dataclass(frozen=True)
class Line:
    """One line of Asterisk's CEL; ``at_ms`` UTC milliseconds since 1970."""

    kind: str
    at_ms: float
    channel: str
    linked: str
    extra: dict[str, Any] = field(default_factory=dict)


def read_cel(path: Path) -> list[Line]:
    """EventType,EventTime,UniqueID,LinkedID,ChanName,Context,Peer,UserField,EventExtra"""
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) >= 9]
    return [Line(row[0], float(row[1]) * 1000, row[2], row[3], json.loads(row[8]) if row[8] else {}) for row in rows]


def read_cdr(path: Path) -> list[dict[str, str]]:
    """Asterisk's call records, by the names in cdr_custom.conf."""
    names = (
        "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "start", "answer", "end", "duration", "billsec",
        "disposition", "uniqueid", "linkedid", "sequence",
    )  # fmt: skip
    with path.open(newline="") as file:
        return [dict(zip(names, row, strict=False)) for row in csv.reader(file)]


class Witnessed:
    """What Asterisk itself wrote about one call: the caller's channel and the agents'."""

    def __init__(self, lines: list[Line], channel: str) -> None:
        linked = next(line.linked for line in lines if line.channel == channel)
        self.lines = [line for line in lines if line.linked == linked]
        self.caller = channel

    def moment(self, kind: str, channel: str) -> float:
        """When this happened to a channel, first time; UTC ms."""
        return next(line.at_ms for line in self.lines if line.kind == kind and line.channel == channel)

    def agents(self) -> list[str]:
        """Ids of the agents' channels, in the order of their birth."""
        return [line.channel for line in self.lines if line.kind == "CHAN_START" and is_id(line.channel)]

    def cause(self, channel: str) -> int:
        line = next(line for line in self.lines if line.kind == "HANGUP" and line.channel == channel)
        return int(line.extra["hangupcause"])


def kinds(story: dict[str, Any]) -> list[str]:
    """The kinds of a story's events, in order."""
    return [event["kind"] for event in story["events"]]


def events(story: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [event for event in story["events"] if event["kind"] == kind]


def phases(story: dict[str, Any]) -> list[str]:
    return [event["phase"] for event in events(story, "phase_entered")]


def channel_of(story: dict[str, Any], role: str) -> str:
    """Asterisk's id of the last leg of this role."""
    found: str = [event for event in events(story, "leg_started") if event["role"] == role][-1]["channel"]
    return found


def pressed(story: dict[str, Any]) -> str:
    """The keys of the call's DTMF path, without the nodes they were pressed at."""
    return "".join(part.rpartition(":")[2] for part in (story["call"]["dtmf_path"] or "").split())
