"""Our types against the rest-api/*.json of the very Asterisk that runs: every event, every field, every request we make."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from callcenter.asterisk import Ari, Bridge, Channel, Playback, events, resources
from callcenter.basics.settings import Settings
from callcenter.embedded import locate

NOT_EVENTS = {
    "Message", "Event", "MissingParams", "RESTHeader", "RESTRequest", "RESTQueryStringParameter", "RESTResponse", "ContactInfo", "Peer",
    "ReferTo", "ReferredBy", "RequiredDestination", "AdditionalParam",
}  # fmt: skip
PYTHON = {"string": str, "int": int, "long": int, "double": float, "boolean": bool, "Date": str, "object": dict[str, Any]}


@cache
def described(name: str) -> dict[str, Any]:
    """One of Asterisk's own descriptions."""
    loaded: dict[str, Any] = json.loads((locate.asterisk(Settings()).rest_api / f"{name}.json").read_text())
    return loaded


@cache
def models() -> dict[str, Any]:
    """Every model that Asterisk describes."""
    found: dict[str, Any] = {}
    for path in sorted(locate.asterisk(Settings()).rest_api.glob("*.json")):
        for name, model in described(path.stem).get("models", {}).items():
            found.setdefault(name, model)
    return found


def struct_of(name: str) -> type[msgspec.Struct]:
    for holder in (events, resources):
        for spelled in (f"{name}Data", name):
            if hasattr(holder, spelled):
                kind: type[msgspec.Struct] = getattr(holder, spelled)
                return kind
    raise AssertionError(f"Asterisk describes {name}, we have no type for it: run scripts/generate_ari_types.py")


def expected(swagger: str) -> Any:
    if found := re.fullmatch(r"List\[(.+)\]", swagger):
        return list[expected(found.group(1))]  # type: ignore[misc]
    return PYTHON.get(swagger) or struct_of(swagger)


def event_names() -> list[str]:
    return [name for name in described("events")["models"] if name not in NOT_EVENTS]


def test_every_event_has_its_type_and_no_other() -> None:
    ours = {kind.__name__ for kind in get_args(events.AnyEvent)}
    assert ours == set(event_names())


def used_models() -> list[str]:
    """Events, and whatever they and the answers we read are made of."""
    queue, seen = [*event_names(), "Channel", "Bridge", "Playback", "LiveRecording", "Variable"], []
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.append(name)
            for facts in models()[name]["properties"].values():
                queue += [inner for inner in re.findall(r"\w+", facts["type"]) if inner in models()]
    return sorted(seen)


@pytest.mark.parametrize("name", used_models())
def test_every_field_has_asterisks_name_and_type(name: str) -> None:
    kind = struct_of(name)
    hints = get_type_hints(kind)
    ours = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for field, facts in models()[name]["properties"].items():
        if field == "type" and issubclass(kind, events.AriEvent):
            continue
        assert field in ours, f"{name}.{field}"
        allowed = hints[ours[field].name]
        parts = set(get_args(allowed)) if type(None) in get_args(allowed) else {allowed}
        assert expected(facts["type"]) in parts, f"{name}.{field}: {allowed} against {facts['type']}"
        if not facts.get("required"):
            assert not ours[field].required, f"{name}.{field} may be missing"


class Noting:
    """Notes the requests that handles make, instead of making them."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any] | None]] = []

    async def request(self, method: str, path: str, *, query: Any = None, body: Any = None, timeout_s: Any = None) -> Any:
        self.made.append((method, path, query or {}, body))
        return {"value": ""}


SAMPLES: dict[str, Any] = {
    "reason": "busy", "media": ["sound:x", "tone:y"], "playback_id": "ID", "music_class": "default", "direction": "both", "caller": "c",
    "timeout_s": 5, "name": "n", "value": "v", "context": "c", "extension": "e", "priority": 2, "app": "a", "app_args": "x",
    "snoop_id": "ID", "spy": "both", "whisper": "both", "audio_format": "wav", "digits": "1", "channel_ids": "c1", "operation": "pause",
    "endpoint": "Local/x", "channel_id": "c1", "originator": "c2", "variables": {"a": "b"}, "formats": "alaw", "caller_id": "<1>",
    "bridge_id": "ID", "kind": "mixing", "options": None,
}  # fmt: skip


def verbs() -> list[tuple[type, str]]:
    found = [(kind, name) for kind in (Channel, Bridge, Playback) for name, _ in inspect.getmembers(kind, inspect.iscoroutinefunction)]
    found += [(Ari, name) for name in ("create_channel", "originate", "create_bridge", "set_global", "list_channels", "list_bridges")]
    return [(kind, name) for kind, name in found if not name.startswith("_")]


async def called(kind: type, name: str, asks: Noting) -> None:
    if kind is Ari:
        holder: Any = Ari(base_url="http://127.0.0.1:1", user="u", password="p", app="a")
        holder.request = asks.request
    else:
        holder = kind(asks, "ID")
    method: Callable[..., Any] = getattr(holder, name)
    positional, named = [], {}
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional.append(SAMPLES[parameter.name])
        elif parameter.kind is not parameter.VAR_KEYWORD:
            named[parameter.name] = SAMPLES[parameter.name]
    try:
        await method(*positional, **named)
    except (msgspec.ValidationError, KeyError):
        assert asks.made, "the answer of this test can't be read, but the request must have been made"


def operation(method: str, path: str) -> dict[str, Any]:
    """What Asterisk says of a request; AssertionError when it knows none such."""
    asked = path.strip("/").split("/")
    resource = described(asked[0])
    best: dict[str, Any] | None = None
    for api in resource["apis"]:
        parts = api["path"].strip("/").split("/")
        if len(parts) != len(asked) or not all(ours == theirs or theirs.startswith("{") for ours, theirs in zip(asked, parts, strict=True)):
            continue
        for each in api["operations"]:
            if each["httpMethod"] == method and (best is None or "{" not in api["path"]):
                best = each
    assert best is not None, f"Asterisk has no {method} {path}"
    return best


@pytest.mark.parametrize(("kind", "name"), verbs(), ids=lambda value: getattr(value, "__name__", value))
async def test_every_request_exists_with_what_we_send(kind: type, name: str) -> None:
    asks = Noting()
    await called(kind, name, asks)
    assert asks.made
    for method, path, query, body in asks.made:
        parameters = {each["name"]: each for each in operation(method, path).get("parameters", [])}
        allowed = {each for each, facts in parameters.items() if facts["paramType"] == "query"}
        assert set(query) <= allowed, f"{method} {path} knows {allowed}"
        needed = {each for each, facts in parameters.items() if facts["paramType"] == "query" and facts.get("required")}
        assert needed <= {each for each, value in query.items() if value is not None}
        if body is not None:
            assert any(facts["paramType"] == "body" for facts in parameters.values()), f"{method} {path} takes no body"


def test_the_event_filter_exists() -> None:
    taken = operation("PUT", "/applications/x/eventFilter")["parameters"]
    assert [each["name"] for each in taken if each["paramType"] == "body"] == ["filter"]
