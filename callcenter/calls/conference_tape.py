"""What is said in a conference, recorded as everybody hears it: one voice on both sides of an ordinary recording.

Asterisk's bridge recorder writes one channel; the recordings room keeps two, so the one is written twice.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, CallCenterError
from callcenter.basics.logs import get_logger
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.calls.conference_room import Room
from callcenter.ledger import events as ledger

_log = get_logger(__name__)
_FORMAT: Final = "sln"
"""8 kHz, 16 bit, little endian, no header."""


async def start(room: Room) -> None:
    """Record from now on, unless it is being recorded; a recording that fails never ends a conference."""
    if room.state.recording or not room.members:
        return
    first = min(room.members.values(), key=lambda member: member.joined_ms).session
    now = clock.utc_ms()
    recording = new_id(Kind.RECORDING, now)
    try:
        room.house.recordings.begin(recording, call=first.record.id, leg=first.caller.leg, started_ms=now)
        await room.house.ari.bridge(room.state.bridge).record(recording, _FORMAT)
    except (CallCenterError, OSError) as error:
        _log.error("the conference is not recorded", conference=room.conference.name, reason=str(error))
        first.note(ledger.RecordingFailed, recording=recording, reason=str(error)[:200])
        return
    room.state.recording, room.state.recorded_call = recording, first.record.id
    first.note(ledger.RecordingStarted, recording=recording, leg=first.caller.leg)


async def stop(room: Room) -> None:
    """Close the file and hand it over; without a recording nothing happens."""
    recording, call = room.state.recording, room.state.recorded_call
    if not recording:
        return
    room.state.recording = room.state.recorded_call = ""
    ended_ms = clock.utc_ms()
    with suppress(AsteriskRefused, AsteriskAway):
        await room.house.ari.stop_recording(recording)
    room.house.ledger.note(ledger.RecordingEnded(id=new_id(Kind.EVENT, ended_ms), at_ms=ended_ms, call=call, recording=recording))
    try:
        await asyncio.to_thread(
            _on_both_sides, room.house.bridge_recordings / f"{recording}.{_FORMAT}", room.house.recordings.path_for(recording)
        )
        await room.house.recordings.finished(recording, ended_ms)
    except (CallCenterError, OSError) as error:
        _log.error("a conference's recording was not taken in", recording=recording, reason=str(error))


def _on_both_sides(one: Path, two: Path) -> None:
    """Write 16-bit samples twice, as left and right, and let go of the first file."""
    voice = one.read_bytes()
    voice = voice[: len(voice) // 2 * 2]
    both = bytearray(2 * len(voice))
    for side in (0, 2):
        both[side::4] = voice[0::2]
        both[side + 1 :: 4] = voice[1::2]
    two.write_bytes(both)
    one.unlink()
