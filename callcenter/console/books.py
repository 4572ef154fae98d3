"""Calls as the ledger has them, as plain data for pages and API, filtered by what the person may see."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from pydantic import ValidationError

from callcenter.basics import clock
from callcenter.basics.errors import BadRequest, NotFound
from callcenter.basics.vocabulary import Kind, LegRole, is_id
from callcenter.console.api.models import CallQuery
from callcenter.console.asking import Ask
from callcenter.console.rights import Operation
from callcenter.ledger import store as ledger
from callcenter.ledger.events import Event, as_fields
from callcenter.ledger.projection import in_order

_CURSOR: Final = re.compile(r"\d{1,14}_[0-9a-z-]{1,40}")


async def list_calls(ask: Ask, query: CallQuery) -> tuple[list[dict[str, Any]], str | None]:
    """A page of calls, newest first, and where the next page begins. BadRequest when ``after`` is none of ours."""
    zone = ZoneInfo(ask.parts.settings.timezone)
    agent = query.agent
    if not ask.who.sees_all(Operation.CALLS_SEE):
        if not ask.who.agent or (agent and agent != ask.who.agent):
            return [], None
        agent = ask.who.agent
    if query.after and not _CURSOR.fullmatch(query.after):
        raise BadRequest("after: this is no end of a page of ours", field="after")
    wanted = ledger.CallFilter(
        from_ms=_millis(zone, query.since),
        to_ms=_millis(zone, query.until),
        number=query.number or None,
        agent=agent or None,
        queue=query.queue or None,
        direction=query.direction,
        outcome=query.outcome,
        min_talk_ms=None if query.min_talk_s is None else query.min_talk_s * 1000,
    )
    page = await ledger.list_calls(ask.parts.pool, wanted, query.after or None, query.limit)
    return page.calls, page.next


def _millis(zone: ZoneInfo, moment: datetime | None) -> int | None:
    """UTC milliseconds of a moment; one without a zone is the centre's."""
    if moment is None:
        return None
    return clock.to_ms(moment.replace(tzinfo=zone) if moment.tzinfo is None else moment)


async def read_story(ask: Ask, call: str) -> dict[str, Any]:
    """One call with legs, segments, events, recordings; NotFound, or Forbidden when it is somebody else's."""
    story = await ledger.read_call(ask.parts.pool, call) if is_id(call, Kind.CALL) else None
    if story is None:
        raise NotFound(f"there is no call {call!r:.60}")
    ask.who.must(Operation.CALLS_SEE, story.call["agent"])
    recordings = [{"id": recording, **await _state_of(ask, recording, story.events)} for recording in story.recordings]
    legs, events = story.legs, _in_order(story.events)
    if ask.hides_supervision:
        hidden = {leg["id"] for leg in legs if leg["role"] == LegRole.SUPERVISOR}
        hidden -= {event["leg"] for event in events if event["kind"] == "taken_over"}
        legs = [leg for leg in legs if leg["id"] not in hidden]
        events = [event for event in events if event["kind"] not in _OF_SUPERVISORS and event.get("leg") not in hidden]
    return {"call": story.call, "legs": legs, "segments": story.segments, "events": events, "recordings": recordings}


_OF_SUPERVISORS: Final = frozenset({"supervisor_joined", "supervisor_mode_changed", "supervisor_left"})


def _in_order(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events as a call goes: what happened in the same millisecond too."""
    return [as_fields(event) for event in in_order(msgspec.convert(event, Event) for event in events)]


async def _state_of(ask: Ask, recording: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Where a recording stands: recording, storing, stored or failed, and why."""
    of_it = {event["kind"]: event for event in events if event.get("recording") == recording}
    info = await ask.parts.recordings.describe(recording)
    if info is not None and info.state in {"stored", "failed"}:
        return {"state": info.state, "size": info.size, "duration_ms": info.duration_ms, "reason": info.reason}
    failed = of_it.get("recording_failed")
    state = "failed" if failed else "storing" if {"recording_ended", "voicemail_left"} & of_it.keys() else "recording"
    return {"state": state, "size": 0, "duration_ms": None, "reason": failed["reason"] if failed else ""}


def checked_query(raw: dict[str, str]) -> CallQuery:
    """The filters of a request; empty fields of a form count as not given. BadRequest naming what is wrong."""
    try:
        return CallQuery.model_validate({name: value for name, value in raw.items() if value != ""})
    except ValidationError as error:
        faults = [{"field": ".".join(map(str, fault["loc"])), "reason": fault["msg"]} for fault in error.errors()]
        raise BadRequest("; ".join(f"{fault['field']}: {fault['reason']}" for fault in faults), faults=faults) from error
