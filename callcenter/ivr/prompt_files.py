"""Where prompts lie, how one takes another's place, and the tools that make them.

    <prompts>/<language>/<name>.wav      what Asterisk plays (8 kHz, 16 bit, mono)
    <prompts>/.made/<language>/…         synthesised, beside a note of the text it was made from
    <prompts>/.own/<language>/…          uploaded; wins, and survives a new synthesis

Everything is written under another name and moved into place: whoever plays meanwhile hears the old file to its end.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import secrets
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from callcenter.basics.errors import BadRequest, SetupFailed
from callcenter.basics.vocabulary import Language

PLAYED: Final = ""
MADE: Final = ".made"
OWN: Final = ".own"
_LIMIT_S: Final = 60.0
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}(/[a-z0-9][a-z0-9-]{0,39})?")


def place(prompts_dir: Path, kind: str, language: Language, name: str) -> Path:
    """Where a prompt lies as PLAYED, MADE or OWN; BadRequest when the name could lead elsewhere."""
    if not _NAME.fullmatch(name):
        raise BadRequest(f"{name!r:.60} is no prompt's name; small letters, digits and -", field="name")
    return prompts_dir / kind / language / f"{name}.wav"


@contextmanager
def one_at_a_time(prompts_dir: Path) -> Iterator[None]:
    """Nobody else, in whichever process, moves prompts meanwhile: what is played stays what lies under it."""
    prompts_dir.mkdir(parents=True, exist_ok=True)
    folder = os.open(prompts_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def publish(prompts_dir: Path, language: Language, name: str) -> None:
    """Let Asterisk play the own recording, else the synthesised one, else nothing; only within ``one_at_a_time``."""
    target = place(prompts_dir, PLAYED, language, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    for kind in (OWN, MADE):
        source = place(prompts_dir, kind, language, name)
        if source.exists():
            draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            try:
                draft.write_bytes(source.read_bytes())
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)
            return
    target.unlink(missing_ok=True)


def spoken_agents(prompts_dir: Path) -> list[str]:
    """The job numbers that have been spoken, without asking the database."""
    return sorted(path.stem for path in (prompts_dir / MADE / Language.ZH / "agents").glob("*.wav"))


def length_s(path: Path) -> float:
    """How many seconds a prompt's file plays; OSError, wave.Error or EOFError when it is none."""
    with wave.open(str(path)) as file:
        return float(file.getnframes() / file.getframerate())


async def run_tool(*command: str, limit_s: float = _LIMIT_S) -> str:
    """Run a tool; returns what it told on its error output.

    SetupFailed when it is missing, BadRequest with its last words when it fails, TimeoutError after ``limit_s`` seconds.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
    except FileNotFoundError as error:
        raise SetupFailed(f"{command[0]} is not installed", f"Install the package {command[0]}.") from error
    try:
        async with asyncio.timeout(limit_s):
            _, told = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode:
        raise BadRequest(f"{command[0]}: {told.decode(errors='replace').strip()[-200:]}")
    return told.decode(errors="replace")
