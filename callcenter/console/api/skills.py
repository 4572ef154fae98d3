"""Skills, agents' levels, and reasons to pause in the API."""

from __future__ import annotations

from typing import Annotated, Final

from aiohttp import web
from pydantic import Field, RootModel

from callcenter.acd import admin_store, store
from callcenter.acd.model import PauseReason
from callcenter.basics.errors import BadRequest, InUse, NotFound
from callcenter.basics.vocabulary import NAME
from callcenter.console.api.models import Body, Items, Row
from callcenter.console.asking import answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route


class SkillPut(Body):
    """A skill."""

    title: str = Field("", max_length=80)


class Levels(RootModel[dict[str, Annotated[int, Field(ge=1, le=10)]]]):
    """Skill → level, 1 to 10; skills not named are taken away."""


class ReasonPut(Body):
    """A reason to pause."""

    title_zh: str = Field(min_length=1, max_length=40)
    title_en: str = Field(min_length=1, max_length=40)
    paid: bool = True
    limit_s: int | None = Field(None, ge=10, le=86_400, description="How long it may last; null: without limit.")
    ends: bool = Field(False, description="Over by itself at the limit; otherwise it only shows as too long.")
    position: int = Field(0, ge=0, le=1000)


class Named(Row):
    """What it is about."""

    name: str


def _name(request: web.Request, field: str) -> str:
    name = request.match_info[field]
    if not NAME.fullmatch(name):
        raise BadRequest(f"{field}: {name!r:.60} is no name; small letters, digits, - and _, at most 40", field=field)
    return name


async def list_skills(request: web.Request) -> web.StreamResponse:
    """Skills, and who has them at which level."""
    return answer({"items": await admin_store.read_skills(ask_of(request).parts.pool)})


async def save_skill(request: web.Request) -> web.StreamResponse:
    """Make or rename a skill."""
    ask, name = ask_of(request), _name(request, "skill")
    wanted = await body_of(request, SkillPut)
    await admin_store.put_skill(ask.parts.pool, name, wanted.title.strip())
    await ask.audit("skills.change", f"skill:{name}", title=wanted.title)
    return answer({"name": name, "title": wanted.title.strip()})


async def remove_skill(request: web.Request) -> web.StreamResponse:
    """Remove a skill that no queue asks for; 409 says which do."""
    ask, name = ask_of(request), _name(request, "skill")
    if queues := await admin_store.queues_needing(ask.parts.pool, name):
        raise InUse(f"skill {name} is asked for by queue {', '.join(queues[:20])}; change that first")
    await admin_store.remove_skill(ask.parts.pool, name)
    await ask.audit("skills.change", f"skill:{name}", removed=True)
    await ask.parts.acd.agents_changed()
    return answer({"name": name})


async def set_levels(request: web.Request) -> web.StreamResponse:
    """Give an agent exactly these skills, from the next match on."""
    ask, number = ask_of(request), request.match_info["number"]
    levels = (await body_of(request, Levels)).root
    if number not in {agent.number for agent in await store.read_agents(ask.parts.pool)}:
        raise NotFound(f"there is no agent {number!r:.20}")
    if strangers := levels.keys() - await admin_store.skill_names(ask.parts.pool):
        raise BadRequest(f"{min(strangers)!r:.40}: there is no such skill; make it first", field=min(strangers)[:40])
    await admin_store.set_skills(ask.parts.pool, number, levels)
    await ask.audit("agents.skills", f"agent:{number}", levels=levels)
    await ask.parts.acd.agents_changed()
    return answer({"name": number, "skills": levels})


async def list_reasons(request: web.Request) -> web.StreamResponse:
    """Reasons to pause, in the order in which they are shown."""
    return answer({"items": await store.read_reasons(ask_of(request).parts.pool)})


async def save_reason(request: web.Request) -> web.StreamResponse:
    """Make or change a reason to pause; pauses under way go on as they began."""
    ask, name = ask_of(request), _name(request, "reason")
    wanted = await body_of(request, ReasonPut)
    if wanted.ends and wanted.limit_s is None:
        raise BadRequest("limit_s: a pause that ends by itself needs a limit", field="limit_s")
    reason = PauseReason(name=name, **wanted.model_dump())
    await admin_store.put_reason(ask.parts.pool, reason)
    await ask.audit("reasons.change", f"reason:{name}", **wanted.model_dump())
    await ask.parts.acd.agents_changed()
    return answer(reason)


async def remove_reason(request: web.Request) -> web.StreamResponse:
    """Remove a reason to pause."""
    ask, name = ask_of(request), _name(request, "reason")
    await admin_store.remove_reason(ask.parts.pool, name)
    await ask.audit("reasons.change", f"reason:{name}", removed=True)
    await ask.parts.acd.agents_changed()
    return answer({"name": name})


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/skills", handler=list_skills, operation=Operation.CENTRE_SEE,
        doc=Doc(summary="Skills and who has them", answer=Items),
    ),
    Route(
        method="PUT", path="/api/v1/skills/{skill}", handler=save_skill, operation=Operation.QUEUES_CHANGE,
        doc=Doc(summary="Make or rename a skill", body=SkillPut, answer=Named, refusals=(503,)),
    ),
    Route(
        method="DELETE", path="/api/v1/skills/{skill}", handler=remove_skill, operation=Operation.QUEUES_CHANGE,
        doc=Doc(summary="Remove a skill no queue asks for", answer=Named, refusals=(404, 409, 503)),
    ),
    Route(
        method="PUT", path="/api/v1/agents/{number}/skills", handler=set_levels, operation=Operation.AGENTS_CHANGE,
        doc=Doc(summary="Give an agent skills with levels", body=Levels, answer=Named, refusals=(404, 503)),
    ),
    Route(
        method="GET", path="/api/v1/pause-reasons", handler=list_reasons, operation=Operation.AGENTS_SEE,
        doc=Doc(summary="Reasons to pause", answer=Items),
    ),
    Route(
        method="PUT", path="/api/v1/pause-reasons/{reason}", handler=save_reason, operation=Operation.QUEUES_CHANGE,
        doc=Doc(summary="Make or change a reason to pause", body=ReasonPut, answer=Named, refusals=(503,)),
    ),
    Route(
        method="DELETE", path="/api/v1/pause-reasons/{reason}", handler=remove_reason, operation=Operation.QUEUES_CHANGE,
        doc=Doc(summary="Remove a reason to pause", answer=Named, refusals=(404, 503)),
    ),
)  # fmt: skip
