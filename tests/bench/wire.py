"""A listener on the loopback wire: which SIP message passed when. Kernel time stamps; Asterisk and the phones know nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import re
import select
import socket
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from tests.parts.centre import REPOSITORY

_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_ETH_P_ALL = 0x0003
_OUTGOING = 4
_KEPT_BYTES = 1600
_RECORD = struct.Struct("=QHHH")
"""Moment (ns), source port, destination port, length of the message that follows."""
_USER = rb"\s*:[^\r\n]*?sips?:([^@>;\s]+)@"
_CALLER = re.compile(rb"^(?:From|f)" + _USER, re.IGNORECASE | re.MULTILINE)
_CALLED = re.compile(rb"^(?:To|t)" + _USER, re.IGNORECASE | re.MULTILINE)
_CALL_ID = re.compile(rb"^(?:Call-ID|i)\s*:\s*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_CSEQ = re.compile(rb"^CSeq\s*:\s*\d+\s+(\w+)", re.IGNORECASE | re.MULTILINE)
_REASON = re.compile(rb"^Reason\s*:\s*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)


def _filter(ports: Sequence[int]) -> bytes:
    """Classic BPF: UDP over IPv4 to one of these ports."""
    count = len(ports)
    code = [
        (0x28, 0, 0, 12), (0x15, 0, count + 4, 0x0800),  # Ethernet type is IPv4
        (0x30, 0, 0, 23), (0x15, 0, count + 2, 17),  # protocol is UDP
        (0xB1, 0, 0, 14), (0x48, 0, 0, 16),  # destination port, behind the IP header
        *((0x15, count - n, 0, port) for n, port in enumerate(ports)),
        (0x06, 0, 0, 0), (0x06, 0, 0, 0x40000),
    ]  # fmt: skip
    return b"".join(struct.pack("=HBBI", *step) for step in code)


def open_wire(ports: Sequence[int]) -> socket.socket:
    """A raw socket on ``lo`` that sees what goes to these UDP ports. PermissionError without CAP_NET_RAW."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    program = ctypes.create_string_buffer(_filter(ports))
    wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(program.raw) // 8, ctypes.addressof(program)))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    wire.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    wire.bind(("lo", 0))
    return wire


def listen(ports: Sequence[int], into: Path) -> None:
    """Write down each message to these ports until standard input closes."""
    wire = open_wire(ports)
    wire.settimeout(0.2)
    print("listening", flush=True)
    with into.open("wb") as file:
        while True:
            ready, _, _ = select.select([wire, sys.stdin], [], [])
            if wire in ready:
                _note(wire, file)
            elif sys.stdin in ready:
                return


def _note(wire: socket.socket, file: BinaryIO) -> None:
    data, control, _, address = wire.recvmsg(65535, 256)
    if address[2] == _OUTGOING or len(data) < 42:
        return
    header = 14 + (data[14] & 0x0F) * 4
    source, target = struct.unpack("!HH", data[header:][:4])
    message = data[header + 8 :][:_KEPT_BYTES]
    seconds, nanos = struct.unpack("ll", control[0][2][:16])
    file.write(_RECORD.pack(seconds * 1_000_000_000 + nanos, source, target, len(message)) + message)


@contextlib.asynccontextmanager
async def listening(notes: Path, *ports: int) -> AsyncIterator[None]:
    """Listen as long as the block, in a process of its own; ``seen(notes)`` reads afterwards what passed."""
    listener = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.wire", str(notes), *map(str, ports),
        cwd=REPOSITORY, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert listener.stdout is not None and listener.stdin is not None
    if await asyncio.wait_for(listener.stdout.readline(), 10) != b"listening\n":
        raise SystemExit("The wire can't be listened to: run the benchmark as root (CAP_NET_RAW).")
    try:
        yield
    finally:
        listener.stdin.close()
        await asyncio.wait_for(listener.wait(), 10)


@dataclass(frozen=True)
class Seen:
    """One message on the wire."""

    at_ns: int
    source: int
    target: int
    data: bytes

    @cached_property
    def start(self) -> str:
        """The method of a request, the status of a response."""
        first, second = [*self.data.split(b" ", 2), b"", b""][:2]
        return (second if first.startswith(b"SIP/") else first).decode("utf-8", "replace")

    @cached_property
    def method(self) -> str:
        """The method of the transaction, of responses too."""
        return self._found(_CSEQ)

    @cached_property
    def caller(self) -> str:
        """The user part of From."""
        return self._found(_CALLER)

    @cached_property
    def called(self) -> str:
        """The user part of To."""
        return self._found(_CALLED)

    @cached_property
    def call_id(self) -> str:
        return self._found(_CALL_ID)

    @cached_property
    def reason(self) -> str:
        return self._found(_REASON)

    def _found(self, pattern: re.Pattern[bytes]) -> str:
        found = pattern.search(self.data)
        return found.group(1).decode("utf-8", "replace").strip() if found else ""


def seen(notes: Path) -> list[Seen]:
    """What passed, in order; a message that was sent again because no answer came stands there again."""
    data, at, found = notes.read_bytes(), 0, []
    while at + _RECORD.size <= len(data):
        moment, source, target, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        found.append(Seen(moment, source, target, data[at : at + length]))
        at += length
    return sorted(found, key=lambda message: message.at_ns)


def delays_ms(notes: Path, first_port: int, then_port: int) -> list[float]:
    """For each caller: milliseconds from its first INVITE at one port to the first at the other; callers seen only once are left out."""
    arrived: dict[str, int] = {}
    delays: dict[str, float] = {}
    for message in seen(notes):
        if message.start != "INVITE":
            continue
        if message.target == first_port:
            arrived.setdefault(message.caller, message.at_ns)
        elif message.target == then_port and message.caller in arrived:
            delays.setdefault(message.caller, (message.at_ns - arrived[message.caller]) / 1e6)
    return list(delays.values())


if __name__ == "__main__":
    listen([int(port) for port in sys.argv[2:]], Path(sys.argv[1]))
