"""Synthesises the prompts at set-up: what is missing or whose text has changed; own recordings stay.

Everything is written under another name and moved into place, so that a set-up may be interrupted anywhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from callcenter.basics.tasks import Tasks
from callcenter.basics.vocabulary import AGENT_NUMBER, Language
from callcenter.ivr.catalogue import job_number_text, texts
from callcenter.ivr.prompt_files import MADE, PLAYED, one_at_a_time, place, publish, run_tool

Progress = Callable[[int, int], None]
"""Called with how many prompts are done, of how many."""
_VOICES: Final = {Language.ZH: ("cmn-latn-pinyin", "190"), Language.EN: ("en-gb", "150")}
"""espeak-ng's voices and words a minute. Its plain ``cmn`` reads tones as English figures ("four") in 1.51."""
_OTHER_VOICE: Final = re.compile(r"\{(zh|en):([^{}]*)\}")
_VERSION: Final = "1"
_AT_ONCE: Final = 2
_TRIM: Final = ("silence", "1", "0.02", "0.3%", "reverse")
_CLEAN: Final = ("rate", "8000", *_TRIM, "fade", "0.02", *_TRIM, "fade", "0.01", "norm", "-4", "pad", "0.03", "0.12")


def _wanted(language: Language, text: str) -> str:
    return hashlib.sha256("\0".join((_VERSION, *_VOICES[language], *_CLEAN, text)).encode()).hexdigest()


def _is_made(prompts_dir: Path, language: Language, name: str, text: str) -> bool:
    made = place(prompts_dir, MADE, language, name)
    note = made.with_suffix(".text")
    return made.exists() and note.exists() and note.read_text() == _wanted(language, text)


async def _make(prompts_dir: Path, language: Language, name: str, text: str) -> None:
    made = place(prompts_dir, MADE, language, name)
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as folder:
        spoken = []
        for number, (tongue, words) in enumerate(by_voice(language, text)):
            voice, speed = _VOICES[tongue]
            spoken.append(f"{folder}/{number}.wav")
            await run_tool("espeak-ng", "-v", voice, "-s", speed, "-w", spoken[-1], "--", words)
        clean = Path(folder) / "clean.wav"
        await run_tool("sox", *spoken, "-b", "16", "-c", "1", str(clean), *_CLEAN)
        clean.replace(made)
    _let_hear(prompts_dir, language, name)
    # Last: only what callers hear already counts as made, whenever a set-up is killed.
    made.with_suffix(".text").write_text(_wanted(language, text))


def _let_hear(prompts_dir: Path, language: Language, name: str) -> None:
    with one_at_a_time(prompts_dir):
        publish(prompts_dir, language, name)


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
        if not place(prompts_dir, PLAYED, language, name).exists() and place(prompts_dir, MADE, language, name).exists():
            _let_hear(prompts_dir, language, name)
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
        await run_tool(
            "sox", "-n", "-r", "8000", "-b", "16", "-c", "1", str(draft), "synth", "0.35", "sine", "1000", "gain", "-12", "fade", "0.02"
        )
        draft.replace(target)


async def render_job_numbers(prompts_dir: Path, numbers: Iterable[str]) -> int:
    """Make the announcements of these agents in both languages, so that none is put together during a call."""
    wanted = [number for number in numbers if AGENT_NUMBER.fullmatch(number)]
    jobs = [(language, f"agents/{number}", job_number_text(number, language)) for language in Language for number in wanted]
    return await _make_all(prompts_dir, jobs, None)
