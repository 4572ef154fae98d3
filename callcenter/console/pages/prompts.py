"""Prompts: what callers hear, in whose voice; an own recording in the place of a synthesised one, and back."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from callcenter.basics.errors import BadRequest
from callcenter.basics.vocabulary import Language
from callcenter.console import prompts, wording
from callcenter.console.asking import Ask, ask_of, see_other
from callcenter.console.rights import Operation
from callcenter.console.table import Route
from callcenter.console.uploads import received
from callcenter.ivr.own_recordings import LARGEST_UPLOAD
from callcenter.ivr.prompt_list import Prompt, is_own_name

_FILTERS: Final = ("q", "language", "source")
_SOURCES: Final = ("own", "synthesised", "missing")
_MOST_SHOWN: Final = 200
_DONE: Final = frozenset({"replaced", "taken-back"})


async def show(request: web.Request) -> web.StreamResponse:
    """The list, by filters."""
    given = {name: request.query.get(name, "").strip()[:60] for name in _FILTERS}
    return await _page(ask_of(request), given, done=request.query.get("done", ""))


async def _page(ask: Ask, given: dict[str, str], *, done: str = "", error: BadRequest | None = None, new: str = "") -> web.Response:
    found = [prompt for prompt in await prompts.list_all(ask) if _fits(prompt, given)]
    return ask.page(
        "prompts.html",
        status=error.status if error else 200,
        prompts=found[:_MOST_SHOWN],
        found=len(found),
        given=given,
        is_filtered=any(given.values()),
        languages_spoken=list(Language),
        sources=_SOURCES,
        is_own=is_own_name,
        done=done if done in _DONE else "",
        error=wording.refusal_of(ask.words.gettext, error.details.get("reason"), str(error)) if error else "",
        new=new,
    )


def _fits(prompt: Prompt, given: dict[str, str]) -> bool:
    searched = given["q"].casefold()
    return (
        given["language"] in ("", prompt.language)
        and given["source"] in ("", prompt.source)
        and (searched in prompt.name or searched in prompt.text.casefold())
    )


async def replace(request: web.Request) -> web.StreamResponse:
    """Take an own recording for a prompt, or under a new name for flows."""
    ask, fields = ask_of(request), dict[str, str]()
    try:
        async with received(request, ask.form, LARGEST_UPLOAD) as upload:
            fields = upload.fields
            prompt = await prompts.replace(ask, fields.get("language", ""), _named(fields), upload)
    except BadRequest as error:
        given = {"q": "" if "new" in fields else fields.get("name", ""), "language": fields.get("language", ""), "source": ""}
        return await _page(ask, given, error=error, new=fields.get("name", "") if "new" in fields else "")
    return _back(prompt, "replaced")


async def take_back(request: web.Request) -> web.StreamResponse:
    """Back to the synthesised prompt; what flows alone play is gone."""
    ask, form = ask_of(request), await request.post()
    language, name = str(form.get("language", "")), str(form.get("name", ""))
    try:
        prompt = await prompts.take_back(ask, language, name)
    except BadRequest as error:
        return await _page(ask, {"q": name[:60], "language": language[:60], "source": ""}, error=error)
    return _back(prompt, "taken-back")


def _named(fields: dict[str, str]) -> str:
    name = fields.get("name", "").strip()
    return f"own/{name}" if "new" in fields else name


def _back(prompt: Prompt, done: str) -> web.Response:
    """The list again, showing what was done to this one."""
    given = {} if prompt.source == "missing" else {"q": prompt.name, "language": prompt.language}
    return see_other("/prompts?" + urlencode(given | {"done": done}))


ROUTES: Final = (
    Route(method="GET", path="/prompts", handler=show, operation=Operation.PROMPTS_CHANGE),
    Route(method="POST", path="/prompts", handler=replace, operation=Operation.PROMPTS_CHANGE, takes_file=True),
    Route(method="POST", path="/prompts/back", handler=take_back, operation=Operation.PROMPTS_CHANGE),
)
