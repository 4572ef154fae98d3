"""Trunks in the API: providers added, changed and removed while calls are up, and whether we are registered there."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any, Final

from aiohttp import web
from pydantic import Field

from callcenter.asterisk.trunk_facts import endpoint_out
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, BadRequest, NotFound
from callcenter.basics.vocabulary import NAME
from callcenter.console.api.models import Body, Row
from callcenter.console.asking import Ask, answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route
from callcenter.lines import trunk_store
from callcenter.lines.trunks import Codec, Dialled, Host, Network, NumberRule, Secret, Shown, Trunk, User

_SECRETS: Final = ("password", "inbound_password")
_changing = asyncio.Lock()
_FIELDS: Final = Trunk.model_fields


def _as(name: str, **changed: Any) -> Any:
    """A field of a trunk, with its default and its words."""
    known = _FIELDS[name]
    return Field(changed.pop("default", known.default), description=known.description, **changed)


class TrunkPut(Body):
    """A trunk; what is not given is as a new one has it, but a secret that is not given stays. docs/trunks.md tells more."""

    title: str = _as("title", max_length=80)
    enabled: bool = _as("enabled")
    host: Host | None = _as("host")
    port: int = _as("port", ge=1, le=65535)
    username: User | None = _as("username")
    password: Secret | None = Field(None, description="Never shown. Not given: as before; given up together with the user name.")
    registers: bool = _as("registers")
    codecs: tuple[Codec, ...] = _as("codecs", min_length=1, max_length=4)
    position: int = _as("position", ge=0, le=10_000)
    caller_number: Shown | None = _as("caller_number")
    called_rules: tuple[NumberRule, ...] = _as("called_rules", max_length=50)
    networks: tuple[Network, ...] = _as("networks", max_length=50)
    signs_in: bool = Field(False, description="The provider (or a PBX) signs in here as trunk-NAME, at the phones' port.")
    inbound_password: Secret | None = Field(None, description="What it signs in with. Never shown. Not given: as before.")
    dialled_rules: tuple[NumberRule, ...] = _as("dialled_rules", max_length=50)
    main_number: Dialled | None = _as("main_number")


class TrunkRow(Row):
    """A trunk as set up, without its secrets."""

    name: str
    title: str
    enabled: bool
    host: str | None
    port: int
    username: str | None
    has_password: bool
    registers: bool
    codecs: list[str]
    position: int
    caller_number: str | None
    called_rules: list[NumberRule]
    networks: list[str]
    signs_in: bool
    signs_in_as: str | None = Field(description="The user name with which the provider signs in here.")
    dialled_rules: list[NumberRule]
    main_number: str | None
    registration: str | None = Field(
        description="registered, unregistered (being tried), rejected (by the provider), stopped; unknown while Asterisk is away; "
        "null: it does not register."
    )
    hint: str | None = Field(description="Why nobody may be reached by it, where that can be told.")


class TrunkRows(Row):
    """Every trunk."""

    items: list[TrunkRow]


class TrunkRemoved(Row):
    """The trunk that is gone."""

    name: str


async def _states(ask: Ask) -> dict[str, str] | None:
    try:
        return dict(await ask.parts.registrations())
    except (AsteriskAway, AsteriskRefused):
        return None


def _hint(trunk: Trunk, ours: str) -> str | None:
    """A socket at the loopback address reaches this machine only."""
    if trunk.host is None or not _is_loopback(ours) or trunk.host == "localhost" or _is_loopback(trunk.host):
        return None
    return f"Calls go out from trunk_host, which is {ours}: only this machine is reached. Set it to this machine's address and start anew."


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _shown(ask: Ask, trunk: Trunk, states: dict[str, str] | None) -> dict[str, Any]:
    row = trunk.model_dump(mode="json", exclude=set(_SECRETS))
    registration = None
    if trunk.registers and trunk.enabled:
        registration = "unknown" if states is None else states.get(endpoint_out(trunk.name), "unregistered")
    return {
        **row,
        "has_password": trunk.password is not None,
        "signs_in": trunk.inbound_password is not None,
        "signs_in_as": trunk.signs_in_as,
        "registration": registration,
        "hint": _hint(trunk, ask.parts.settings.trunk_host),
    }


def _name_of(request: web.Request) -> str:
    name = request.match_info["trunk"]
    if not NAME.fullmatch(name):
        raise BadRequest(f"name: {name!r:.60} is none; a small letter, then up to 39 small letters, digits, - or _", field="name")
    return name


async def list_trunks(request: web.Request) -> web.StreamResponse:
    """Every trunk, in the order in which they are tried for calls out."""
    ask = ask_of(request)
    trunks, states = await trunk_store.read_trunks(ask.parts.pool), await _states(ask)
    return answer({"items": [_shown(ask, trunk, states) for trunk in trunks]})


async def show_trunk(request: web.Request) -> web.StreamResponse:
    """One trunk."""
    ask, name = ask_of(request), _name_of(request)
    for trunk in await trunk_store.read_trunks(ask.parts.pool):
        if trunk.name == name:
            return answer(_shown(ask, trunk, await _states(ask)))
    raise NotFound(f"there is no trunk {name!r:.40}")


async def save_trunk(request: web.Request) -> web.StreamResponse:
    """Check a trunk and let it be so from now on; 400 with every place and reason when it can't work."""
    ask, name = ask_of(request), _name_of(request)
    wanted = await body_of(request, TrunkPut)
    async with _changing:
        others = {trunk.name: trunk for trunk in await trunk_store.read_trunks(ask.parts.pool)}
        before = others.pop(name, None)
        trunk = _wanted(name, wanted, before)
        faults = trunk.faults(others.values())
        if wanted.signs_in and not trunk.inbound_password:
            faults.append(("inbound_password", "needed to sign in with"))
        if faults:
            raise BadRequest("; ".join(f"{place}: {reason}" for place, reason in faults), field=faults[0][0], faults=faults)
        await trunk_store.put_trunk(ask.parts.pool, trunk)
        await ask.audit("trunks.change", f"trunk:{name}", changed=_changes(before, trunk))
        await ask.parts.changed()
    return answer(_shown(ask, trunk, await _states(ask)), status=200 if before else 201)


def _wanted(name: str, wanted: TrunkPut, before: Trunk | None) -> Trunk:
    """The trunk as asked for; secrets that are not given stay as long as there is somebody whose they are."""
    fields = wanted.model_dump(exclude={"signs_in"})
    if wanted.username and not wanted.password and before:
        fields["password"] = before.password
    if not wanted.signs_in:
        fields["inbound_password"] = None
    elif not wanted.inbound_password and before:
        fields["inbound_password"] = before.inbound_password
    return Trunk(name=name, **fields)


def _changes(before: Trunk | None, after: Trunk) -> dict[str, Any]:
    new = after.model_dump(mode="json", exclude=set(_SECRETS))
    old = before.model_dump(mode="json", exclude=set(_SECRETS)) if before else {}
    changed: dict[str, Any] = {field: [old.get(field), value] for field, value in new.items() if old.get(field) != value}
    if before:
        changed |= {field: "changed" for field in _SECRETS if getattr(before, field) != getattr(after, field)}
    return changed


async def remove_trunk(request: web.Request) -> web.StreamResponse:
    """No call goes in or out by it any more; those that are up go on."""
    ask, name = ask_of(request), _name_of(request)
    async with _changing:
        await trunk_store.remove_trunk(ask.parts.pool, name)
        await ask.audit("trunks.change", f"trunk:{name}", removed=True)
        await ask.parts.changed()
    return answer({"name": name})


ROUTES: Final = (
    Route(
        method="GET", path="/api/v1/trunks", handler=list_trunks, operation=Operation.CENTRE_SEE,
        doc=Doc(summary="Trunks, in the order in which they are tried for calls out", answer=TrunkRows),
    ),
    Route(
        method="GET", path="/api/v1/trunks/{trunk}", handler=show_trunk, operation=Operation.CENTRE_SEE,
        doc=Doc(summary="One trunk", answer=TrunkRow, refusals=(404,)),
    ),
    Route(
        method="PUT", path="/api/v1/trunks/{trunk}", handler=save_trunk, operation=Operation.TRUNKS_CHANGE,
        doc=Doc(summary="Check a trunk and let it be so from now on", body=TrunkPut, answer=TrunkRow, refusals=(503,)),
    ),
    Route(
        method="DELETE", path="/api/v1/trunks/{trunk}", handler=remove_trunk, operation=Operation.TRUNKS_CHANGE,
        doc=Doc(summary="Remove a trunk; calls that are up go on", answer=TrunkRemoved, refusals=(404, 503)),
    ),
)  # fmt: skip
