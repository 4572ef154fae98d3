"""Lookups against a real server: what is answered, what is refused, what is limited."""
# ruff: noqa: E501

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callcenter.basics.settings import Settings
from callcenter.ivr.asks import LookedUp, Lookup
from callcenter.ivr.lookup import Lookups, _fields, is_public

FAILED = LookedUp(status=0)


class Server:
    """Another system; counts who came to it."""

    port = 0
    asked = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        kind = request.match_info["kind"]
        if kind == "slow":
            await asyncio.sleep(20)
        if kind == "moved":
            raise web.HTTPFound("/good")
        if kind == "pieces":
            stream = web.StreamResponse()
            await stream.prepare(request)
            for part in (b'{"level":', b' "gold"', b"}"):
                await stream.write(part)
                await asyncio.sleep(0.05)
            return stream
        if kind == "echo":
            return web.json_response(await request.json())
        if kind == "missing":
            raise web.HTTPNotFound(text="{}")
        bodies = {
            "good": b'{"level": "gold", "n": 3, "yes": true, "none": null, "list": [1]}', "huge": b'{"level": "' + b"x" * 10_000_000 + b'"}',
            "html": b"<html>", "deep": b"[" * 60_000, "list": b"[1]", "latin": b'{"level": "\xff"}', "empty": b"",
        }  # fmt: skip
        return web.Response(body=bodies[kind])


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    here = Server()
    app = web.Application()
    app.router.add_route("*", "/{kind}", here.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 22500)
    await site.start()
    here.port = 22500
    yield here
    await runner.cleanup()


async def asked(server: Server, kind: str, *, host: str = "127.0.0.1", allowed: tuple[str, ...] = ("127.0.0.1",), **more: Any) -> LookedUp:
    ask = Lookup(**{"method": "GET", "url": f"http://{host}:{server.port}/{kind}", "timeout_s": 3} | more)
    return await Lookups(allowed).look_up(ask)


async def test_plain_values_of_an_object(server: Server) -> None:
    assert await asked(server, "good") == LookedUp(status=200, fields={"level": "gold", "n": "3", "yes": "true"})
    assert await asked(server, "echo", method="POST", body={"a": "\ud800ü\0"[1:]}) == LookedUp(status=200, fields={"a": "ü\0"})
    assert (await asked(server, "missing")).status == 404


async def test_an_answer_in_pieces_is_read_whole(server: Server) -> None:
    assert await asked(server, "pieces") == LookedUp(status=200, fields={"level": "gold"})


@pytest.mark.parametrize("kind", ["huge", "html", "deep", "list", "latin", "empty"])
async def test_anything_else_has_no_fields(server: Server, kind: str) -> None:
    assert await asked(server, kind) == LookedUp(status=200)


async def test_a_redirect_is_not_followed(server: Server) -> None:
    assert (await asked(server, "moved")).status == 302
    assert server.asked == 1


async def test_a_slow_server_is_given_up(server: Server) -> None:
    began = time.monotonic()
    assert await asked(server, "slow", timeout_s=0.3) == FAILED
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0", "[::1]", "[::ffff:127.0.0.1]", "0177.0.0.1", "0.0.0.0"]
)
async def test_our_own_network_is_refused(server: Server, host: str) -> None:
    assert await asked(server, "good", host=host, allowed=("other.example",)) == FAILED
    assert server.asked == 0


async def test_a_name_is_allowed_by_name_alone(server: Server) -> None:
    assert (await asked(server, "good", host="localhost", allowed=("localhost",))).status == 200
    assert await asked(server, "good", host="127.0.0.1", allowed=("localhost",)) == FAILED


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
async def test_a_network_is_allowed_by_whatever_name(server: Server, host: str) -> None:
    assert (await asked(server, "good", host=host, allowed=("127.0.0.0/8", "crm.example"))).status == 200
    assert await asked(server, "good", host=host, allowed=("10.0.0.0/8", "crm.example")) == FAILED


def test_the_setting_holds_names_and_networks() -> None:
    assert Settings(lookup_hosts=["CRM.inside", "10.1.2.3", "10.2.3.4/16", "fd00::/8"]).lookup_hosts == [
        "crm.inside", "10.1.2.3/32", "10.2.0.0/16", "fd00::/8",
    ]  # fmt: skip
    for wrong in ("http://crm", "10.1.2.3/99", "300.1.1.1", "", "a b"):
        with pytest.raises(ValidationError, match="neither a host name nor a network"):
            Settings(lookup_hosts=[wrong])


@pytest.mark.parametrize("url", ["http://a:99999/", "http://[::1/", "http://a..b/", "http://" + "a" * 300 + "/", "http://127.0.0.1:1/"])
async def test_what_can_not_be_asked_is_no_answer(url: str) -> None:
    assert await Lookups(["127.0.0.1"]).look_up(Lookup(method="GET", url=url, timeout_s=1)) == FAILED


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("::127.0.0.1", False),
        ("no address", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@given(st.binary(max_size=300))
def test_no_body_breaks_it(body: bytes) -> None:
    assert isinstance(_fields(body), dict)
