"""RTP written as a capture file, which SIPp plays: tones in PCMA, keys as RFC 4733 events."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tests.parts import rtp

Packet = tuple[float, bytes]
"""When, in seconds from the start, and the RTP packet."""


def tone_packets(hertz: int, seconds: float, loudness: int = 8000) -> list[Packet]:
    """A tone in packets of 20 ms."""
    samples = rtp.tone(hertz, loudness=loudness)
    packets = []
    for number in range(int(seconds * 50)):
        frame = np.take(samples, range(number * rtp.FRAME, (number + 1) * rtp.FRAME), mode="wrap")
        head = struct.pack("!BBHII", 0x80, 8, 1000 + number, 160000 + number * rtp.FRAME, 0x0DDBA11)
        packets.append((number * 0.02, head + rtp.encode(frame)))
    return packets


def key_packets(keys: str) -> list[Packet]:
    """Keys, one after the other."""
    packets: list[Packet] = []
    at = 0
    for key in keys:
        begun = 8000 + at * rtp.FRAME
        for payload, marker in rtp._key_packets(key):
            if payload:
                head = struct.pack("!BBHII", 0x80, 101 | (0x80 if marker else 0), 500 + at, begun, 0x0DDBA11)
                packets.append((at * 0.02, head + payload))
            at += 1
    return packets


def write(path: Path, packets: Iterable[Packet]) -> None:
    """The packets as a capture of Ethernet frames with UDP over IPv4 on loopback."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for moment, payload in packets:
            udp = struct.pack("!HHHH", 40000, 40000, 8 + len(payload), 0) + payload
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
            frame = b"\0" * 12 + b"\x08\0" + ip + udp
            file.write(struct.pack("<IIII", int(moment), int(moment % 1 * 1e6), len(frame), len(frame)) + frame)
