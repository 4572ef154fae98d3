"""What happened while no worker was there is written into the books afterwards: calls that the dialplan's fallback served,
with the messages callers left, and open calls whose record was lost.

    witness → fallback_story → ledger (committed) → message: wav → recordings room (row committed) → the file goes

Every step may be repeated: ids come from Asterisk's ids of the channels. A crash at any point loses and doubles nothing.
"""

from __future__ import annotations

import array
import asyncio
import sys
import wave
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callcenter.asterisk import witness
from callcenter.basics import clock
from callcenter.basics.errors import CallCenterError
from callcenter.basics.logs import get_logger
from callcenter.calls.closing import close_lost
from callcenter.calls.fallback_story import FALLBACK, FallbackCall, Message, Story, calls_of, story_of, tell_message
from callcenter.ledger.store import LegOf

if TYPE_CHECKING:
    from callcenter.calls.service import Calls

_log = get_logger(__name__)
_EVERY_S: Final = 60.0
_SOON_S: Final = 2.0
_IDLE_ROUNDS: Final = 2
_QUIET_MS: Final = 3000
"""How long an end must be past: until then an arrival may still be on its way to us."""
_SLACK_MS: Final = 15_000
"""The witness notes an event some seconds late at worst."""
_FORGOTTEN_S: Final = 3600.0
"""A message that nobody has written to for so long is finished, whatever the witness knows."""
_SETTLE_S: Final = 10.0
_STORE_LIMIT_S: Final = 60.0
_ASK_EVERY_S: Final = 0.2
_RATE: Final = 8000
_WAV_HEAD: Final = 44


class BrokenMessage(CallCenterError):
    """A message's file holds no sound that can be read."""

    slug = "broken-message"


class FallbackIntake:
    """Takes in what the fallback did. One per worker; ``run`` is its one task."""

    def __init__(self, calls: Calls, *, witness_file: Path, messages: Path) -> None:
        self._calls = calls
        self._witness_file = witness_file
        self._messages = messages
        self._cursor_file = messages / "taken-in-until"
        self._connections = 0
        self._idle_rounds = 0
        """Rounds since the last connection that found nothing unfinished; after two of them the witness is left unread."""
        self._more_to_come = False
        """Calls have ended so lately that they are looked at again soon."""

    async def run(self) -> None:
        """Take in when the worker has taken its calls over, and every minute from then on, until cancelled."""
        await self._calls.recovered.wait()
        while True:
            for step in (self.take_in, self._close_lost):
                try:
                    await step()
                except Exception:
                    _log.exception("what happened without a worker could not be taken in; it is tried again")
            await asyncio.sleep(_SOON_S if self._more_to_come else _EVERY_S)

    async def _close_lost(self) -> None:
        await close_lost(self._calls, self._witness_file)

    async def take_in(self) -> None:
        """Once through everything that is finished."""
        began_ms = clock.utc_ms()
        files = await asyncio.to_thread(_message_files, self._messages)
        if self._calls.connections != self._connections:
            self._connections, self._idle_rounds = self._calls.connections, 0
        if not files and self._idle_rounds >= _IDLE_ROUNDS:
            if self._calls.house.ari.connected:
                await asyncio.to_thread(self._set_cursor, began_ms - _SLACK_MS)
            return
        since_ms = await asyncio.to_thread(self._cursor)
        calls = await asyncio.to_thread(self._witnessed, since_ms)
        if since_ms and files.keys() - {call.channel for call in calls}:
            calls = await asyncio.to_thread(self._witnessed, 0)
        here = {channel.id for channel in await self._calls.house.ari.list_channels()} if calls or files else set()
        finished = [call for call in calls if _is_over(call, here, began_ms)]
        await self._write_down(finished, files)
        for channel in files.keys() - {call.channel for call in calls} - here:
            await self._take_unwitnessed(channel, files[channel])
        over = {call.channel for call in finished}
        self._idle_rounds = self._idle_rounds + 1 if len(over) == len(calls) else 0
        self._more_to_come = any(call.channel not in over and call.channel not in here for call in calls)
        unfinished_ms = [call.started_ms for call in calls if call.channel not in over]
        await asyncio.to_thread(self._set_cursor, min([*unfinished_ms, began_ms]) - _SLACK_MS)

    def _witnessed(self, since_ms: int) -> list[FallbackCall]:
        return calls_of(witness.read_events(self._witness_file, since_ms))

    async def _write_down(self, calls: list[FallbackCall], files: dict[str, Path]) -> None:
        if not calls:
            return
        ledger, node = self._calls.house.ledger, self._calls.house.node
        await ledger.settle(_SETTLE_S)
        first_ms, last_ms = calls[0].started_ms - _SLACK_MS, calls[-1].started_ms + _SLACK_MS
        known = await ledger.known_channels(node, [call.channel for call in calls], first_ms, last_ms)
        left: list[tuple[Path, bytes, Message, LegOf]] = []
        for call in calls:
            owner = known.get(call.channel) or LegOf(call=call.id, leg=call.leg, is_over=False)
            sound = await self._read(files[call.channel]) if call.channel in files else b""
            message = _message(call, sound) if sound else None
            if owner.call == call.id and not owner.is_over:
                # Also when it is known: a crash may have torn its events apart, and telling them again is harmless.
                ledger.note(*story_of(call, node=node, message=message))
            elif owner.call != call.id and message:
                story = Story(owner.call, f"message {call.channel}")
                tell_message(story, message, owner.leg)
                ledger.note(*story.events)
            if message:
                left.append((files[call.channel], sound, message, owner))
        await ledger.settle(_SETTLE_S)
        for file, sound, message, owner in left:
            await self._store(file, sound, message, owner)

    async def _take_unwitnessed(self, channel: str, file: Path) -> None:
        """A message whose call no witness tells of any more: who called is not known, what was said is kept."""
        ended_s = (await asyncio.to_thread(file.stat)).st_mtime
        if clock.utc_ms() / 1000 - ended_s < _FORGOTTEN_S:
            return
        sound = await self._read(file)
        if not sound:
            return
        ended_ms = int(ended_s * 1000)
        call = FallbackCall(
            channel=channel, trunk="", served=witness.Served(in_mailbox=True), started_ms=ended_ms - _length_ms(sound), last_ms=ended_ms,
            answered_ms=None, queued_ms=None, left_queue_ms=None, message_ms=ended_ms - _length_ms(sound), phones=(), end=None,
        )  # fmt: skip
        message = _message(call, sound)
        _log.warning("a message without a witness is taken in; who left it is not known", call=call.id)
        ledger = self._calls.house.ledger
        ledger.note(*story_of(call, node=self._calls.house.node, message=message))
        await ledger.settle(_SETTLE_S)
        await self._store(file, sound, message, LegOf(call=call.id, leg=call.leg, is_over=True))

    async def _read(self, file: Path) -> bytes:
        """A message's samples; nothing for an empty one, which goes, and for a broken one, which is set aside."""
        try:
            sound = await asyncio.to_thread(read_message, file)
        except BrokenMessage as error:
            _log.error("a message can't be read; it is set aside", file=file.name, reason=str(error))
            await asyncio.to_thread(file.replace, file.with_suffix(".broken"))
            return b""
        if not sound:
            await asyncio.to_thread(file.unlink, missing_ok=True)
        return sound

    async def _store(self, file: Path, sound: bytes, message: Message, owner: LegOf) -> None:
        """Hand a message to the recordings room, wait until its row is committed, and let the file go."""
        recordings = self._calls.house.recordings
        info = await recordings.describe(message.recording)
        if info is None or info.state == "spooled":
            raw = recordings.begin(message.recording, call=owner.call, leg=owner.leg, started_ms=message.began_ms)
            await asyncio.to_thread(_write_stereo, raw, sound)
            await recordings.finished(message.recording, message.began_ms + message.length_ms)
        async with asyncio.timeout(_STORE_LIMIT_S):
            while info is None or info.state == "spooled":
                await asyncio.sleep(_ASK_EVERY_S)
                info = await recordings.describe(message.recording)
        if info.state == "stored":
            await asyncio.to_thread(file.unlink, missing_ok=True)
            _log.info("a message of the fallback's mailbox is stored", call=info.call, recording=info.id)
        else:
            _log.error("a message could not be stored; its file is set aside", file=file.name, reason=info.reason)
            await asyncio.to_thread(file.replace, file.with_suffix(".broken"))

    def _cursor(self) -> int:
        try:
            return int(self._cursor_file.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def _set_cursor(self, millis: int) -> None:
        draft = self._cursor_file.with_suffix(".new")
        self._messages.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_text(f"{millis}\n")
        draft.replace(self._cursor_file)


def _message_files(folder: Path) -> dict[str, Path]:
    return {file.stem: file for file in sorted(folder.glob("*.wav"))}


def _is_over(call: FallbackCall, here: Collection[str], now_ms: int) -> bool:
    if call.channel in here:
        return False
    heard_ms = call.end.at_ms if call.end else call.last_ms
    return heard_ms < now_ms - _QUIET_MS


def _message(call: FallbackCall, sound: bytes) -> Message:
    length_ms = _length_ms(sound)
    began_ms = call.message_ms if call.message_ms is not None else max(call.started_ms, call.last_ms - length_ms)
    return Message(channel=call.channel, began_ms=began_ms, length_ms=length_ms, box=call.served.queue or FALLBACK)


def _length_ms(sound: bytes) -> int:
    return len(sound) * 1000 // (2 * _RATE)


def read_message(file: Path) -> bytes:
    """The samples of a message, 16 bit, 8 kHz, one channel; BrokenMessage when the file holds something else.

    A recorder that was killed leaves a header that tells no length: then everything behind it is sound.
    """
    try:
        with wave.open(str(file)) as message:
            if (message.getnchannels(), message.getsampwidth(), message.getframerate()) != (1, 2, _RATE):
                raise BrokenMessage("it is not 16 bit, 8 kHz, one channel")
            sound: bytes = message.readframes(message.getnframes())
    except (wave.Error, EOFError) as error:
        if not file.stat().st_size:
            return b""
        raise BrokenMessage(str(error) or "the file is cut short") from error
    if not sound:
        sound = file.read_bytes()[_WAV_HEAD:]
    return sound[: len(sound) // 2 * 2]


def _write_stereo(target: Path, sound: bytes) -> None:
    """The caller on the left, silence on the right; under its name only when it is whole."""
    left = array.array("h", sound)
    both = array.array("h", bytes(2 * len(sound)))
    both[0::2] = left
    if sys.byteorder == "big":
        both.byteswap()
    draft = target.with_suffix(".message.new")
    draft.write_bytes(both.tobytes())
    draft.replace(target)
