"""Does what a flow's lookup asks for: one HTTP request to another system, never into our own network.

Addresses are resolved by us and refused when they are private, local or reserved (metadata services among them), unless an
administrator allowed the host by name, or the network it lies in (the setting ``lookup_hosts``).
No redirects, no cookies, a small answer, a limit in time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from callcenter.basics.logs import get_logger
from callcenter.ivr.asks import LookedUp, Lookup

_log = get_logger(__name__)
_LARGEST: Final = 64 * 1024
_FAILED: Final = LookedUp(status=0)
_HOLDS_IPV4: Final = tuple(ip_network(network) for network in ("::/96", "64:ff9b::/96", "2002::/16"))
"""IPv6 addresses that lead to an IPv4 one: nobody's server needs them, and what is inside is a detour to our own network."""


class _Allowed:
    """What may be asked although it lies inside: hosts by name, and networks."""

    def __init__(self, places: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._networks: list[IPv4Network | IPv6Network] = []
        for place in places:
            try:
                self._networks.append(ip_network(place, strict=False))
            except ValueError:
                self._names.add(place.lower())

    def has(self, host: str, address: str) -> bool:
        """Whether a host may be asked at an address."""
        if host.lower() in self._names or is_public(address):
            return True
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)


class _PublicOnly(AbstractResolver):
    """Resolves names, and forgets addresses that lie inside."""

    def __init__(self, allowed: _Allowed) -> None:
        self._allowed = allowed

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results: list[ResolveResult] = []
        for kind, _, protocol, _, address in found:
            if self._allowed.has(host, str(address[0])):
                results.append(
                    ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST)
                )
        if not results:
            raise OSError(f"{host} is not an address outside")
        return results

    async def close(self) -> None:
        """Nothing is held."""


def is_public(address: str) -> bool:
    """Whether an IP address lies in the public internet."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return is_public(str(found.ipv4_mapped))
        if any(found in network for network in _HOLDS_IPV4):
            return False
    return found.is_global and not found.is_multicast


class Lookups:
    """Executes lookups. ``allowed`` hosts (by name, which may lead anywhere) and networks may lie inside the firm's own."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = _Allowed(allowed)

    async def look_up(self, ask: Lookup) -> LookedUp:
        """Ask; status 0 when there was no usable answer, whatever the reason. Never raises for the other side's faults."""
        try:
            host = URL(ask.url).host or ""
        except ValueError:
            return _FAILED
        if _is_address(host) and not self._allowed.has(host, host):
            _log.warning("a lookup into our own network was refused", host=host)
            return _FAILED
        connector = aiohttp.TCPConnector(resolver=_PublicOnly(self._allowed), use_dns_cache=False, force_close=True)
        try:
            async with (
                asyncio.timeout(ask.timeout_s),
                aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http,
                http.request(ask.method, ask.url, json=ask.body, allow_redirects=False) as answer,
            ):
                return LookedUp(status=answer.status, fields=_fields(await _body(answer)))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            _log.warning("a lookup failed", host=host, reason=type(error).__name__)
            return _FAILED


def _is_address(host: str) -> bool:
    """Whether no resolver is asked: also for short forms such as 127.1 and 2130706433, which the system takes for addresses."""
    return ":" in host or host.replace(".", "").isdigit()


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """The answer's body, up to one byte more than we take."""
    body = b""
    while len(body) <= _LARGEST and (more := await answer.content.read(_LARGEST + 1 - len(body))):
        body += more
    return body


def _fields(body: bytes) -> dict[str, str]:
    """The plain values of a JSON object, as text; nothing for anything else."""
    if len(body) > _LARGEST:
        return {}
    try:
        data: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {str(key)[:80]: _text(value)[:400] for key, value in list(data.items())[:100] if isinstance(value, str | int | float | bool)}


def _text(value: str | float | bool) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
