"""A phone's ear and mouth: G.711 over RTP with telephone events (RFC 4733), on the test's own event loop.

What arrives is kept with the moment of its arrival, so that a test can ask what was heard between two moments.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from callcenter.basics.tasks import cancel_and_wait

Samples = NDArray[np.int16]
RATE = 8000
FRAME = 160
KEYS = "0123456789*#ABCD"


def _alaw_table() -> Samples:
    table = np.zeros(256, np.int16)
    for code in range(256):
        value = code ^ 0x55
        exponent, mantissa = (value & 0x70) >> 4, value & 0x0F
        magnitude = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
        table[code] = magnitude if value & 0x80 else -magnitude
    return table


def _ulaw_table() -> Samples:
    table = np.zeros(256, np.int16)
    for code in range(256):
        value = ~code & 0xFF
        magnitude = ((((value & 0x0F) << 3) + 0x84) << ((value & 0x70) >> 4)) - 0x84
        table[code] = -magnitude if value & 0x80 else magnitude
    return table


_DECODE = {8: _alaw_table(), 0: _ulaw_table()}


def _encoder(table: Samples) -> NDArray[np.uint8]:
    order = np.argsort(table)
    levels = table[order].astype(np.int32)
    wanted = np.arange(-32768, 32768)
    right = np.clip(np.searchsorted(levels, wanted), 1, 255)
    nearer = np.where(wanted - levels[right - 1] < levels[right] - wanted, right - 1, right)
    return order[nearer].astype(np.uint8)


_ENCODE = {kind: _encoder(table) for kind, table in _DECODE.items()}


def encode(samples: Samples, payload_type: int = 8) -> bytes:
    """PCMA (8) or PCMU (0)."""
    return _ENCODE[payload_type][samples.astype(np.int32) + 32768].tobytes()


def decode(payload: bytes, payload_type: int = 8) -> Samples:
    """PCMA (8) or PCMU (0)."""
    return _DECODE[payload_type][np.frombuffer(payload, np.uint8)]


def tone(hertz: float, seconds: float = 1.0, loudness: int = 8000) -> Samples:
    """A sine that joins seamlessly to itself when it lasts whole seconds and ``hertz`` is whole."""
    moments = np.arange(int(RATE * seconds)) / RATE
    return (loudness * np.sin(2 * np.pi * hertz * moments)).astype(np.int16)


class Ear:
    """What came in: audio frames and keys, each with the moment (``time.monotonic``) of arrival."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, Samples]] = []
        self.keys: list[tuple[float, str]] = []
        self._last_event: tuple[int, int] | None = None
        self._waiting: list[asyncio.Event] = []

    def take(self, packet: bytes) -> None:
        """One RTP packet."""
        if len(packet) < 12 or packet[0] >> 6 != 2:
            return
        kind, timestamp, source = packet[1] & 0x7F, struct.unpack("!I", packet[4:8])[0], struct.unpack("!I", packet[8:12])[0]
        payload = packet[12 + 4 * (packet[0] & 0x0F) :]
        if kind in _DECODE:
            self.frames.append((time.monotonic(), decode(payload, kind)))
        elif len(payload) == 4 and (source, timestamp) != self._last_event and payload[0] < len(KEYS):
            self._last_event = (source, timestamp)
            self.keys.append((time.monotonic(), KEYS[payload[0]]))
        for event in self._waiting:
            event.set()

    def heard(self, since: float = 0.0, until: float = float("inf")) -> Samples:
        """Everything that arrived between two moments of ``time.monotonic``, joined."""
        parts = [samples for moment, samples in self.frames if since <= moment <= until]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def keys_heard(self, since: float = 0.0) -> str:
        return "".join(key for moment, key in self.keys if moment >= since)

    async def news(self, timeout_s: float) -> None:
        """Return when the next packet has come; TimeoutError when none comes."""
        event = asyncio.Event()
        self._waiting.append(event)
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        finally:
            self._waiting.remove(event)


class Voice(asyncio.DatagramProtocol):
    """One RTP socket: hears from the moment it opens, speaks (silence by default) once it knows where to."""

    def __init__(self) -> None:
        self.ear = Ear()
        self.target: tuple[str, int] | None = None
        self.payload_type = 8
        self.dtmf_type = 101
        self.port = 0
        self._loop_of: Samples = np.zeros(FRAME, np.int16)
        self._at = 0
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self._sequence = random.randrange(30000)
        self._timestamp = random.randrange(1 << 30)
        self._source = random.getrandbits(32)
        self._transport: asyncio.DatagramTransport | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._pressed = asyncio.Event()

    async def open(self, host: str = "127.0.0.1") -> None:
        """Bind a free even port."""
        loop = asyncio.get_running_loop()
        for _ in range(50):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.bind((host, 0))
            if sock.getsockname()[1] % 2 == 0:
                break
            sock.close()
        self.port = sock.getsockname()[1]
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=sock)

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        self.ear.take(data)

    def error_received(self, exc: Exception) -> None:
        """The other side has closed its port already: ordinary at the end of a call."""

    def start(self, speaking: asyncio.Task[None]) -> None:
        self._speaking = speaking

    def say(self, samples: Samples) -> None:
        """Repeat these samples from now on."""
        self._loop_of, self._at = (samples if len(samples) >= FRAME else np.resize(samples, FRAME)), 0

    def be_silent(self) -> None:
        self.say(np.zeros(FRAME, np.int16))

    async def press(self, keys: str, timeout_s: float = 10.0) -> None:
        """Send the keys as telephone events, 100 ms each with 60 ms between; return when the last is out."""
        self._pressed.clear()
        for key in keys:
            self._keys.put_nowait(key)
        async with asyncio.timeout(timeout_s):
            await self._pressed.wait()

    def _send(self, kind: int, payload: bytes, *, timestamp: int, marker: bool = False) -> None:
        if self.target is None or self._transport is None or self._transport.is_closing():
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        head = struct.pack("!BBHII", 0x80, kind | (0x80 if marker else 0), self._sequence, timestamp & 0xFFFFFFFF, self._source)
        self._transport.sendto(head + payload, self.target)

    def _frame(self) -> Samples:
        taken: Samples = np.take(self._loop_of, range(self._at, self._at + FRAME), mode="wrap")
        self._at = (self._at + FRAME) % len(self._loop_of)
        return taken

    async def speak(self) -> None:
        """Send one packet every 20 ms until cancelled: audio, or the key being pressed."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        event: list[tuple[bytes, bool]] = []
        began = 0
        while True:
            if not event and not self._keys.empty():
                event, began = _key_packets(self._keys.get_nowait()), self._timestamp
            if event:
                payload, marker = event.pop(0)
                if payload:
                    self._send(self.dtmf_type, payload, timestamp=began, marker=marker)
                if not event and self._keys.empty():
                    self._pressed.set()
            else:
                self._send(self.payload_type, encode(self._frame(), self.payload_type), timestamp=self._timestamp)
            self._timestamp += FRAME
            due += FRAME / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def close(self) -> None:
        await cancel_and_wait(self._speaking)
        if self._transport is not None:
            self._transport.close()


def _key_packets(key: str, frames: int = 5, gap_frames: int = 3) -> list[tuple[bytes, bool]]:
    """One key as RFC 4733 payloads, 20 ms apart: its growing duration, its end three times, then a gap (empty payloads)."""
    code = KEYS.index(key)
    growing = [(struct.pack("!BBH", code, 10, FRAME * (n + 1)), n == 0) for n in range(frames)]
    ending = [(struct.pack("!BBH", code, 0x80 | 10, FRAME * frames), False)] * 3
    return [*growing, *ending, *([(b"", False)] * gap_frames)]


def join(parts: Sequence[Samples]) -> Samples:
    return np.concatenate(list(parts)) if parts else np.zeros(0, np.int16)
