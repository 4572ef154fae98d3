"""What an uploaded sound file says of itself: wav or mp3, and whether all of it has come. Looks at its head only."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final, Literal

from callcenter.basics.errors import BadRequest

AudioKind = Literal["wav", "mp3"]
_UNKNOWN_LENGTH: Final = 0x7FFF0000
"""From here on a wav's length means: whoever wrote it could not say."""
_MOST_CHUNKS: Final = 100
_SIDE_BYTES: Final = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}
"""(MPEG 1, mono) → bytes between a frame's header and the note that an encoder leaves in the first frame."""


def kind_of(file: BinaryIO, size: int) -> AudioKind:
    """Which of the two it is, by its first bytes; ``size`` in bytes.

    BadRequest when it is empty, neither, or shorter than it says itself.
    """
    if not size:
        raise BadRequest("the file is empty", field="file", reason="empty")
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        kind, there, wanted = "wav", *_wav_bytes(file, size)
    elif head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        kind, there, wanted = "mp3", *_mp3_bytes(file, head, size)
    else:
        raise BadRequest("the file is neither wav nor mp3", field="file", reason="wrong-type")
    if there < wanted:
        raise BadRequest(f"the file ends early: {there} of {wanted} bytes of sound are there", field="file", reason="truncated")
    return "wav" if kind == "wav" else "mp3"


def _wav_bytes(file: BinaryIO, size: int) -> tuple[int, int]:
    """Bytes of sound that are there, and that the header promises; both 0 where it does not say."""
    at = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            break
        name, length = struct.unpack("<4sI", header)
        if name == b"data":
            return (0, 0) if length >= _UNKNOWN_LENGTH else (size - at - 8, length)
        at += 8 + length + length % 2
    return 0, 0


def _mp3_bytes(file: BinaryIO, head: bytes, size: int) -> tuple[int, int]:
    """As ``_wav_bytes``, by the note (Xing, Info) that most encoders leave in the first frame."""
    start = 0
    if head[:3] == b"ID3" and len(head) >= 10:
        start = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    file.seek(start)
    frame = file.read(64)
    if len(frame) < 64 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return 0, 0
    note = frame[4 + _SIDE_BYTES[frame[1] & 0x18 == 0x18, frame[3] >> 6 == 3] :]
    if note[:4] not in (b"Xing", b"Info"):
        return 0, 0
    flags = int.from_bytes(note[4:8], "big")
    at = 8 + (4 if flags & 1 else 0)
    return (size - start, int.from_bytes(note[at : at + 4], "big")) if flags & 2 else (0, 0)
