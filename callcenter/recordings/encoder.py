"""Raw stereo audio → Opus in Ogg, by ffmpeg as a process of its own, each side coded alone.

Opus' ordinary stereo codes the two sides together: while both sound at once each leaks into the other at 10 dB. Two single
streams in one file keep them apart. ffmpeg writes such a file only under channel mapping family 255 ("no defined meaning"),
which not every player takes; family 1 (RFC 7845, 5.1.1.2) allows the same streams as left and right, so the header is
rewritten to say that.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from callcenter.basics.errors import CallCenterError

BYTES_PER_MS: Final = 32
"""16 bit, 8 kHz, two channels."""
_LIMIT_S: Final = 600.0
_INPUT: Final = ("-f", "s16le", "-ar", "8000", "-ac", "2", "-i")
_OUTPUT: Final = (
    "-c:a",
    "libopus",
    "-mapping_family",
    "255",
    "-b:a",
    "32k",
    "-compression_level",
    "5",
    "-application",
    "voip",
    "-f",
    "ogg",
)

_PAGE_HEAD: Final = 27
_CRC_AT: Final = 22
_FAMILY_AT: Final = 18
"""In ``OpusHead``, behind which: two streams, none of them coupled, stream 0 first."""
_NO_MEANING: Final = bytes((255, 2, 0, 0, 1))
_LEFT_AND_RIGHT: Final = bytes((1, 2, 0, 0, 1))


class EncodingFailed(CallCenterError):
    """The audio could not be encoded."""

    slug = "encoding-failed"


async def encode(raw: Path, target: Path) -> None:
    """Encode ``raw`` (MixMonitor's ``D``) into ``target``, 32 kbit/s for both sides together; EncodingFailed says why not."""
    command = ("nice", "-n", "10", "ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", *_INPUT, str(raw), *_OUTPUT, str(target))
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
    except FileNotFoundError as error:
        raise EncodingFailed("nice is not installed (package coreutils)") from error
    try:
        async with asyncio.timeout(_LIMIT_S):
            _, complaint = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode == _NO_PROGRAM:
        raise EncodingFailed("ffmpeg is not installed (package ffmpeg)")
    if process.returncode:
        raise EncodingFailed(complaint.decode(errors="replace").strip()[-200:] or f"ffmpeg ended with {process.returncode}")
    await asyncio.to_thread(_name_the_sides, target)


_NO_PROGRAM: Final = 127
"""What nice ends with when there is nothing to run."""


def _name_the_sides(path: Path) -> None:
    """Say in the file's head that its two streams are left and right; EncodingFailed when it isn't the head we know."""
    with path.open("r+b") as file:
        page = bytearray(file.read(_PAGE_HEAD))
        segments = page[-1] if len(page) == _PAGE_HEAD else 0
        lengths = file.read(segments)
        page += lengths + file.read(sum(lengths))
        family_at = _PAGE_HEAD + segments + _FAMILY_AT
        if page[:4] != b"OggS" or page[_PAGE_HEAD + segments :][:8] != b"OpusHead" or page[family_at:] != _NO_MEANING:
            raise EncodingFailed("ffmpeg wrote another head than two uncoupled streams of Opus")
        page[family_at:] = _LEFT_AND_RIGHT
        page[_CRC_AT : _CRC_AT + 4] = bytes(4)
        page[_CRC_AT : _CRC_AT + 4] = ogg_crc(page).to_bytes(4, "little")
        file.seek(0)
        file.write(page)


def ogg_crc(page: bytes | bytearray) -> int:
    """The checksum of an Ogg page whose own checksum is zero (RFC 3533, 6): CRC-32 of 0x04c11db7, neither mirrored nor inverted."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
