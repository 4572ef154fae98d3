"""Prompts as files: synthesised at set-up, each replaceable by an own recording.

    <prompts>/<language>/<name>.wav      what Asterisk plays (8 kHz, 16 bit, mono)
    <prompts>/.made/<language>/…         synthesised, beside a note of the text it was made from
    <prompts>/.own/<language>/…          uploaded; wins, and survives a new synthesis

Everything is written under another name and moved into place, so that a set-up may be interrupted anywhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
import wave
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from callcenter.basics.errors import BadRequest, SetupFailed
from callcenter.basics.tasks import Tasks
from callcenter.basics.vocabulary import AGENT_NUMBER, Language
from callcenter.ivr.catalogue import job_number_text, texts

Progress = Callable[[int, int], None]
"""Called with how many prompts are done, of how many."""
_VOICES: Final = {Language.ZH: ("cmn-latn-pinyin", "190"), Language.EN: ("en-gb", "150")}
"""espeak-ng's voices and words a minute. Its plain ``cmn`` reads tones as English figures ("four") in 1.51."""
_OTHER_VOICE: Final = re.compile(r"\{(zh|en):([^{}]*)\}")
_VERSION: Final = "1"
_AT_ONCE: Final = 2
_LIMIT_S: Final = 60.0
_TRIM: Final = ("silence", "1", "0.02", "0.3%", "reverse")
_CLEAN: Final = ("rate", "8000", *_TRIM, "fade", "0.02", *_TRIM, "fade", "0.01", "norm", "-4", "pad", "0.03", "0.12")
LARGEST_UPLOAD: Final = 20 * 1024 * 1024
_LONGEST_S: Final = 600
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}(/[a-z0-9][a-z0-9-]{0,39})?")


async def _run(*command: str, limit_s: float = _LIMIT_S) -> None:
    """Run a tool; SetupFailed when it is missing, BadRequest with its last words when it fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
    except FileNotFoundError as error:
        raise SetupFailed(f"{command[0]} is not installed", f"Install the package {command[0]}.") from error
    try:
        async with asyncio.timeout(limit_s):
            _, complaint = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode:
        raise BadRequest(f"{command[0]}: {complaint.decode(errors='replace').strip()[-200:]}")


def _place(prompts_dir: Path, kind: str, language: Language, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise BadRequest(f"{name!r:.60} is no prompt's name; small letters, digits and -", field="name")
    return prompts_dir / kind / language / f"{name}.wav"


def _publish(prompts_dir: Path, language: Language, name: str) -> None:
    """Let Asterisk play the own recording, else the synthesised one."""
    target = _place(prompts_dir, "", language, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    for kind in (".own", ".made"):
        source = _place(prompts_dir, kind, language, name)
        if source.exists():
            draft = target.with_name(f".{target.name}.{os.getpid()}")
            draft.write_bytes(source.read_bytes())
            draft.replace(target)
            return
    target.unlink(missing_ok=True)


def _wanted(language: Language, text: str) -> str:
    return hashlib.sha256("\0".join((_VERSION, *_VOICES[language], *_CLEAN, text)).encode()).hexdigest()


def _is_made(prompts_dir: Path, language: Language, name: str, text: str) -> bool:
    made = _place(prompts_dir, ".made", language, name)
    note = made.with_suffix(".text")
    return made.exists() and note.exists() and note.read_text() == _wanted(language, text)


async def _make(prompts_dir: Path, language: Language, name: str, text: str) -> None:
    made = _place(prompts_dir, ".made", language, name)
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as folder:
        spoken = []
        for number, (tongue, words) in enumerate(by_voice(language, text)):
            voice, speed = _VOICES[tongue]
            spoken.append(f"{folder}/{number}.wav")
            await _run("espeak-ng", "-v", voice, "-s", speed, "-w", spoken[-1], "--", words)
        clean = Path(folder) / "clean.wav"
        await _run("sox", *spoken, "-b", "16", "-c", "1", str(clean), *_CLEAN)
        clean.replace(made)
    _publish(prompts_dir, language, name)
    # Last: only what callers hear already counts as made, whenever a set-up is killed.
    made.with_suffix(".text").write_text(_wanted(language, text))


def by_voice(language: Language, text: str) -> list[tuple[Language, str]]:
    """A prompt's text in stretches of one language each."""
    found: list[tuple[Language, str]] = []
    end = 0
    for match in _OTHER_VOICE.finditer(text):
        found += [(language, text[end : match.start()]), (Language(match[1]), match[2])]
        end = match.end()
    return [(tongue, words) for tongue, words in [*found, (language, text[end:])] if words.strip()]


async def _make_all(prompts_dir: Path, jobs: Iterable[tuple[Language, str, str]], progress: Progress | None) -> int:
    """Make what is not there yet; returns how many were made."""
    jobs = list(jobs)
    missing = [job for job in jobs if not _is_made(prompts_dir, *job)]
    for language, name, _ in jobs:
        if not _place(prompts_dir, "", language, name).exists() and _place(prompts_dir, ".made", language, name).exists():
            _publish(prompts_dir, language, name)
    done, turn = 0, asyncio.Semaphore(_AT_ONCE)

    async def make(language: Language, name: str, text: str) -> None:
        nonlocal done
        async with turn:
            await _make(prompts_dir, language, name, text)
        done += 1
        if progress:
            progress(done, len(missing))

    async with Tasks("prompts") as tasks:
        await asyncio.gather(*(tasks.start(make(*job), job[1]) for job in missing))
    return len(missing)


async def synthesise(prompts_dir: Path, progress: Progress | None = None) -> int:
    """Make every prompt of the catalogue that is missing or whose text has changed; returns how many were made."""
    await _beep(prompts_dir)
    jobs = [(language, name, text) for language in Language for name, text in texts(language).items()]
    return await _make_all(prompts_dir, jobs, progress)


async def _beep(prompts_dir: Path) -> None:
    target = prompts_dir / "beep.wav"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(".beep.wav")
        await _run(
            "sox", "-n", "-r", "8000", "-b", "16", "-c", "1", str(draft), "synth", "0.35", "sine", "1000", "gain", "-12", "fade", "0.02"
        )
        draft.replace(target)


async def render_job_numbers(prompts_dir: Path, numbers: Iterable[str]) -> int:
    """Make the announcements of these agents in both languages, so that none is put together during a call."""
    wanted = [number for number in numbers if AGENT_NUMBER.fullmatch(number)]
    jobs = [(language, f"agents/{number}", job_number_text(number, language)) for language in Language for number in wanted]
    return await _make_all(prompts_dir, jobs, None)


async def import_recording(prompts_dir: Path, language: Language, name: str, uploaded: Path) -> float:
    """Take an own recording (wav or mp3) for a prompt; returns its length in seconds.

    BadRequest when it is too large, too long, no audio, or not what its first bytes say.
    """
    target = _place(prompts_dir, ".own", language, name)
    kind = await asyncio.to_thread(_audio_kind, uploaded)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        clean = Path(folder) / "clean.wav"
        try:
            await _run("sox", "-t", kind, str(uploaded), "-r", "8000", "-b", "16", "-c", "1", str(clean), "trim", "0", str(_LONGEST_S + 1))
        except (BadRequest, TimeoutError) as error:
            # The tool's own words hold our paths.
            raise BadRequest(f"the file can't be read as {kind}", field="file") from error
        length_s = await asyncio.to_thread(_length_s, clean)
        if not 0.05 <= length_s <= _LONGEST_S:
            raise BadRequest(f"the recording is {length_s:.1f} s long; 0.05 s to {_LONGEST_S} s are allowed", field="file")
        clean.replace(target)
    _publish(prompts_dir, language, name)
    return length_s


def remove_recording(prompts_dir: Path, language: Language, name: str) -> None:
    """Go back to the synthesised prompt."""
    _place(prompts_dir, ".own", language, name).unlink(missing_ok=True)
    _publish(prompts_dir, language, name)


def _audio_kind(path: Path) -> str:
    size = path.stat().st_size
    if size > LARGEST_UPLOAD:
        raise BadRequest(f"the file has {size >> 20} MB; at most {LARGEST_UPLOAD >> 20} MB", field="file")
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return "wav"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0):
        return "mp3"
    raise BadRequest("the file is neither wav nor mp3", field="file")


def _length_s(path: Path) -> float:
    with wave.open(str(path)) as file:
        return float(file.getnframes() / file.getframerate())
