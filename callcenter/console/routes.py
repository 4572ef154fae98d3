"""Everything that can be asked of the console, in one table."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from aiohttp import web

from callcenter.console.api import agents as api_agents
from callcenter.console.api import callbacks as api_callbacks
from callcenter.console.api import callers as api_callers
from callcenter.console.api import calls as api_calls
from callcenter.console.api import centre, openapi, ops, recordings
from callcenter.console.api import conferences as api_conferences
from callcenter.console.api import prompts as api_prompts
from callcenter.console.api import queues as api_queues
from callcenter.console.api import recording_rules as api_recording_rules
from callcenter.console.api import reports as api_reports
from callcenter.console.api import skills as api_skills
from callcenter.console.api import supervision as api_supervision
from callcenter.console.api import trunks as api_trunks
from callcenter.console.api import waiting as api_waiting
from callcenter.console.asking import answer
from callcenter.console.pages import agents, calls, live, prompts, reports, signing
from callcenter.console.rights import Operation
from callcenter.console.table import Route


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    try:
        ours = version("callcenter")
    except PackageNotFoundError:
        ours = "0"
    return openapi.describe(ROUTES, ours)


async def show_openapi(request: web.Request) -> web.StreamResponse:
    """The OpenAPI document."""
    return answer(document())


ROUTES: Final[tuple[Route, ...]] = (
    *signing.ROUTES,
    *live.ROUTES,
    *calls.ROUTES,
    *agents.ROUTES,
    *reports.ROUTES,
    *prompts.ROUTES,
    *api_waiting.ROUTES,
    *api_supervision.ROUTES,
    *api_recording_rules.ROUTES,
    *api_calls.ROUTES,
    *api_agents.ROUTES,
    *recordings.ROUTES,
    *centre.ROUTES,
    *api_queues.ROUTES,
    *api_skills.ROUTES,
    *api_trunks.ROUTES,
    *api_callers.ROUTES,
    *api_callbacks.ROUTES,
    *api_conferences.ROUTES,
    *api_reports.ROUTES,
    *api_prompts.ROUTES,
    *ops.ROUTES,
    Route(method="GET", path="/api/v1/openapi.json", handler=show_openapi, operation=Operation.PUBLIC),
)
