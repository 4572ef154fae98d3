"""A recording's audio, decrypted chunk by chunk as it is asked for; each hearing is written into the audit log.

A player asks for many ranges, and not always from the start: a person's requests of ten minutes are one hearing."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callcenter.basics.errors import NotFound, TooLate
from callcenter.basics.vocabulary import Kind, is_id
from callcenter.console import books
from callcenter.console.asking import Ask, ask_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route
from callcenter.recordings import ranges
from callcenter.recordings.service import RecordingInfo

_HEADERS: Final = {"Accept-Ranges": "bytes", "Content-Type": "audio/ogg; codecs=opus", "Cache-Control": "private, no-store"}

_ONE_HEARING_S: Final = 600.0


async def _found(ask: Ask) -> tuple[str, RecordingInfo]:
    """The recording asked for, after checking that the person may hear it."""
    recording = ask.request.match_info["recording"]
    info = await ask.parts.recordings.describe(recording) if is_id(recording, Kind.RECORDING) else None
    if info is None:
        raise NotFound(f"there is no recording {recording!r:.60}")
    if not ask.who.sees_all(Operation.RECORDINGS_HEAR):
        story = await books.read_story(ask, info.call)
        ask.must(str(story["call"].get("agent") or ""))
    if info.state != "stored":
        raise TooLate("the recording is not in the store yet, or could not be stored", state=info.state, reason=info.reason)
    return recording, info


async def audio(request: web.Request) -> web.StreamResponse:
    """The audio, whole or a range of it."""
    ask = ask_of(request)
    recording, info = await _found(ask)
    size = info.size
    headers = {**_HEADERS, "ETag": f'"{recording}"'}
    wanted_range = request.headers.get("Range")
    if request.headers.get("If-Range", f'"{recording}"') != f'"{recording}"':
        wanted_range = None
    try:
        part = ranges.parse(wanted_range, size)
    except ranges.Unsatisfiable:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
    start, end = part or (0, size)
    if request.method == "GET":
        await ask.audit_once("recordings.hear", recording, within_s=_ONE_HEARING_S, call=info.call)
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    response.content_length = end - start
    if part:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    await response.prepare(request)
    if request.method != "HEAD":
        async for chunk in ask.parts.recordings.stream(recording, start, end):
            await response.write(chunk)
    await response.write_eof()
    return response


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/recordings/{recording}/audio", handler=audio, operation=Operation.RECORDINGS_HEAR,
        doc=Doc(summary="A recording as Ogg Opus, caller left, agent right; ranges", media="audio/ogg", refusals=(404, 409, 416)),
    ),
)  # fmt: skip
