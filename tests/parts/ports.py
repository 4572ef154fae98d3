"""Ports and folders for private servers of a test run."""

from __future__ import annotations

import os
import socket
from itertools import count

_FIRST, _LAST = 25000, 26999
_next = count(os.getpid() * 16, 4)
"""Every fourth: SIPp takes the port two above its media port as well."""


def free_port() -> int:
    """A port that is free now for both UDP and TCP on loopback, and is not handed out again in this run for a long while."""
    for _ in range(_LAST - _FIRST):
        port = _FIRST + next(_next) % (_LAST - _FIRST)
        if _is_free(port, socket.SOCK_STREAM) and _is_free(port, socket.SOCK_DGRAM):
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST}")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def rtp_range(width: int = 3000) -> tuple[int, int]:
    """A range for one Asterisk's audio, apart from that of other test runs on this machine."""
    first = 40000 + os.getpid() % 8 * width
    return first, first + width - 1
