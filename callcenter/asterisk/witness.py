"""The witness: Asterisk's own CEL file, which goes on being written while the service is away.

``read_ends(path, since_ms)`` tells how each channel ended since a moment. Lines are CSV as ``cel_custom.conf`` orders
them; no field holds what a caller wrote, so a line is an event. Parsing is pure; reading goes from the file's end
backwards and stops at the first event before ``since_ms``.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

_FIELDS: Final = 9
_BLOCK: Final = 64 * 1024
_LONGEST_LINE: Final = 16 * 1024
NORMAL_CLEARING: Final = 16

CAUSES: Final = {
    0: "unknown",
    1: "unallocated number",
    16: "normal clearing",
    17: "user busy",
    18: "no user responding",
    19: "no answer",
    20: "subscriber absent",
    21: "call rejected",
    26: "answered elsewhere",
    27: "destination out of order",
    28: "invalid number format",
    31: "normal, unspecified",
    34: "no circuit available",
    38: "network out of order",
    41: "temporary failure",
    42: "switching equipment congestion",
    44: "channel not available",
    58: "bearer capability not available",
    102: "recovery on timer expiry",
    127: "interworking",
}
"""Q.850 causes as words."""


class Witnessed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the witness."""

    kind: str
    """CHAN_START, ANSWER, APP_START, APP_END, BRIDGE_ENTER, BRIDGE_EXIT, HANGUP, CHAN_END, LINKEDID_END …"""
    at_ms: int
    """UTC milliseconds since 1970."""
    unique_id: str
    """The channel's id: ours where we created it."""
    linked_id: str
    """The id of the channel that the whole chain of channels began with."""
    channel_name: str
    context: str
    peer: str
    """Names of the channels in the same bridge."""
    user_field: str
    extra: dict[str, str | int]


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What the fallback has written of a caller into the channel's user field: ``dialled/caller/queue/mailbox``, as far as it got."""

    dialled: str = ""
    caller: str = ""
    queue: str = ""
    in_mailbox: bool = False

    @classmethod
    def of(cls, user_field: str) -> Served:
        """What a user field says; all empty for a channel that the fallback did not have."""
        dialled, caller, queue, stage, *_ = [*user_field.split("/"), "", "", "", ""]
        return cls(dialled=dialled, caller=caller, queue=queue, in_mailbox=stage == "mailbox")


class ChannelEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How and when a channel ended."""

    at_ms: int
    """UTC milliseconds since 1970."""
    cause: int
    """Hang-up cause of Q.850; 0 when Asterisk noted none."""
    cause_text: str
    dial_status: str
    """ANSWER, BUSY, NOANSWER, CANCEL … for a channel that dialled; empty otherwise."""
    by_remote: bool
    """Whether the phone or the provider hung up, not Asterisk or the service."""
    source: str
    """The channel or part of Asterisk that asked for the hang-up; empty when none did."""
    unique_id: str
    linked_id: str
    channel_name: str
    answered_ms: int | None
    """When it was answered, if that was since the moment asked for."""
    dialled: str
    """The number dialled, for a caller whom the fallback took; empty otherwise. Digits and +."""
    caller: str
    """The caller's number, likewise; empty when it was hidden or not a number."""
    last_context: str
    """Where in the dialplan it stood: fallback contexts tell that the service did not have it."""


class _Extra(msgspec.Struct):
    hangupcause: int = 0
    hangupsource: str = ""
    dialstatus: str = ""


def parse_line(line: str) -> Witnessed | None:
    """One line as an event; None for a line that is torn or none of ours."""
    try:
        rows = list(csv.reader([line.rstrip("\r\n")], strict=True))
    except csv.Error:
        return None
    if len(rows) != 1 or len(rows[0]) != _FIELDS:
        return None
    kind, time, unique_id, linked_id, channel_name, context, peer, user_field, extra = rows[0]
    at_ms = _millis(time)
    if at_ms is None or not kind or not unique_id:
        return None
    try:
        decoded = msgspec.json.decode(extra, type=dict[str, str | int]) if extra else {}
    except (msgspec.DecodeError, UnicodeEncodeError):
        decoded = {}
    return Witnessed(
        kind=kind,
        at_ms=at_ms,
        unique_id=unique_id,
        linked_id=linked_id,
        channel_name=channel_name,
        context=context,
        peer=peer,
        user_field=user_field,
        extra=decoded,
    )


def _millis(time: str) -> int | None:
    seconds, dot, micros = time.partition(".")
    if not (dot and seconds.isascii() and seconds.isdigit() and len(seconds) <= 11 and micros.isascii() and micros.isdigit()):
        return None
    return int(seconds) * 1000 + int(micros[:6].ljust(6, "0")) // 1000


def ends(events: Iterable[Witnessed]) -> dict[str, ChannelEnd]:
    """How each channel that ended in ``events`` (oldest first) ended, by its id. Pure.

    A channel's HANGUP tells why; its CHAN_END alone (Asterisk saw no hang-up) gives cause 0.
    """
    answered: dict[str, int] = {}
    found: dict[str, ChannelEnd] = {}
    for event in events:
        if event.kind == "ANSWER":
            answered.setdefault(event.unique_id, event.at_ms)
        elif event.kind == "HANGUP" or (event.kind == "CHAN_END" and event.unique_id not in found):
            found[event.unique_id] = _end(event, answered.get(event.unique_id))
    return found


def _end(event: Witnessed, answered_ms: int | None) -> ChannelEnd:
    try:
        extra = msgspec.convert(event.extra, _Extra)
    except msgspec.ValidationError:
        extra = _Extra()
    served = Served.of(event.user_field)
    by_remote = bool(event.channel_name) and extra.hangupsource == event.channel_name
    # A BYE or CANCEL without a Reason is normal clearing (RFC 3398); Asterisk notes 0 for it.
    cause = NORMAL_CLEARING if by_remote and not extra.hangupcause else extra.hangupcause
    return ChannelEnd(
        at_ms=event.at_ms,
        cause=cause,
        cause_text=CAUSES.get(cause, f"cause {cause}"),
        dial_status=extra.dialstatus,
        by_remote=by_remote,
        source=extra.hangupsource,
        unique_id=event.unique_id,
        linked_id=event.linked_id,
        channel_name=event.channel_name,
        answered_ms=answered_ms,
        dialled=served.dialled,
        caller=served.caller,
        last_context=event.context,
    )


def read_ends(path: Path, since_ms: int) -> dict[str, ChannelEnd]:
    """How channels ended at or after ``since_ms``, by channel id; empty when there is no witness file.

    Takes time and memory with the events since then, not with the file. A torn last line is left out.
    """
    return ends(read_events(path, since_ms))


def read_events(path: Path, since_ms: int) -> list[Witnessed]:
    """The events at or after ``since_ms``, oldest first; empty when there is no witness file."""
    newest_first: list[Witnessed] = []
    for line in chain(_lines_backwards(path), _lines_backwards(_older(path))):
        event = parse_line(line)
        if event is None:
            continue
        if event.at_ms < since_ms - _DISORDER_MS:
            break
        if event.at_ms >= since_ms:
            newest_first.append(event)
    newest_first.reverse()
    return newest_first


_DISORDER_MS: Final = 10_000
"""CEL writes in the order of its bus, which may be some way behind the time noted in an event."""


def rotate_when_large(path: Path, limit_bytes: int = 64 * 1024 * 1024) -> bool:
    """Set a file of more than ``limit_bytes`` aside as ``<name>.1``, in place of the one set aside before; whether it was.

    Asterisk opens the file anew for each event, so it begins a fresh one. ``read_events`` reads both.
    """
    try:
        if path.stat().st_size <= limit_bytes:
            return False
        path.replace(_older(path))
    except FileNotFoundError:
        return False
    return True


def _older(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def _lines_backwards(path: Path) -> Iterator[str]:
    """Whole lines, last first. The piece after the last line feed is torn and left out."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        torn = True
        while position > 0:
            start = max(0, position - _BLOCK)
            file.seek(start)
            block = file.read(position - start) + rest
            position = start
            head, *lines = block.split(b"\n")
            if torn and lines:
                lines.pop()
                torn = False
            yield from (line.decode("utf-8", "replace") for line in reversed(lines))
            rest = head if len(head) <= _LONGEST_LINE or not position else b""
        if rest and not torn:
            yield rest.decode("utf-8", "replace")
