"""Trunks by API on a running centre. The provider is a second Asterisk: it challenges, takes our registration, and calls by it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.asterisk_conf.private_asterisk import PrivateAsterisk, StasisApp, raw_request
from tests.calls.books import events
from tests.calls.words import given_flow
from tests.parts.centre import Centre, private_centre
from tests.parts.hearing import hears_tone
from tests.parts.rtp import tone
from tests.parts.softphone import Phone
from tests.parts.waiting import until

ABROAD = "+14155550100"
STRANGER = "127.0.0.9"


@pytest.fixture(scope="module")
async def centre() -> AsyncIterator[Centre]:
    async with private_centre() as running:
        yield running


@pytest.fixture(scope="module")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PrivateAsterisk]:
    """Somebody else's Asterisk, at which ``1001`` is an account with the password ``phone-1001``."""
    async with PrivateAsterisk(tmp_path_factory.mktemp("provider")) as asterisk:
        yield asterisk


@contextlib.asynccontextmanager
async def trunk(centre: Centre, name: str, **fields: Any) -> AsyncIterator[dict[str, Any]]:
    """A trunk as long as the block; what the API says of it."""
    try:
        yield await centre.api("PUT", f"trunks/{name}", fields)
    finally:
        with contextlib.suppress(Exception):
            await centre.api("DELETE", f"trunks/{name}")


def account(provider: PrivateAsterisk, password: str = "phone-1001") -> dict[str, Any]:
    host, port = provider.agents_at
    return {"host": host, "port": port, "username": "1001", "password": password, "main_number": "4001"}


async def registration_is(centre: Centre, name: str, wanted: str) -> None:
    async def is_so() -> bool:
        return bool((await centre.api("GET", f"trunks/{name}"))["registration"] == wanted)

    await until(f"{name} {wanted}", is_so, 15)


async def test_registered_it_brings_calls_in(centre: Centre, provider: PrivateAsterisk) -> None:
    async with (
        StasisApp(provider) as app,
        trunk(centre, "acme", **account(provider), registers=True) as told,
        centre.ready_agent() as agent,
    ):
        assert (told["has_password"], "password" in told, told["position"]) == (True, False, 100)
        await registration_is(centre, "acme", "registered")
        await provider.ari("POST", "/channels", endpoint="PJSIP/1001", app=app.name, channelId="in-1", callerId="13800138111")
        ringing = await agent.rings()
        await ringing.answer()
        await centre.phase_of("13800138111", "conversation")
        await provider.ari("DELETE", "/channels/in-1")
        await ringing.ended()
        story = await centre.story("13800138111")
    assert (story["call"]["trunk"], story["call"]["dialled"], story["call"]["outcome"]) == ("acme", "4001", "answered")

    async def is_gone() -> bool:
        return "PJSIP/1001" not in await provider.console("core show channels concise")

    await until("the provider's channel has ended", is_gone)


async def test_a_call_out_answers_the_challenge_and_outlives_every_change(centre: Centre, provider: PrivateAsterisk) -> None:
    rules = {"called_rules": [{"begins": "+1", "becomes": "001"}]}
    async with StasisApp(provider) as app, trunk(centre, "acme", **account(provider), **rules), centre.caller() as caller:
        await given_flow(centre, "4110", out={"type": "number", "number": ABROAD})
        call = await caller.dial("4110")
        arrived = (await app.arrival())["channel"]
        assert arrived["name"].startswith("PJSIP/1001-") and arrived["dialplan"]["exten"] == "0014155550100"
        await provider.ari("POST", f"/channels/{arrived['id']}/answer")
        await centre.phase_of(caller.number, "conversation")
        await provider.ari("POST", f"/channels/{arrived['id']}/play", media="tone:880/8000")
        await call.hears("the number outside", lambda heard: hears_tone(heard[-4000:], 880))
        changed = await centre.api("PUT", "trunks/acme", {**account(provider), "codecs": ["ulaw"], "position": 7, "password": None})
        assert changed["has_password"] and changed["position"] == 7
        await centre.api("PUT", "trunks/other", {"host": "127.0.0.1", "port": 9, "networks": ["192.0.2.0/24"]})
        await centre.api("DELETE", "trunks/other")
        await centre.api("DELETE", "trunks/acme")
        await until("the endpoint is gone", lambda: _is_unknown(centre, "out-acme"))
        spoken = len(call.voice.ear.heard())
        await until("it goes on being heard", lambda: len(call.voice.ear.heard()) > spoken + 8000)
        assert hears_tone(call.voice.ear.heard()[spoken:], 880), "the changes made a gap"
        await call.hang_up()
        story = await centre.story(caller.number)
    (leg,) = [leg for leg in story["legs"] if leg["role"] == "outside"]
    assert (story["call"]["outcome"], story["call"]["ended_by"], leg["party"]) == ("answered", "caller", ABROAD)


async def _is_unknown(centre: Centre, endpoint: str) -> bool:
    return "Unable to find" in await centre.asterisk(f"pjsip show endpoint {endpoint}")


async def test_a_wrong_password_is_seen_and_put_right(centre: Centre, provider: PrivateAsterisk) -> None:
    async with trunk(centre, "acme", **account(provider, "wrong-password"), registers=True):
        await registration_is(centre, "acme", "rejected")
        assert 'callcenter_trunk_registered{trunk="acme"} 0.0' in await centre.metrics()
        await centre.api("PUT", "trunks/acme", {**account(provider), "registers": True})
        await registration_is(centre, "acme", "registered")
        assert 'callcenter_trunk_registered{trunk="acme"} 1.0' in await centre.metrics()
        assert (await centre.api("PUT", "trunks/acme", {**account(provider), "registers": True, "enabled": False}))["registration"] is None

        async def is_taken_back() -> bool:
            return "sip:4001@" not in await provider.console("pjsip show contacts")

        await until("the registration is taken back", is_taken_back)


async def test_known_by_address(centre: Centre) -> None:
    uri = "sip:4001@{}:{}".format(*centre.trunk)
    assert await raw_request(centre.trunk, uri, user="13800138222", source=STRANGER, method="OPTIONS")() in (401, 403)
    networks = {"networks": ["127.0.0.0/8"], "dialled_rules": [{"begins": "0217770", "becomes": "4"}], "main_number": "4002"}
    async with trunk(centre, "pbx", **networks), centre.caller() as caller, centre.caller() as other:
        assert await raw_request(centre.trunk, uri, user="13800138222", source=STRANGER, method="OPTIONS")() not in (401, 403)
        for phone, dialled, ours in ((caller, "0217770001", "4001"), (other, "99999999", "4002")):
            call = await phone.dial(dialled)
            await centre.phase_of(phone.number, "queue")
            await call.hang_up()
            story = await centre.story(phone.number)
            assert (story["call"]["trunk"], story["call"]["dialled"]) == ("pbx", ours)
            assert events(story, "queued")
    assert await raw_request(centre.trunk, uri, user="13800138222", source=STRANGER, method="OPTIONS")() in (401, 403)


async def test_known_by_password_at_the_phones_port(centre: Centre) -> None:
    """Whatever number it says is calling, even an agent's."""
    async with trunk(centre, "branch", signs_in=True, inbound_password="branch-secret") as told:
        assert told["signs_in_as"] == "trunk-branch" and "inbound_password" not in told
        for number, password, status in (
            ("13800138333", "branch-secret", 200),
            ("1002", "branch-secret", 200),
            ("13800138444", "guessed", 401),
        ):
            async with Phone("trunk-branch", server=centre.sip) as pbx:
                pbx.password = password
                call = await pbx.dial("4001", from_value=f"<sip:{number}@127.0.0.1>")
                if status == 401:
                    await until("refused", lambda call=call: call.status == 401)  # type: ignore[misc]
                else:
                    await centre.phase_of(number, "queue")
                    call.say(tone(440))
                    await call.hang_up()
                    story = await centre.story(number)
                    assert (story["call"]["trunk"], story["call"]["direction"]) == ("branch", "inbound")
                pbx.password = None
