"""The centre's prompts for pages and API: list them, put an own recording in one's place, take it back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from callcenter.basics.errors import NotFound
from callcenter.basics.vocabulary import Language
from callcenter.console.asking import Ask
from callcenter.console.uploads import Upload
from callcenter.ivr import own_recordings, prompt_list
from callcenter.ivr.prompt_files import PLAYED, place
from callcenter.ivr.prompt_list import Prompt


async def _agents(ask: Ask) -> Sequence[str]:
    return [agent.number for agent in await ask.parts.acd.agents()]


async def list_all(ask: Ask) -> list[Prompt]:
    """Every prompt as callers hear it now."""
    return await asyncio.to_thread(prompt_list.list_prompts, ask.parts.settings.prompts_dir, await _agents(ask))


async def read(ask: Ask, language: str, name: str) -> Prompt:
    """One of them; NotFound when it is none that may be heard or replaced."""
    spoken = prompt_list.read_language(language)
    return await asyncio.to_thread(prompt_list.read_prompt, ask.parts.settings.prompts_dir, spoken, name, await _agents(ask))


async def audio_of(ask: Ask, language: str, name: str) -> Path:
    """The file callers hear; NotFound also while there is none."""
    prompt = await read(ask, language, name)
    if prompt.source == "missing":
        raise NotFound(f"{language}/{name} has not been recorded yet", field="name", reason="missing")
    return place(ask.parts.settings.prompts_dir, PLAYED, prompt.language, prompt.name)


async def replace(ask: Ask, language: str, name: str, upload: Upload) -> Prompt:
    """Let callers hear this recording from the next play on; NotFound, BadRequest with field and reason, TooLarge."""
    prompt = await read(ask, language, name)
    lasts_s = await own_recordings.import_recording(ask.parts.settings.prompts_dir, prompt.language, prompt.name, upload.path)
    await ask.audit("prompts.change", f"prompt:{prompt.language}/{prompt.name}", length_s=round(lasts_s, 2), bytes=upload.size)
    return await read(ask, language, name)


async def take_back(ask: Ask, language: str, name: str) -> Prompt:
    """Let callers hear the synthesised prompt again; NotFound when there is no own recording of it."""
    prompt = await read(ask, language, name)
    if not await asyncio.to_thread(own_recordings.remove_recording, ask.parts.settings.prompts_dir, Language(language), name):
        raise NotFound(f"there is no own recording of {language}/{name}", field="name", reason="not-own")
    await ask.audit("prompts.change", f"prompt:{prompt.language}/{prompt.name}", taken_back=True)
    return await read(ask, language, name)
