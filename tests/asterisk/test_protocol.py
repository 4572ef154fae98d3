"""ARI's frames without I/O: whatever comes in, nothing is raised; what goes out can be read back; ids are found where they stand."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.asterisk import events
from callcenter.asterisk.protocol import Requests, RESTResponse, Strange, decode, mentioned, result, segment
from callcenter.basics.errors import AsteriskRefused, ChannelGone

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
types = st.sampled_from([kind.__struct_config__.tag for kind in events.AriEvent.__subclasses__()] + ["RESTResponse", "Unheard", ""])
STATUS = (200, 201, 204, 400, 403, 404, 409, 412, 422, 500, 501, 503)


def channel(identifier: str) -> dict[str, Any]:
    empty = {"name": "", "number": ""}
    return {
        "id": identifier, "protocol_id": "", "name": f"Local/{identifier}", "state": "Up", "caller": empty, "connected": empty,
        "accountcode": "", "creationtime": "2026-11-23T16:05:18.956+0000", "language": "en",
        "dialplan": {"context": "c", "exten": "e", "priority": 1, "app_name": "", "app_data": ""},
    }  # fmt: skip


@given(st.binary(max_size=400))
def test_bytes_are_never_more_than_strange(frame: bytes) -> None:
    assert isinstance(decode(frame), Strange)


@given(st.text(max_size=400))
def test_text_is_never_more_than_strange(frame: str) -> None:
    decode(frame)


@given(anything)
def test_any_json_is_never_more_than_strange(value: Any) -> None:
    decode(json.dumps(value))


@given(types, st.dictionaries(st.sampled_from(["channel", "bridge", "peer", "playback", "recording", "args", "request_id"]), anything))
def test_events_with_wrong_fields_are_strange_and_keep_their_name(kind: str, fields: dict[str, Any]) -> None:
    decoded = decode(json.dumps({**fields, "type": kind}))
    if isinstance(decoded, Strange):
        assert decoded.kind in (kind, "") and decoded.reason


@given(st.integers(1, 100_000))
def test_deep_nesting_is_strange(depth: int) -> None:
    assert isinstance(decode("[" * depth), Strange)


def test_unknown_events_and_fields() -> None:
    unknown = decode('{"type": "ChannelLevitated", "channel": {}}')
    assert isinstance(unknown, Strange) and unknown.kind == "ChannelLevitated"
    known = decode(json.dumps({"type": "StasisStart", "args": ["a"], "channel": {**channel("c1"), "mood": "good"}, "more": 1}))
    assert isinstance(known, events.StasisStart) and known.channel.id == "c1" and known.args == ["a"]


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=20), max_size=5),
    st.none() | st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=3),
)
def test_a_request_can_be_read_back(query: dict[str, Any], body: dict[str, Any] | None) -> None:
    request_id, text = Requests().frame("POST", "/channels", query, body)
    frame = json.loads(text)
    assert (frame["type"], frame["method"], frame["uri"], frame["request_id"]) == ("RESTRequest", "POST", "channels", request_id)
    sent = {each["name"]: each["value"] for each in frame.get("query_strings", [])}
    assert set(sent) == {name for name, value in query.items() if value is not None}
    assert all(isinstance(value, str) for value in sent.values())
    assert (json.loads(frame["message_body"]) if "message_body" in frame else None) == body


def test_request_ids_are_never_used_twice() -> None:
    requests = Requests()
    assert len({requests.frame("GET", "/channels", None, None)[0] for _ in range(10_000)}) == 10_000


@given(st.text(min_size=1, max_size=30))
def test_an_id_never_leaves_its_path_segment(identifier: str) -> None:
    kept = segment(identifier)
    assert not set(kept) & set("/?#&% ") - {"%"} and (kept not in (".", "..") or identifier in (".", ".."))


@given(st.sampled_from(STATUS), st.text(max_size=300) | anything.map(json.dumps))
def test_each_answer_is_a_body_or_a_typed_refusal(status: int, body: str) -> None:
    answer = RESTResponse(request_id="1", status_code=status, reason_phrase="Reason", message_body=body)
    if status < 300:
        result(answer, "GET /x")
        return
    with pytest.raises(AsteriskRefused) as refused:
        result(answer, "GET /x")
    assert isinstance(refused.value, ChannelGone) == (status in (404, 409, 412))
    assert refused.value.asterisk_status == status and str(refused.value).startswith("GET /x")


@pytest.mark.parametrize("key", ["message", "error"])
def test_a_refusal_carries_asterisks_words(key: str) -> None:
    answer = RESTResponse(request_id="1", status_code=422, reason_phrase="Unprocessable", message_body=json.dumps({key: "no bridge"}))
    with pytest.raises(AsteriskRefused, match="422 no bridge"):
        result(answer, "POST /bridges")


def things(kind: type[events.AriEvent]) -> list[tuple[str, str]]:
    """Each field of an event that is a channel, bridge, playback or recording, with its class."""
    found = []
    for field in msgspec.structs.fields(kind):
        text = str(field.type)
        for name in ("ChannelData", "BridgeData", "PlaybackData", "LiveRecordingData"):
            if name in text and "list" not in text:
                found.append((field.name, name))
    return found


def thing(kind: str, identifier: str) -> dict[str, Any]:
    if kind == "ChannelData":
        return channel(identifier)
    if kind == "PlaybackData":
        return {"id": identifier, "media_uri": "sound:x", "target_uri": f"channel:target-{identifier}", "state": "done"}
    if kind == "LiveRecordingData":
        return {"name": identifier, "format": "wav", "target_uri": f"bridge:target-{identifier}", "state": "done"}
    return {
        "id": identifier, "technology": "simple_bridge", "bridge_type": "mixing", "bridge_class": "stasis", "creator": "", "name": "",
        "channels": [], "creationtime": "2026-11-23T16:05:18.956+0000",
    }  # fmt: skip


@pytest.mark.parametrize("kind", events.AriEvent.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_thing_an_event_speaks_of_is_heard_of(kind: type[events.AriEvent]) -> None:
    fields = things(kind)
    raw: dict[str, Any] = {"type": kind.__struct_config__.tag}
    for field in msgspec.structs.fields(kind):
        if field.required:
            samples: dict[Any, Any] = {str: "", int: 0, bool: False, list[str]: [], dict[str, Any]: {}}
            if field.type in samples:
                raw[field.encode_name] = samples[field.type]
    raw.update({name: thing(of, f"id-{name}") for name, of in fields})
    if not fields:
        return
    decoded = decode(json.dumps(raw))
    if isinstance(decoded, Strange) and any(f.required and f.encode_name not in raw for f in msgspec.structs.fields(kind)):
        pytest.skip(f"{decoded.reason}: an event of protocols that this system does not use")
    assert not isinstance(decoded, Strange), decoded.reason
    heard = set(mentioned(decoded))
    assert {f"id-{name}" for name, _ in fields} <= heard
    assert {f"target-id-{name}" for name, of in fields if of in ("PlaybackData", "LiveRecordingData")} <= heard
