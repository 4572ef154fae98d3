"""What is set up: numbers, flows."""

from __future__ import annotations

import json
from typing import Final, Literal

from aiohttp import web
from pydantic import Field, ValidationError

from callcenter.acd import admin_store
from callcenter.acd import store as acd
from callcenter.acd.check import faults_of_need
from callcenter.basics.errors import BadFlow, BadRequest, NotFound
from callcenter.basics.vocabulary import NAME, Language
from callcenter.console.api.models import Body, FlowPut, FlowSaved, Items, Row
from callcenter.console.asking import Ask, answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route
from callcenter.ivr import store as ivr
from callcenter.ivr.check import check_flow, skills_of
from callcenter.lines import store as lines
from callcenter.lines.model import Number


async def list_numbers(request: web.Request) -> web.StreamResponse:
    """Numbers and where they lead."""
    return answer({"items": await lines.read_numbers(ask_of(request).parts.pool)})


class NumberPut(Body):
    """Where a number leads."""

    title: str = Field("", max_length=80)
    kind: Literal["flow", "queue", "agent"]
    target: str = Field(max_length=40, description="The flow's, queue's or agent's name.")
    language: Language = Language.ZH
    need: dict[str, int] = Field(default_factory=dict, max_length=20, description="Skill → least level, 1 to 10, of whoever answers.")


class NumberRemoved(Row):
    """What leads nowhere any more."""

    number: str


async def save_number(request: web.Request) -> web.StreamResponse:
    """Let a number lead there for calls that come from now on."""
    ask, wanted = ask_of(request), await body_of(request, NumberPut)
    try:
        number = Number(number=request.match_info["number"], **wanted.model_dump())
    except ValidationError as error:
        raise BadRequest("; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())) from error
    pool = ask.parts.pool
    faults = faults_of_need(number.need, await admin_store.skill_names(pool), "need")
    if number.target not in await _targets(ask, number.kind):
        faults.append(("target", f"there is no {number.kind} {number.target!r:.40}"))
    if faults:
        raise BadRequest("; ".join(f"{place}: {reason}" for place, reason in faults), field=faults[0][0].partition(".")[0])
    await lines.put_number(pool, number)
    await ask.audit("numbers.change", f"number:{number.number}", **wanted.model_dump(mode="json"))
    await ask.parts.changed()
    return answer(number)


async def _targets(ask: Ask, kind: str) -> set[str]:
    if kind == "flow":
        return {flow["name"] for flow in await ivr.list_flows(ask.parts.pool)}
    if kind == "queue":
        return {queue.name for queue in await acd.read_queues(ask.parts.pool)}
    return {agent.number for agent in await acd.read_agents(ask.parts.pool)}


async def remove_number(request: web.Request) -> web.StreamResponse:
    """A number leads nowhere for calls that come from now on."""
    ask, number = ask_of(request), request.match_info["number"]
    await lines.remove_number(ask.parts.pool, number)
    await ask.audit("numbers.change", f"number:{number}", removed=True)
    await ask.parts.changed()
    return answer({"number": number})


async def list_flows(request: web.Request) -> web.StreamResponse:
    """The newest version of each flow."""
    return answer({"items": await ivr.list_flows(ask_of(request).parts.pool)})


async def show_flow(request: web.Request) -> web.StreamResponse:
    """A flow as data."""
    name = request.match_info["flow"]
    if not NAME.fullmatch(name):
        raise NotFound(f"there is no flow {name!r:.40}")
    return answer(await ivr.read_flow(ask_of(request).parts.pool, name))


async def save_flow(request: web.Request) -> web.StreamResponse:
    """Check a flow and make it the newest version; 422 with every place and reason when it can't be run."""
    ask, name = ask_of(request), request.match_info["flow"]
    try:
        raw = json.loads(await request.text())
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is no JSON in UTF-8") from error
    if isinstance(raw, dict) and raw.setdefault("name", name) != name:
        raise BadFlow([("name", f"the address says {name!r:.40}")])
    skills = await admin_store.skill_names(ask.parts.pool)
    faults = [fault for place, need in skills_of(check_flow(raw)) for fault in faults_of_need(need, skills, place)]
    if faults:
        raise BadFlow(faults)
    saved = await ivr.save_flow(ask.parts.pool, raw, author=ask.who.label)
    await ask.audit("flows.change", f"flow:{name}", version=saved.version)
    await ask.parts.changed()
    return answer({"name": name, "version": saved.version})


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/numbers", handler=list_numbers, operation=Operation.CENTRE_SEE,
        doc=Doc(summary="Numbers and where they lead", answer=Items),
    ),
    Route(
        method="PUT", path="/api/v1/numbers/{number}", handler=save_number, operation=Operation.NUMBERS_CHANGE,
        doc=Doc(summary="Let a number lead somewhere", body=NumberPut, answer=Number, refusals=(503,)),
    ),
    Route(
        method="DELETE", path="/api/v1/numbers/{number}", handler=remove_number, operation=Operation.NUMBERS_CHANGE,
        doc=Doc(summary="A number leads nowhere any more", answer=NumberRemoved, refusals=(404, 503)),
    ),
    Route(
        method="GET", path="/api/v1/flows", handler=list_flows, operation=Operation.CENTRE_SEE,
        doc=Doc(summary="The newest version of each flow", answer=Items),
    ),
    Route(
        method="GET", path="/api/v1/flows/{flow}", handler=show_flow, operation=Operation.CENTRE_SEE,
        doc=Doc(summary="A flow as data", answer=FlowPut, refusals=(404,)),
    ),
    Route(
        method="PUT", path="/api/v1/flows/{flow}", handler=save_flow, operation=Operation.FLOWS_CHANGE,
        doc=Doc(summary="Check a flow and make it the newest version", body=FlowPut, answer=FlowSaved, refusals=(422,)),
    ),
)  # fmt: skip
