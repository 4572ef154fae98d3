"""Prompts in the API: the catalogue, each one's audio, an own recording in its place and back."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callcenter.console import prompts
from callcenter.console.api.models import PromptList, PromptRow
from callcenter.console.asking import answer, ask_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route
from callcenter.console.uploads import received
from callcenter.ivr.own_recordings import LARGEST_UPLOAD

_PATH: Final = "/api/v1/prompts/{language}/{name}"
_HEADERS: Final = {"Content-Type": "audio/wav", "Cache-Control": "private, no-cache"}


async def list_prompts(request: web.Request) -> web.StreamResponse:
    """Every prompt."""
    return answer({"items": await prompts.list_all(ask_of(request))})


async def hear_prompt(request: web.Request) -> web.StreamResponse:
    """One prompt's audio, whole or a range of it."""
    return web.FileResponse(await prompts.audio_of(ask_of(request), *_named(request)), headers=_HEADERS)


async def replace_prompt(request: web.Request) -> web.StreamResponse:
    """Take an own recording; the name is looked at before the file is."""
    ask = ask_of(request)
    await prompts.read(ask, *_named(request))
    async with received(request, ask.form, LARGEST_UPLOAD) as upload:
        return answer(await prompts.replace(ask, *_named(request), upload))


async def take_back_prompt(request: web.Request) -> web.StreamResponse:
    """Back to the synthesised prompt."""
    return answer(await prompts.take_back(ask_of(request), *_named(request)))


def _named(request: web.Request) -> tuple[str, str]:
    return request.match_info["language"], request.match_info["name"]


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/prompts", handler=list_prompts, operation=Operation.CENTRE_SEE,
        doc=Doc(summary="Every prompt: what it says, whose voice it is, how long it lasts", answer=PromptList),
    ),
    Route(
        method="GET", path=_PATH, handler=hear_prompt, operation=Operation.CENTRE_SEE, has_slashes="name",
        doc=Doc(summary="A prompt as callers hear it: 8 kHz, 16 bit, mono; ranges", media="audio/wav", refusals=(404, 416)),
    ),
    Route(
        method="PUT", path=_PATH, handler=replace_prompt, operation=Operation.PROMPTS_CHANGE, has_slashes="name", takes_file=True,
        doc=Doc(
            summary="Put an own recording (wav or mp3, at most 20 MB and 10 minutes) in a prompt's place",
            answer=PromptRow, upload=("audio/wav", "audio/mpeg"), refusals=(404, 413),
        ),
    ),
    Route(
        method="DELETE", path=_PATH, handler=take_back_prompt, operation=Operation.PROMPTS_CHANGE, has_slashes="name",
        doc=Doc(summary="Back to the synthesised prompt", answer=PromptRow, refusals=(404,)),
    ),
)  # fmt: skip
