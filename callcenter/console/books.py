"""Calls as the ledger has them, as plain data for pages and API, filtered by what the person may see."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from pydantic import ValidationError

from callcenter.basics.errors import BadRequest, NotFound
from callcenter.basics.vocabulary import Kind, is_id
from callcenter.console.api.models import CallQuery
from callcenter.console.asking import Ask
from callcenter.console.rights import Operation
from callcenter.ledger import store as ledger


def plain(value: Any) -> dict[str, Any]:
    """A ledger's row as plain data; datetimes stay datetimes."""
    made: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(datetime,))
    return made


async def list_calls(ask: Ask, query: CallQuery) -> tuple[list[dict[str, Any]], str | None]:
    """A page of calls, newest first, and where the next page begins. BadRequest when ``after`` is none of ours."""
    zone = ZoneInfo(ask.parts.settings.timezone)
    agent = query.agent
    if not ask.who.sees_all(Operation.CALLS_SEE):
        if not ask.who.agent or (agent and agent != ask.who.agent):
            return [], None
        agent = ask.who.agent
    wanted = ledger.CallFilter(
        since=_in(zone, query.since),
        until=_in(zone, query.until),
        number=query.number or None,
        agent=agent or None,
        queue=query.queue or None,
        direction=query.direction,
        outcome=query.outcome,
        min_talk_ms=None if query.min_talk_s is None else query.min_talk_s * 1000,
        max_talk_ms=None if query.max_talk_s is None else query.max_talk_s * 1000,
    )
    page = await ledger.list_calls(ask.parts.pool, wanted, ledger.PageAsk(limit=query.limit, after=query.after))
    return [plain(call) for call in page.items], page.next


def _in(zone: ZoneInfo, moment: datetime | None) -> datetime | None:
    """A moment without a zone is the centre's."""
    return moment.replace(tzinfo=zone) if moment is not None and moment.tzinfo is None else moment


async def read_story(ask: Ask, call: str) -> dict[str, Any]:
    """One call with legs, segments, events, recordings; NotFound, or Forbidden when it is somebody else's."""
    story = await ledger.read_call(ask.parts.pool, call) if is_id(call, Kind.CALL) else None
    if story is None:
        raise NotFound(f"there is no call {call!r:.60}")
    told = plain(story)
    ask.who.must(Operation.CALLS_SEE, str(told["call"].get("agent") or ""))
    return told


def checked_query(raw: dict[str, str]) -> CallQuery:
    """The filters of a request; empty fields of a form count as not given. BadRequest naming what is wrong."""
    try:
        return CallQuery.model_validate({name: value for name, value in raw.items() if value != ""})
    except ValidationError as error:
        faults = [{"field": ".".join(map(str, fault["loc"])), "reason": fault["msg"]} for fault in error.errors()]
        raise BadRequest("; ".join(f"{fault['field']}: {fault['reason']}" for fault in faults), faults=faults) from error


def is_stored(info: Any) -> bool:
    """Whether a recording can be heard."""
    return str(info.state) == "stored"


def size_of(info: Any) -> int:
    """How many bytes a recording has."""
    return int(info.size)
