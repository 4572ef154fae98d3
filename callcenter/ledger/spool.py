"""The spool: events on the local disk until Postgres has them.

One event a line, behind eight hexadecimal digits of CRC-32. A line torn by a crash or a power cut is recognised and left
out. Files are taken in the order of their names and removed only after their events are committed.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path


def line_of(body: bytes) -> bytes:
    """An event as it stands in the spool."""
    return b"%08x %s\n" % (zlib.crc32(body), body)


def bodies_of(content: bytes) -> tuple[list[bytes], int]:
    """The events of a file, and how many lines were torn or damaged."""
    found, damaged = [], 0
    for line in content.split(b"\n"):
        if not line:
            continue
        if len(line) > 9 and line[8:9] == b" " and line[:8] == b"%08x" % zlib.crc32(line[9:]):
            found.append(line[9:])
        else:
            damaged += 1
    return found, damaged


class Spool:
    """Files in one folder: the newest is written, the older ones wait for Postgres. Its methods block: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None
        self._current: Path | None = None
        self._number = 0

    def open(self) -> list[Path]:
        """Begin; returns the files that a run before us left, oldest first."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        left = self.waiting()
        self._number = int(left[-1].stem) if left else 0
        return left

    def waiting(self) -> list[Path]:
        """Files that wait, oldest first, the one being written excepted."""
        return sorted(path for path in self._folder.glob("*.events") if path != self._current)

    def append(self, lines: Iterable[bytes]) -> None:
        """Write lines and let the disk confirm them; OSError when it can't."""
        if self._descriptor is None:
            self._number += 1
            self._current = self._folder / f"{self._number:012d}.events"
            self._descriptor = os.open(self._current, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        text = b"".join(lines)
        while text:
            text = text[os.write(self._descriptor, text) :]
        os.fdatasync(self._descriptor)

    def rotate(self) -> Path | None:
        """Close the file being written; it may now be removed once Postgres has its events."""
        closed, self._current = self._current, None
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        return closed

    @staticmethod
    def remove(path: Path) -> None:
        """Its events are committed."""
        path.unlink(missing_ok=True)
