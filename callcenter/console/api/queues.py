"""Queues in the API: set up, changed while callers wait, explained."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
from aiohttp import web
from pydantic import Field

from callcenter.acd import admin_store, store
from callcenter.acd.check import Known, check_queue, into_at_once
from callcenter.acd.model import Member, Queue
from callcenter.asterisk.music import music_classes
from callcenter.basics.errors import BadQueue, BadRequest, InUse, NotFound
from callcenter.basics.vocabulary import Language
from callcenter.console.api.models import Body, Items, Row
from callcenter.console.asking import Ask, answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route
from callcenter.ivr.prompt_list import list_prompts


class QueuePut(Body):
    """A queue; what is not given is as a new queue has it. docs/queues.md tells what each setting and rule means."""

    title: str = Field(min_length=1, max_length=80)
    strategy: str = "longest_idle"
    ring_timeout_s: int = 20
    wrap_up_s: int = 5
    max_wait_s: int | None = None
    announce_agent: bool = True
    record_calls: bool = True
    music: str = "default"
    head_start_s: int = 0
    priority_step_s: int = 60
    return_window_s: int = 180
    ring_most: int = 20
    widen_s: int = 8
    preferred_wait_s: int = 0
    auto_pause_after: int = 0
    wrap_up_extra_s: int = 60
    service_level_s: int = 20
    rules: dict[str, Any] = Field(default_factory=dict, description="rings, overflow, announcements, callback, hours")


class QueueRow(Row):
    """A queue as set up, with who serves it."""

    name: str
    title: str
    strategy: str
    agents: list[dict[str, Any]]


class MemberPut(Body):
    """How an agent serves a queue."""

    penalty: int = Field(0, ge=0, le=100, description="A higher penalty is asked later.")
    weight: int = Field(1, ge=1, le=100, description="Share of the calls under the strategy weighted.")
    position: int = Field(0, ge=0, le=100_000, description="Place in the list under the strategy linear.")


class MemberRow(Row):
    """Who serves what."""

    queue: str
    agent: str


class QueueRemoved(Row):
    """The queue that is gone."""

    name: str


async def _known(ask: Ask) -> Known:
    pool, settings = ask.parts.pool, ask.parts.settings
    agents = [agent.number for agent in await store.read_agents(pool)]
    prompts = {found.name for found in list_prompts(settings.prompts_dir, agents) if found.language == Language.ZH}
    queues = await store.read_queues(pool)
    return Known(
        queues={queue.name for queue in queues},
        at_once={queue.name: into_at_once(queue) for queue in queues},
        agents=set(agents),
        skills=await admin_store.skill_names(pool),
        prompts=prompts,
        music=music_classes(settings.music_dir),
    )


async def _row_of(ask: Ask, name: str) -> dict[str, Any]:
    queue = next((queue for queue in await store.read_queues(ask.parts.pool) if queue.name == name), None)
    if queue is None:
        raise NotFound(f"there is no queue {name!r:.40}")
    members = [member for member in await store.read_members(ask.parts.pool) if member.queue == name]
    return _shown(queue, members)


def _shown(queue: Queue, members: list[Member]) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(queue)
    row["agents"] = [
        {"agent": member.agent, "penalty": member.penalty, "weight": member.weight, "position": member.position}
        for member in members
        if member.queue == queue.name
    ]
    return row


async def list_queues(request: web.Request) -> web.StreamResponse:
    """Queues and who serves them."""
    pool = ask_of(request).parts.pool
    members = await store.read_members(pool)
    return answer({"items": [_shown(queue, members) for queue in await store.read_queues(pool)]})


async def show_queue(request: web.Request) -> web.StreamResponse:
    """One queue."""
    return answer(await _row_of(ask_of(request), request.match_info["queue"]))


async def save_queue(request: web.Request) -> web.StreamResponse:
    """Check a queue and let it be so from now on; 422 with every place and reason when it can't work."""
    ask, name = ask_of(request), request.match_info["queue"]
    try:
        raw = json.loads(await request.text())
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is no JSON in UTF-8") from error
    if not isinstance(raw, dict):
        raise BadQueue([("queue", "is no object")])
    raw.pop("agents", None)
    if raw.setdefault("name", name) != name:
        raise BadQueue([("name", f"the address says {name!r:.40}")])
    queue = check_queue(raw, await _known(ask))
    before = [found for found in await store.read_queues(ask.parts.pool) if found.name == name]
    await admin_store.put_queue(ask.parts.pool, queue)
    changed = _changes(before[0] if before else None, queue)
    await ask.audit("queues.change", f"queue:{name}", changed=changed)
    await ask.parts.acd.agents_changed()
    return answer(await _row_of(ask, name), status=200 if before else 201)


def _changes(before: Queue | None, after: Queue) -> dict[str, Any]:
    new = msgspec.to_builtins(after)
    if before is None:
        return {"new": new}
    old = msgspec.to_builtins(before)
    return {field: [old.get(field), value] for field, value in new.items() if old.get(field) != value}


async def remove_queue(request: web.Request) -> web.StreamResponse:
    """Remove a queue that nothing leads to and nobody waits in; 409 says what does."""
    ask, name = ask_of(request), request.match_info["queue"]
    await _row_of(ask, name)
    if leads := await admin_store.leads_to_queue(ask.parts.pool, name):
        raise InUse(f"callers are sent to queue {name} by {', '.join(leads[:20])}; change that first")
    waiting = next((now.waiting for now in await ask.parts.acd.queues() if now.name == name), 0)
    if waiting:
        raise InUse(f"{waiting} callers wait in queue {name}; move or serve them first")
    await admin_store.remove_queue(ask.parts.pool, name)
    await ask.audit("queues.change", f"queue:{name}", removed=True)
    await ask.parts.acd.agents_changed()
    return answer({"name": name})


async def save_member(request: web.Request) -> web.StreamResponse:
    """Let an agent serve a queue, or serve it otherwise."""
    ask, queue, agent = ask_of(request), request.match_info["queue"], request.match_info["agent"]
    wanted = await body_of(request, MemberPut)
    member = Member(queue=queue, agent=agent, **wanted.model_dump())
    await store.add_member(ask.parts.pool, member)
    await ask.audit("queues.change", f"queue:{queue}", agent=agent, **wanted.model_dump())
    await ask.parts.acd.agents_changed()
    return answer(member)


async def remove_member(request: web.Request) -> web.StreamResponse:
    """Take an agent out of a queue; a call that rings or talks goes on."""
    ask, queue, agent = ask_of(request), request.match_info["queue"], request.match_info["agent"]
    await admin_store.remove_member(ask.parts.pool, queue, agent)
    await ask.audit("queues.change", f"queue:{queue}", agent=agent, removed=True)
    await ask.parts.acd.agents_changed()
    return answer({"queue": queue, "agent": agent})


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/queues", handler=list_queues, operation=Operation.CENTRE_SEE,
        doc=Doc(summary="Queues and who serves them", answer=Items),
    ),
    Route(
        method="GET", path="/api/v1/queues/{queue}", handler=show_queue, operation=Operation.CENTRE_SEE,
        doc=Doc(summary="A queue and who serves it", answer=QueueRow, refusals=(404,)),
    ),
    Route(
        method="PUT", path="/api/v1/queues/{queue}", handler=save_queue, operation=Operation.QUEUES_CHANGE,
        doc=Doc(summary="Make or change a queue, at once and with callers in it", body=QueuePut, answer=QueueRow, refusals=(422, 503)),
    ),
    Route(
        method="DELETE", path="/api/v1/queues/{queue}", handler=remove_queue, operation=Operation.QUEUES_CHANGE,
        doc=Doc(summary="Remove a queue nothing leads to", answer=QueueRemoved, refusals=(404, 409, 503)),
    ),
    Route(
        method="PUT", path="/api/v1/queues/{queue}/agents/{agent}", handler=save_member, operation=Operation.QUEUES_CHANGE,
        doc=Doc(summary="Let an agent serve a queue", body=MemberPut, answer=MemberRow, refusals=(404, 503)),
    ),
    Route(
        method="DELETE", path="/api/v1/queues/{queue}/agents/{agent}", handler=remove_member, operation=Operation.QUEUES_CHANGE,
        doc=Doc(summary="Take an agent out of a queue", answer=MemberRow, refusals=(404, 503)),
    ),
)  # fmt: skip
