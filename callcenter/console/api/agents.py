"""Agents in the API."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callcenter.console import agents
from callcenter.console.api.models import AgentAdd, AgentAdded, AgentList, LiveAgent, StateChange
from callcenter.console.asking import answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route


async def list_agents(request: web.Request) -> web.StreamResponse:
    """Every agent as they are now."""
    return answer({"items": list(await ask_of(request).parts.acd.agents())})


async def add(request: web.Request) -> web.StreamResponse:
    """A new agent, whose phone may register at once."""
    return answer(await agents.add(ask_of(request), await body_of(request, AgentAdd)), status=201)


async def set_state(request: web.Request) -> web.StreamResponse:
    """Make an agent ready, paused or offline."""
    ask, number = ask_of(request), request.match_info["number"]
    ask.must(number)
    wanted = await body_of(request, StateChange)
    if wanted.phone and wanted.state != "offline":
        await ask.parts.calls.sign_on_at(number, wanted.phone, confirms=wanted.confirms)
        await ask.audit("agents.desk", f"agent:{number}", phone=wanted.phone)
    now = await ask.parts.acd.set_state(number, wanted.state, wanted.reason, ask.who.label)
    if number != ask.who.agent:
        await ask.audit("agents.state", f"agent:{number}", state=str(wanted.state), reason=wanted.reason)
    return answer(now)


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/agents", handler=list_agents, operation=Operation.AGENTS_SEE,
        doc=Doc(summary="Every agent now", answer=AgentList),
    ),
    Route(
        method="POST", path="/api/v1/agents", handler=add, operation=Operation.AGENTS_CHANGE,
        doc=Doc(summary="Add an agent: a phone and a user at once", body=AgentAdd, answer=AgentAdded, status=201),
    ),
    Route(
        method="PUT", path="/api/v1/agents/{number}/state", handler=set_state, operation=Operation.AGENTS_STATE,
        doc=Doc(summary="Make an agent ready, paused or offline", body=StateChange, answer=LiveAgent, refusals=(404, 409, 503)),
    ),
)  # fmt: skip
