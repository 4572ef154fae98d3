"""The spool: events on the local disk until Postgres has them.

One event a line, behind eight hexadecimal digits of CRC-32. A line torn by a crash or a power cut is recognised and left
out. Files are taken in the order of their names and removed only after their events are committed. What Postgres refuses
for ever stands in ``refused.lines`` beside them, in the same form: renamed to ``<number>.events`` it is tried again.
"""

from __future__ import annotations

import contextlib
import os
import threading
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from callcenter.basics import clock

REFUSED: Final = "refused.lines"
"""The file of what Postgres refuses for ever."""
_TRIAL: Final = b"\n" * 4096


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
        self._number = 0
        self._size = 0
        self._since_s = 0.0
        self._lock = threading.Lock()
        self.current: Path | None = None
        """The file being written; None while there is none."""
        self.closed: list[Path] = []
        """Files that are complete; whoever removes one takes it out of here."""

    def open(self) -> list[Path]:
        """Begin; returns the files that a run before us left, oldest first."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        left = sorted(path for path in self._folder.glob("*.events") if path.stem.isdecimal())
        self.closed += left
        self._number = int(left[-1].stem) if left else 0
        return left

    def append(self, bodies: Iterable[bytes]) -> Path:
        """Write events, let the disk confirm them, and return their file; OSError when it can't: then none of them counts.

        Without events it tries the disk with empty lines, which mean nothing.
        """
        text = b"".join(line_of(body) for body in bodies) or _TRIAL
        with self._lock:
            descriptor, path = self._file()
            try:
                _write(descriptor, text)
            except OSError:
                self._give_up(descriptor)
                raise
            self._size += len(text)
            return path

    def _file(self) -> tuple[int, Path]:
        if self._descriptor is None or self.current is None:
            path = self._folder / f"{self._number + 1:012d}.events"
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._number, self._size, self._since_s, self.current = self._number + 1, 0, clock.monotonic_s(), path
            _confirm_names(self._folder)
        return self._descriptor, self.current

    def _give_up(self, descriptor: int) -> None:
        """Take back what was half written, and begin another file at the next try: after a failed fsync this one is not believed."""
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, self._size)
        empty = self._close() if not self._size else None
        self._close()
        if empty is not None:
            self.closed.remove(empty)
            with contextlib.suppress(OSError):
                empty.unlink()

    def _close(self) -> Path | None:
        closed, self.current = self.current, None
        if closed is not None:
            self.closed.append(closed)
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):
                os.close(descriptor)
        return closed

    def is_full(self, most_bytes: int, most_s: float) -> bool:
        """Whether the file being written is larger or older than that."""
        return self.current is not None and (self._size >= most_bytes or clock.monotonic_s() - self._since_s >= most_s)

    def rotate(self) -> None:
        """Close the file being written; it may be removed once Postgres has its events."""
        with self._lock:
            self._close()

    def refuse(self, body: bytes) -> None:
        """Put an event aside for ever; OSError when the disk can't."""
        descriptor = os.open(self._folder / REFUSED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            _write(descriptor, line_of(body))
        finally:
            os.close(descriptor)
        _confirm_names(self._folder)

    @staticmethod
    def remove(paths: Iterable[Path]) -> None:
        """Their events are committed."""
        for path in paths:
            path.unlink(missing_ok=True)


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]
    os.fdatasync(descriptor)


def _confirm_names(folder: Path) -> None:
    """A file whose name is not on the disk is not there after a power cut, whatever was written into it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
