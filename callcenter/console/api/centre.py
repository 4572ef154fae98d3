"""What is set up: numbers, flows."""

from __future__ import annotations

import json
from typing import Final

from aiohttp import web

from callcenter.basics.errors import BadFlow, BadRequest, NotFound
from callcenter.basics.vocabulary import NAME
from callcenter.console.api.models import FlowPut, FlowSaved, Items
from callcenter.console.asking import answer, ask_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route
from callcenter.ivr import store as ivr
from callcenter.lines import store as lines


async def list_numbers(request: web.Request) -> web.StreamResponse:
    """Numbers and where they lead."""
    return answer({"items": await lines.read_numbers(ask_of(request).parts.pool)})


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
