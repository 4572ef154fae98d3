"""Agents: who is there, in which state; set a state; add an agent."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web
from pydantic import ValidationError

from callcenter.basics import clock
from callcenter.basics.errors import BadRequest
from callcenter.console import agents
from callcenter.console.api.models import AgentAdd
from callcenter.console.asking import Ask, ask_of, see_other
from callcenter.console.pages.signing import safe_target
from callcenter.console.rights import Operation
from callcenter.console.table import Route


async def show(request: web.Request) -> web.StreamResponse:
    """The list."""
    return await _page(ask_of(request))


async def _page(ask: Ask, *, error: str = "", added: dict[str, Any] | None = None, given: dict[str, Any] | None = None) -> web.Response:
    return ask.page(
        "agents.html",
        status=400 if error else 200,
        agents=[msgspec.to_builtins(agent) for agent in await ask.parts.acd.agents()],
        queues=[(queue.name, queue.title) for queue in await ask.parts.acd.queues()],
        may_set={agent.number for agent in await ask.parts.acd.agents() if ask.who.may(Operation.AGENTS_STATE, agent.number)},
        may_add=ask.who.may(Operation.AGENTS_CHANGE),
        now_ms=clock.utc_ms(),
        error=error,
        added=added,
        given=given or {"number": "", "name": "", "queues": []},
    )


async def set_state(request: web.Request) -> web.StreamResponse:
    """Make an agent ready, paused or offline."""
    ask, form = ask_of(request), await request.post()
    number = request.match_info["number"]
    ask.must(number)
    reason = str(form.get("reason", "")).strip()[:80]
    await ask.parts.acd.set_state(number, str(form.get("state", "")), reason, ask.who.label)
    return see_other(safe_target(str(form.get("to", "/agents"))))


async def add(request: web.Request) -> web.StreamResponse:
    """Add an agent; what their phone needs is shown once."""
    ask, form = ask_of(request), await request.post()
    given = {name: str(form.get(name, "")).strip() for name in ("number", "name")} | {"queues": list(map(str, form.getall("queues", [])))}
    try:
        added = await agents.add(ask, AgentAdd.model_validate(given))
    except ValidationError:
        return await _page(ask, error=ask.words.gettext("A job number has 2 to 8 digits, a name at most 80 characters."), given=given)
    except BadRequest as error:
        return await _page(ask, error=str(error), given=given)
    settings = ask.parts.settings
    return await _page(ask, added={**added.model_dump(), "server": f"{settings.sip_host}:{settings.sip_port}"})


ROUTES: Final = (
    Route(method="GET", path="/agents", handler=show, operation=Operation.AGENTS_SEE),
    Route(method="POST", path="/agents", handler=add, operation=Operation.AGENTS_CHANGE),
    Route(method="POST", path="/agents/{number}/state", handler=set_state, operation=Operation.AGENTS_STATE),
)
