"""Ports and folders for private servers of a test run."""

from __future__ import annotations

import fcntl
import functools
import socket
import tempfile
from itertools import count
from pathlib import Path
from typing import IO

_WIDTH, _RTP_WIDTH = 1000, 3000
_PLACES = (
    *((24000 + slot * _WIDTH, 40000 + slot * _RTP_WIDTH) for slot in range(8)),
    *((20000 + slot * _WIDTH, 8000 + slot * _RTP_WIDTH) for slot in range(4)),
)
"""The first port and the first one for audio of each test run beside others."""
_next = count(0, 4)
"""Every fourth: SIPp takes the port two above its media port as well."""


@functools.cache
def _slot() -> tuple[int, IO[str]]:
    """This process's share of the ports, its own as long as it lives: test runs beside each other take different ones."""
    for slot in range(len(_PLACES)):
        lock = (Path(tempfile.gettempdir()) / f"callcenter-test-ports-{slot}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return slot, lock
    raise OSError(f"{len(_PLACES)} test runs are under way already; wait for one to end")


def free_port() -> int:
    """A port that is free now for both UDP and TCP on loopback, and is not handed out again in this run for a long while."""
    first, _ = _PLACES[_slot()[0]]
    for _ in range(_WIDTH // 4):
        port = first + next(_next) % _WIDTH
        if _is_free(port, socket.SOCK_STREAM) and _is_free(port, socket.SOCK_DGRAM):
            return port
    raise OSError(f"no free port between {first} and {first + _WIDTH - 1}")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def rtp_range(width: int = _RTP_WIDTH) -> tuple[int, int]:
    """A range for one Asterisk's audio, apart from that of other test runs on this machine."""
    _, first = _PLACES[_slot()[0]]
    return first, first + width - 1
