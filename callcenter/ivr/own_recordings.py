"""A firm's own recordings in place of the synthesised prompts: checked, made as loud as the others, put in place at once."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path
from typing import Final

from callcenter.basics.errors import BadRequest, TooLarge
from callcenter.basics.vocabulary import Language
from callcenter.ivr import audio_head
from callcenter.ivr.catalogue import LONGEST_PROMPT_S
from callcenter.ivr.prompt_files import OWN, length_s, one_at_a_time, place, publish, run_tool

LARGEST_UPLOAD: Final = 20 * 1024 * 1024
"""Bytes."""
SHORTEST_PROMPT_S: Final = 0.05
LEVEL_DB: Final = -21.0
"""How loud a recording is made: root mean square without its pauses, against full scale. The synthesised prompts lie about here."""
_SILENT_DB: Final = -50.0
"""A recording whose every sample is below this is a microphone that was not plugged in."""
_PEAK_DB: Final = "-4"
_MOST_GAIN_DB: Final = 6.0
"""Beyond the peak at -4 dB; a limiter holds what would go over full scale. More would only lift noise."""
_SPOKEN_ONLY: Final = ("silence", "1", "0.02", "1%", "-1", "0.1", "1%")
_STAT: Final = r"^{}\s+(-?inf|-?[0-9.]+)"


async def import_recording(prompts_dir: Path, language: Language, name: str, uploaded: Path) -> float:
    """Take an own recording (wav or mp3) for a prompt; returns its length in seconds.

    BadRequest with ``field`` and ``reason`` when it is too large, too long, cut short, silent, no audio, or not what its
    first bytes say; then nothing has changed.
    """
    target = place(prompts_dir, OWN, language, name)
    kind = await asyncio.to_thread(_kind_of, uploaded)
    with tempfile.TemporaryDirectory(dir=_made(prompts_dir)) as folder:
        clean = await _converted(uploaded, kind, Path(folder))
        lasts_s = await asyncio.to_thread(length_s, clean)
        if lasts_s > LONGEST_PROMPT_S:
            raise BadRequest(f"the recording is longer than {LONGEST_PROMPT_S} s", field="file", reason="too-long")
        if lasts_s < SHORTEST_PROMPT_S:
            raise BadRequest(f"the recording is {lasts_s:.2f} s long; at least {SHORTEST_PROMPT_S} s", field="file", reason="too-short")
        loud = await _levelled(clean, Path(folder))
        await asyncio.to_thread(_put, prompts_dir, language, name, loud, target)
    return lasts_s


def remove_recording(prompts_dir: Path, language: Language, name: str) -> bool:
    """Go back to the synthesised prompt; whether there was an own recording."""
    own = place(prompts_dir, OWN, language, name)
    with one_at_a_time(prompts_dir):
        was_there = own.exists()
        own.unlink(missing_ok=True)
        publish(prompts_dir, language, name)
    return was_there


def _made(prompts_dir: Path) -> Path:
    """The folder below which recordings are prepared: the same disk, so that moving one into place is one step."""
    folder = prompts_dir / OWN
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _put(prompts_dir: Path, language: Language, name: str, loud: Path, target: Path) -> None:
    with one_at_a_time(prompts_dir):
        target.parent.mkdir(parents=True, exist_ok=True)
        loud.replace(target)
        publish(prompts_dir, language, name)


def _kind_of(uploaded: Path) -> audio_head.AudioKind:
    size = uploaded.stat().st_size
    if size > LARGEST_UPLOAD:
        raise TooLarge(f"the file is larger than {LARGEST_UPLOAD >> 20} MB", field="file", reason="too-large")
    with uploaded.open("rb") as file:
        return audio_head.kind_of(file, size)


async def _converted(uploaded: Path, kind: audio_head.AudioKind, folder: Path) -> Path:
    """The recording as Asterisk plays it, its loudest sample at the level of the other prompts' loudest."""
    clean = folder / "clean.wav"
    effects = ("channels", "1", "rate", "8000", "trim", "0", str(LONGEST_PROMPT_S + 1), "stats", "norm", _PEAK_DB)
    try:
        told = await run_tool("sox", "-t", kind, str(uploaded), "-b", "16", str(clean), *effects)
    except (BadRequest, TimeoutError) as error:
        # The tool's own words hold our paths.
        raise BadRequest(f"the file can't be read as {kind}", field="file", reason="unreadable") from error
    peak_db = _stat("Pk lev dB", told)
    if peak_db is None:
        raise BadRequest("there is no sound in the file", field="file", reason="empty")
    if peak_db < _SILENT_DB:
        raise BadRequest(f"the recording is silent: nowhere louder than {_SILENT_DB:.0f} dB of full scale", field="file", reason="silent")
    return clean


async def _levelled(clean: Path, folder: Path) -> Path:
    level_db = _stat("RMS lev dB", await run_tool("sox", str(clean), "-n", *_SPOKEN_ONLY, "stats"))
    gain_db = 0.0 if level_db is None else min(LEVEL_DB - level_db, _MOST_GAIN_DB)
    loud = folder / "loud.wav"
    await run_tool("sox", str(clean), str(loud), "gain", *(["-l"] if gain_db > 0 else []), f"{gain_db:.2f}")
    return loud


def _stat(name: str, told: str) -> float | None:
    """One figure of sox's ``stats``; None when there was nothing to measure."""
    found = re.search(_STAT.format(re.escape(name)), told, re.MULTILINE)
    return float(found[1]) if found else None
