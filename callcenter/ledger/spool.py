"""The spool: events on the local disk until Postgres has them.

One event a line, behind eight hexadecimal digits of CRC-32. A line torn by a crash or a power cut is recognised and left
out. Files are taken in the order of their names and removed only after their events are committed. What Postgres refuses
for ever stands in ``refused.lines`` beside them, in the same form: renamed to ``<number>.events`` it is tried again.

    write()    one plain write, in the way: it survives the death of the process
    confirm()  fdatasync of what was written, and of new names, in a thread: it survives a power cut
"""

from __future__ import annotations

import contextlib
import os
import threading
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

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


class _File(msgspec.Struct, eq=False):
    """A file with an open descriptor."""

    path: Path
    descriptor: int
    since_s: float
    size: int = 0
    confirmed: int = 0
    """Bytes of it that the disk has."""
    named: bool = False
    """Whether the disk has its name: a file without one is not there after a power cut, whatever was written into it."""
    believed: bool = True
    """False after a failed write or fsync: it is neither written nor confirmed any more."""


class Spool:
    """Files in one folder: the newest is written, the older ones wait for Postgres.

    ``write`` and ``rotate`` are quick enough for the loop; ``open``, ``append``, ``confirm`` and ``remove`` wait for the disk
    and belong in a thread. No lock that ``write`` takes is held while the disk is waited for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._written: _File | None = None
        self._descriptors: list[_File] = []
        self._doubtful: list[Path] = []
        """Given up, but what they hold may be nowhere else on the disk, until it is appended to another file."""
        self._lock = threading.Lock()
        self._confirming = threading.Lock()
        self.closed: list[Path] = []
        """Files that are complete; some may still be being confirmed."""

    @property
    def current(self) -> Path | None:
        """The file being written; None while there is none."""
        file = self._written
        return file.path if file else None

    def open(self) -> list[Path]:
        """Begin; returns the files that a run before us left, oldest first."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        left = sorted(path for path in self._folder.glob("*.events") if path.stem.isdecimal())
        self.closed = left
        self._number = int(left[-1].stem) if left else 0
        return list(left)

    def write(self, bodies: Iterable[bytes]) -> Path:
        """Hand events to the kernel and return their file; they are on the disk only once confirmed.

        OSError when it can't be done: then the file is given up with what is not confirmed of it.
        """
        text = b"".join([line_of(body) for body in bodies])
        with self._lock:
            file = self._written or self._begin()
            try:
                _write(file.descriptor, text)
            except OSError:
                self._distrust([file])
                raise
            file.size += len(text)
            return file.path

    def append(self, bodies: Iterable[bytes]) -> Path:
        """Write events into a new file and let the disk confirm them; OSError when it can't: then none of them counts.

        All that is not confirmed has to be among them. Without events it tries the disk with empty lines, which mean nothing.
        """
        text = b"".join([line_of(body) for body in bodies]) or _TRIAL
        with self._confirming:
            with self._lock:
                self._retire()
                file = self._begin()
            try:
                _write(file.descriptor, text)
                file.size += len(text)
                self._confirm()
            except OSError:
                with self._lock:
                    self._distrust([file])
                    self._doubtful.remove(file.path)
                    self._close_done()
                with contextlib.suppress(OSError):
                    file.path.unlink()
                raise
            with self._lock:
                self.closed += self._doubtful
                self._doubtful = []
            return file.path

    def confirm(self) -> None:
        """Let the disk confirm all that is written by now; OSError when it can't: then no file that is not confirmed is believed."""
        with self._confirming:
            self._confirm()

    def _confirm(self) -> None:
        with self._lock:
            sizes = [(file, file.size) for file in self._descriptors if file.believed and file.size > file.confirmed]
        try:
            for file, _ in sizes:
                os.fdatasync(file.descriptor)
            if not all(file.named for file, _ in sizes):
                _confirm_names(self._folder)
        except OSError:
            with self._lock:
                self._distrust([file for file in self._descriptors if file.size > file.confirmed])
                self._close_done()
            raise
        with self._lock:
            for file, size in sizes:
                file.confirmed, file.named = size, True
            self._close_done()

    def _begin(self) -> _File:
        number = self._number + 1
        while (path := self._folder / f"{number:012d}.events").exists():
            number += 1
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._number = number
        self._written = _File(path, descriptor, clock.monotonic_s())
        self._descriptors.append(self._written)
        return self._written

    def _distrust(self, files: Sequence[_File]) -> None:
        """Begin another file at the next write: after a failed fsync this one is never confirmed, whatever the next one says."""
        for file in files:
            if file.believed:
                file.believed = False
                self._doubtful.append(file.path)
                self.closed = [path for path in self.closed if path != file.path]
            if file is self._written:
                self._written = None

    def _retire(self) -> None:
        if self._written is not None:
            self.closed.append(self._written.path)
            self._written = None

    def _close_done(self) -> None:
        """Close the descriptors that nobody writes or confirms any more."""
        for file in list(self._descriptors):
            if file is not self._written and (file.confirmed == file.size or not file.believed):
                self._descriptors.remove(file)
                with contextlib.suppress(OSError):
                    os.close(file.descriptor)

    def is_full(self, most_bytes: int, most_s: float) -> bool:
        """Whether the file being written is larger or older than that."""
        file = self._written
        return file is not None and (file.size >= most_bytes or clock.monotonic_s() - file.since_s >= most_s)

    def rotate(self) -> None:
        """Close the file being written; it may be removed once Postgres has its events. Not while another thread confirms."""
        with self._confirming, self._lock:
            self._retire()
            self._close_done()

    def refuse(self, body: bytes) -> None:
        """Put an event aside for ever; OSError when the disk can't."""
        descriptor = os.open(self._folder / REFUSED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            _write(descriptor, line_of(body))
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        _confirm_names(self._folder)

    def forget(self, paths: Iterable[Path]) -> None:
        """Leave these where they are: they are no longer among ``closed``."""
        gone = set(paths)
        with self._lock:
            self.closed = [path for path in self.closed if path not in gone]

    def remove(self, paths: Sequence[Path]) -> None:
        """Their events are committed."""
        for path in paths:
            path.unlink(missing_ok=True)
        self.forget(paths)


def confirm_left(paths: Iterable[Path]) -> None:
    """Let the disk confirm what a killed run had only written; what it can't confirm is read all the same."""
    for path in paths:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
            _confirm_names(path.parent)


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


def _confirm_names(folder: Path) -> None:
    """A file whose name is not on the disk is not there after a power cut, whatever was written into it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
