"""ARI over one WebSocket, without I/O: frames in, replies and events out; requests out, with ids of their own. Pure.

Requests travel on the event socket (Asterisk ≥ 22.5, ``RESTRequest``/``RESTResponse``), so they keep their order and open no
connections. What each frame is, is decided by its ``type`` in one decoding pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import msgspec

from callcenter.asterisk import events
from callcenter.basics.errors import AsteriskRefused, ChannelGone

GONE: Final = frozenset({404, 409, 412})
"""Statuses with which Asterisk says that a channel, bridge or playback is just gone, or not in the state for it."""


class RESTResponse(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="RESTResponse"):
    """The answer to one request."""

    request_id: str
    status_code: int
    reason_phrase: str = ""
    message_body: str = ""


class Strange(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that is none of ARI's, or an event this version does not know: to be counted, not to be feared."""

    kind: str
    reason: str


class _Head(msgspec.Struct):
    type: str = ""


Frame: TypeAlias = RESTResponse | events.AriEvent | Strange
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(RESTResponse | events.AnyEvent)
_head_decoder = msgspec.json.Decoder(_Head)
_encoder = msgspec.json.Encoder()
_any_decoder = msgspec.json.Decoder()


def decode(frame: str | bytes) -> Frame:
    """What a frame is; never raises, whatever stands in it."""
    try:
        decoded: Frame = _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        try:
            kind = _head_decoder.decode(frame).type
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            kind = ""
        return Strange(kind=kind[:60], reason=str(error)[:200])
    return decoded


class Requests:
    """Makes requests and names them; the names are never used twice in a connection's life."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def frame(self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None) -> tuple[str, str]:
        """The request's id and its frame. None values are left out; numbers and booleans become text."""
        request_id = str(next(self._numbers))
        frame: dict[str, Any] = {
            "type": "RESTRequest",
            "transaction_id": request_id,
            "request_id": request_id,
            "method": method,
            "uri": path.lstrip("/"),
        }
        if query:
            frame["query_strings"] = [{"name": name, "value": _text(value)} for name, value in query.items() if value is not None]
        if body is not None:
            frame["content_type"] = "application/json"
            frame["message_body"] = _encoder.encode(body).decode()
        return request_id, _encoder.encode(frame).decode()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def segment(text: str) -> str:
    """A path segment that holds nothing but itself."""
    return quote(text, safe="")


def result(response: RESTResponse, request: str) -> Any:
    """The body of an answer; ChannelGone or AsteriskRefused when Asterisk said no. ``request`` says what was tried."""
    body = _body(response.message_body)
    if response.status_code < 300:
        return body
    text = response.reason_phrase
    if isinstance(body, dict):
        text = str(body.get("message") or body.get("error") or text)
    kind = ChannelGone if response.status_code in GONE else AsteriskRefused
    raise kind(response.status_code, text[:200], request)


def _body(text: str) -> Any:
    if not text:
        return None
    try:
        return _any_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


_MENTIONED: Final = ("ChannelData", "BridgeData", "PlaybackData", "LiveRecordingData")


def _fields_of(kind: type[events.AriEvent]) -> tuple[str, ...]:
    """The fields that hold a channel, a bridge, a playback or a recording, whatever their names."""
    return tuple(field for field, text in kind.__annotations__.items() if str(text).partition(" ")[0] in _MENTIONED)


_FIELDS: dict[type[events.AriEvent], tuple[str, ...]] = {}


def mentioned(event: events.AriEvent) -> list[str]:
    """The ids of channels, bridges, playbacks and recordings that an event speaks of."""
    kind = type(event)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = _fields_of(kind)
    ids = []
    for field in fields:
        thing = getattr(event, field)
        if thing is None:
            continue
        ids.append(thing.name if field == "recording" else thing.id)
        if target := getattr(thing, "target_uri", None):
            ids.append(target.partition(":")[2])
    return ids
