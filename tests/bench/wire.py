"""A listener on the loopback wire: when did which INVITE pass. Kernel time stamps; Asterisk and the phones know nothing of it."""

from __future__ import annotations

import ctypes
import json
import re
import select
import socket
import struct
import sys
from pathlib import Path

_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_ETH_P_ALL = 0x0003
_OUTGOING = 4
_CALLER = re.compile(rb"^(?:From|f)\s*:[^\r\n]*?sips?:([^@>\s]+)@", re.IGNORECASE | re.MULTILINE)


def _filter(ports: tuple[int, int]) -> bytes:
    """Classic BPF: UDP over IPv4 to one of two ports."""
    code = [
        (0x28, 0, 0, 12), (0x15, 0, 7, 0x0800),  # Ethernet type is IPv4
        (0x30, 0, 0, 23), (0x15, 0, 5, 17),  # protocol is UDP
        (0xB1, 0, 0, 14), (0x48, 0, 0, 16),  # destination port, behind the IP header
        (0x15, 1, 0, ports[0]), (0x15, 0, 1, ports[1]),
        (0x06, 0, 0, 0x40000), (0x06, 0, 0, 0),
    ]  # fmt: skip
    return b"".join(struct.pack("=HBBI", *step) for step in code)


def open_wire(ports: tuple[int, int]) -> socket.socket:
    """A raw socket on ``lo`` that sees what goes to these UDP ports. PermissionError without CAP_NET_RAW."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    program = ctypes.create_string_buffer(_filter(ports))
    wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(program.raw) // 8, ctypes.addressof(program)))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    wire.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    wire.bind(("lo", 0))
    return wire


def listen(ports: tuple[int, int], into: Path) -> None:
    """Write one JSON line per INVITE (moment in ns, port, caller) until standard input closes."""
    wire = open_wire(ports)
    wire.settimeout(0.2)
    print("listening", flush=True)
    with into.open("w") as file:
        while True:
            ready, _, _ = select.select([wire, sys.stdin], [], [])
            if wire in ready:
                _note(wire, file)
            elif sys.stdin in ready:
                return


def _note(wire: socket.socket, file: object) -> None:
    data, control, _, address = wire.recvmsg(65535, 256)
    if address[2] == _OUTGOING or len(data) < 42:
        return
    payload = data[14 + (data[14] & 0x0F) * 4 + 8 :]
    if not payload.startswith(b"INVITE "):
        return
    port = struct.unpack("!H", data[14 + (data[14] & 0x0F) * 4 + 2 :][:2])[0]
    seconds, nanos = struct.unpack("ll", control[0][2][:16])
    found = _CALLER.search(payload)
    caller = found.group(1).decode() if found else ""
    file.write(json.dumps([seconds * 1_000_000_000 + nanos, port, caller]) + "\n")  # type: ignore[attr-defined]


def delays_ms(notes: Path, first_port: int, then_port: int) -> list[float]:
    """For each caller: milliseconds from its first INVITE at one port to the first at the other; callers seen only once are left out."""
    arrived: dict[str, int] = {}
    delays: dict[str, float] = {}
    for line in notes.read_text().splitlines():
        moment, port, caller = json.loads(line)
        if port == first_port:
            arrived.setdefault(caller, moment)
        elif port == then_port and caller in arrived:
            delays.setdefault(caller, (moment - arrived[caller]) / 1e6)
    return list(delays.values())


if __name__ == "__main__":
    listen((int(sys.argv[1]), int(sys.argv[2])), Path(sys.argv[3]))
