"""Every prompt that a caller may hear, with what it says, whose voice it is and how long it lasts.

A name is one of the catalogue's, ``agents/<job number>`` of an agent there is, or ``own/<slug>``: a recording that flows play.
"""

from __future__ import annotations

import re
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from callcenter.basics.errors import NotFound
from callcenter.basics.vocabulary import Language
from callcenter.ivr.catalogue import job_number_text, texts
from callcenter.ivr.prompt_files import OWN, PLAYED, length_s, place
from callcenter.ivr.prompts import by_voice

Source = Literal["own", "synthesised", "missing"]
_SLUG: Final = re.compile(r"own/[a-z0-9][a-z0-9-]{0,39}")


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt in one language."""

    language: Language
    name: str
    text: str
    """What the synthesised one says; empty for ``own/…``."""
    source: Source
    """Whether callers hear an own recording, the synthesised one, or nothing yet."""
    length_s: float | None
    """Seconds; None while it is missing."""


def is_own_name(name: str) -> bool:
    """Whether it names a recording for flows, which no synthesised prompt stands behind."""
    return bool(_SLUG.fullmatch(name))


def text_of(language: Language, name: str, agents: Sequence[str]) -> str:
    """What a prompt says; NotFound when it is none that may be heard or replaced. ``agents``: the job numbers there are."""
    if is_own_name(name):
        return ""
    folder, _, number = name.partition("/")
    if folder == "agents" and number in agents:
        return job_number_text(number, language)
    text = texts(language).get(name)
    if text is None:
        raise NotFound(
            f"there is no prompt {name!r:.60} in {language}; names are the catalogue's, agents/NUMBER of an agent, or own/NAME "
            "(small letters, digits and -, at most 40)",
            field="name",
            reason="unknown-name",
        )
    return "".join(words for _, words in by_voice(language, text))


def read_language(text: str) -> Language:
    """The language of that code; NotFound when there is none."""
    if text not in set(Language):
        raise NotFound(f"there is no language {text!r:.20}; there are {', '.join(Language)}", field="language", reason="unknown-language")
    return Language(text)


def read_prompt(prompts_dir: Path, language: Language, name: str, agents: Sequence[str]) -> Prompt:
    """One prompt as it is now; NotFound as ``text_of``."""
    text = text_of(language, name, agents)
    try:
        lasts_s = round(length_s(place(prompts_dir, PLAYED, language, name)), 2)
    except (OSError, wave.Error, EOFError):
        return Prompt(language=language, name=name, text=text, source="missing", length_s=None)
    is_own = place(prompts_dir, OWN, language, name).exists()
    return Prompt(language=language, name=name, text=text, source="own" if is_own else "synthesised", length_s=lasts_s)


def list_prompts(prompts_dir: Path, agents: Sequence[str]) -> list[Prompt]:
    """All of them: the firm's own, then sentences, agents, numbers and words; Chinese before English."""
    found = []
    for language in Language:
        own = sorted(f"own/{path.stem}" for path in (prompts_dir / OWN / language / "own").glob("*.wav"))
        sentences = [name for name in texts(language) if not name.startswith(("digit/", "number/", "word/", "month/"))]
        rest = [name for name in texts(language) if name not in set(sentences)]
        names = [*filter(is_own_name, own), *sentences, *(f"agents/{number}" for number in agents), *rest]
        found += [read_prompt(prompts_dir, language, name, agents) for name in names]
    return found
