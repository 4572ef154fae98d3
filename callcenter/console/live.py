"""The live page's stream: a snapshot of rendered rows, then each row as it changes. Reconnecting starts with a new snapshot.

Frames are rendered once per language and handed to every console that follows, so that a hundred of them cost little more than one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
from aiohttp import web
from redis.exceptions import RedisError

from callcenter.basics import clock, metrics
from callcenter.basics.tasks import Tasks
from callcenter.console import sessions
from callcenter.console.asking import Ask, ask_of
from callcenter.console.languages import Words
from callcenter.console.rights import Operation, Person
from callcenter.console.templates import Templates
from callcenter.live.board import Change, Overflowed, Topic

SHOWN: Final = (Topic.QUEUES, Topic.AGENTS, Topic.CALLS)
PING_S: Final = 10.0
_KEPT_FRAMES: Final = 512
_HEADERS: Final = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Row(msgspec.Struct, frozen=True):
    """One row of the live page; ``html`` None: it is gone."""

    list: str
    key: str
    html: str | None


def sees(person: Person, topic: str, value: Mapping[str, Any]) -> bool:
    """Whether a person sees this row: calls only their own, unless they see all."""
    return topic != Topic.CALLS or person.may(Operation.LIVE_SEE, str(value.get("agent") or ""))


class Frames:
    """Renders rows, keeping the last ones: every follower gets the same change."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._kept: OrderedDict[tuple[int, str], tuple[Change, bytes]] = OrderedDict()

    def row(self, words: Words, topic: str, key: str, value: Mapping[str, Any] | None) -> Row:
        """A row as it stands."""
        html = self._templates.render(f"live/{topic}.html", words, row=value) if value is not None else None
        return Row(topic, key, html)

    def of_change(self, words: Words, change: Change) -> bytes:
        """A change as a frame of the stream."""
        place = id(change), words.language
        kept = self._kept.get(place)
        if kept is not None and kept[0] is change:
            return kept[1]
        made = frame("row", self.row(words, change.topic, change.key, change.value))
        self._kept[place] = change, made
        if len(self._kept) > _KEPT_FRAMES:
            self._kept.popitem(last=False)
        return made


def frame(event: str, data: object) -> bytes:
    """One event of the stream; JSON keeps line ends out of the way."""
    return b"event: %s\ndata: %s\n\n" % (event.encode(), msgspec.json.encode(data))


def ordered(topic: Topic, rows: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as the page lists them: calls by their start, agents and queues by number and name."""
    if topic is Topic.CALLS:
        return sorted(rows.values(), key=lambda row: (row.get("started_ms", 0), row.get("id", "")))
    return [rows[key] for key in sorted(rows)]


async def snapshot(ask: Ask) -> dict[Topic, list[dict[str, Any]]]:
    """What this person sees now."""
    board = await ask.parts.board.snapshot()
    rows = {topic: [row for row in ordered(topic, board[topic]) if sees(ask.who, topic, row)] for topic in SHOWN}
    if ask.hides_supervision:
        rows[Topic.CALLS] = [row | {"supervisors": []} for row in rows[Topic.CALLS]]
    return rows


FRAMES: Final = web.AppKey("frames", Frames)


async def stream(request: web.Request) -> web.StreamResponse:
    """The stream, until the browser leaves or the session ends."""
    ask = ask_of(request)
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    metrics.LIVE_STREAMS.inc()
    try:
        async with ask.parts.board.follow() as changes:
            await response.write(await _first(ask, request.app[FRAMES]))
            with suppress(Overflowed):
                await _follow(ask, request, response, changes)
    except (ConnectionError, RedisError):
        pass  # the browser left, or is to come again when Redis is back
    finally:
        metrics.LIVE_STREAMS.dec()
    return response


async def _first(ask: Ask, frames: Frames) -> bytes:
    rows = await snapshot(ask)
    keys = {Topic.CALLS: "id", Topic.AGENTS: "number", Topic.QUEUES: "name"}
    lists = {topic: [frames.row(ask.words, topic, str(row.get(keys[topic], "")), row) for row in rows[topic]] for topic in SHOWN}
    return b"retry: 1000\n" + frame("snapshot", {"now_ms": clock.utc_ms(), "lists": lists})


async def _follow(ask: Ask, request: web.Request, response: web.StreamResponse, changes: AsyncIterator[Change]) -> None:
    """Write changes as they come, and a ping now and then so that both ends notice when the other is gone."""
    frames = request.app[FRAMES]
    pings = Pings(ask, request, response)
    async with Tasks("live stream") as tasks:
        tasks.start(pings.run(), "pings")
        async for change in changes:
            if pings.is_over:
                return
            if change.topic in SHOWN and (row := _for(ask.who, change)) is not None:
                await response.write(frames.of_change(ask.words, row))


def _for(person: Person, change: Change) -> Change | None:
    """The change as this person gets it: a call that is somebody else's now goes away."""
    if change.value is None or sees(person, change.topic, change.value):
        return change
    return Change(change.topic, change.key) if change.value.get("agent") else None


class Pings:
    """Keeps one stream alive, and ends it when its session has ended."""

    def __init__(self, ask: Ask, request: web.Request, response: web.StreamResponse) -> None:
        self._ask, self._request, self._response = ask, request, response
        self.is_over = False

    async def run(self) -> None:
        """Until the stream is over."""
        token = self._request.cookies.get(sessions.COOKIE, "")
        while not self.is_over:
            await asyncio.sleep(PING_S)
            with suppress(ConnectionError, RedisError, OSError):
                if self._ask.session is not None and await self._ask.console.sessions.find(token) is None:
                    self.is_over = True
                    await self._response.write(frame("signed-out", {}))
                    if self._request.transport is not None:
                        self._request.transport.close()
                else:
                    await self._response.write(frame("ping", {"now_ms": clock.utc_ms()}))
