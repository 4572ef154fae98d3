"""The list of calls and one call's story."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from callcenter.basics.errors import BadRequest
from callcenter.basics.vocabulary import Direction, Outcome
from callcenter.console import books, reasons, wording
from callcenter.console.asking import Ask, ask_of
from callcenter.console.pages import timeline
from callcenter.console.rights import Operation
from callcenter.console.table import Route

_FILTERS: Final = ("day_from", "day_to", "number", "agent", "queue", "direction", "outcome", "min_talk_s")
_PAGE: Final = 50


def _midnight(day: str, zone: ZoneInfo, days: int = 0) -> str:
    """The beginning of a day in the centre's zone (``days`` later) as ISO text; empty for no day. BadRequest when it is none."""
    if not day:
        return ""
    try:
        date = datetime.fromisoformat(day).date()
    except ValueError as error:
        raise BadRequest(f"day: {day!r:.20} is no day; write 2026-11-23", field="day") from error
    return datetime.combine(date + timedelta(days=days), time(), zone).isoformat()


async def show_list(request: web.Request) -> web.StreamResponse:
    """Calls, newest first, by filters."""
    ask = ask_of(request)
    zone = ZoneInfo(ask.parts.settings.timezone)
    given = {name: request.query.get(name, "").strip()[:60] for name in _FILTERS}
    calls: list[dict[str, Any]] = []
    following, fault = None, ""
    try:
        raw = {name: value for name, value in given.items() if not name.startswith("day_")}
        raw |= {"since": _midnight(given["day_from"], zone), "until": _midnight(given["day_to"], zone, 1)}
        raw |= {"after": request.query.get("after", ""), "limit": str(_PAGE)}
        calls, following = await books.list_calls(ask, books.checked_query(raw))
    except BadRequest as error:
        fault = str(error)
    kept = {name: value for name, value in given.items() if value}
    return ask.page(
        "calls.html",
        status=400 if fault else 200,
        calls=calls,
        given=given,
        is_filtered=bool(kept),
        is_first_page="after" not in request.query,
        fault=fault,
        next_page="/calls?" + urlencode({**kept, "after": following}) if following else "",
        first_page="/calls" + ("?" + urlencode(kept) if kept else ""),
        directions=list(Direction),
        outcomes=list(Outcome),
        queues=await _queue_names(ask),
        sees_all=ask.who.sees_all(Operation.CALLS_SEE),
    )


async def _queue_names(ask: Ask) -> list[tuple[str, str]]:
    return [(queue.name, queue.title) for queue in await ask.parts.acd.queues()]


async def show_story(request: web.Request) -> web.StreamResponse:
    """One call from beginning to end, with its recording."""
    ask = ask_of(request)
    story = await books.read_story(ask, request.match_info["call"])
    call = story["call"]
    legs = wording.leg_names(ask.words.gettext, story["legs"])
    events = [
        {
            **event,
            **(reasons.of_offer(ask.words.gettext, event) if event["kind"] == "offered" else {}),
            "sentence": wording.sentence(ask.words.gettext, event, legs),
            "offset_ms": event["at_ms"] - story["events"][0]["at_ms"],
        }
        for event in story["events"]
    ]
    return ask.page(
        "story.html",
        call=call,
        legs=story["legs"],
        leg_names=legs,
        events=events,
        picture=timeline.draw(story, legs),
        recordings=story["recordings"],
        may_hear=ask.who.may(Operation.RECORDINGS_HEAR, str(call.get("agent") or "")),
    )


ROUTES: Final = (
    Route(method="GET", path="/calls", handler=show_list, operation=Operation.CALLS_SEE),
    Route(method="GET", path="/calls/{call}", handler=show_story, operation=Operation.CALLS_SEE),
)
