"""Raw stereo audio → Opus in Ogg, by opusenc as a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from callcenter.basics.errors import CallCenterError

BYTES_PER_MS: Final = 32
"""16 bit, 8 kHz, two channels."""
_KBITS: Final = "32"
_LIMIT_S: Final = 600.0


class EncodingFailed(CallCenterError):
    """The audio could not be encoded."""

    slug = "encoding-failed"


async def encode(raw: Path, target: Path) -> None:
    """Encode ``raw`` (MixMonitor's ``D``) into ``target``; EncodingFailed says why not.

    At 32 kbit/s a tone on one channel stays 79 dB below itself on the other (at 24 kbit/s 41 dB).
    """
    audio = ("--raw", "--raw-bits", "16", "--raw-rate", "8000", "--raw-chan", "2", "--raw-endianness", "0")
    command = ("nice", "-n", "10", "opusenc", "--quiet", *audio, "--speech", "--bitrate", _KBITS, "--comp", "5", str(raw), str(target))
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
    except FileNotFoundError as error:
        raise EncodingFailed("opusenc is not installed (package opus-tools)") from error
    try:
        async with asyncio.timeout(_LIMIT_S):
            _, complaint = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode:
        raise EncodingFailed(complaint.decode(errors="replace").strip()[-200:] or f"opusenc ended with {process.returncode}")
