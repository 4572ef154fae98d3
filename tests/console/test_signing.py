"""Signing in: sessions, forged forms, guessing, and what headers go with every answer."""

from __future__ import annotations

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.basics.errors import BadRequest, NotFound
from callcenter.console import accounts, throttle
from callcenter.console.pages.signing import safe_target
from callcenter.live import keys
from tests.console.site import PASSWORD, Site, Visitor, hidden


async def test_signing_in_and_out(site: Site) -> None:
    async with site.signed_in() as visitor:
        assert (await visitor.get("/live")).status == 200
        before = {cookie.key: cookie.value for cookie in visitor.http.cookie_jar}
        assert (await visitor.post("/signout", {"csrf": await visitor.csrf()})).status == 303
        visitor.http.cookie_jar.update_cookies({"cc_session": before["cc_session"]}, aiohttp.client.URL(visitor.url))
        assert (await visitor.get("/live")).headers["Location"] == "/signin"


async def test_the_cookie_is_out_of_reach_and_changes_at_each_sign_in(site: Site) -> None:
    async with site.signed_in() as visitor:
        first = next(cookie for cookie in visitor.http.cookie_jar if cookie.key == "cc_session")
        assert first["httponly"] and first["samesite"] == "Lax"
        page = await site.http.get(visitor.url + "/signin")
        token, cookies = hidden(await page.text(), "csrf"), {cookie.key: cookie.value for cookie in page.cookies.values()}
        form = {"csrf": token, "name": "supervisor", "password": PASSWORD}
        header = {"Cookie": "; ".join(f"{name}={value}" for name, value in (cookies | {"cc_session": first.value}).items())}
        async with site.http.post(visitor.url + "/signin", data=form, headers=header, allow_redirects=False) as answer:
            assert answer.cookies["cc_session"].value != first.value
        assert (await visitor.get("/live")).status == 303, "the session before it ended"


async def test_a_new_password_ends_open_sessions(site: Site) -> None:
    async with site.signed_in("supervisor") as visitor:
        await accounts.set_password(site.pool, "supervisor", "another long password")
        assert (await visitor.get("/live")).status == 303
        assert (await visitor.sign_in("supervisor", PASSWORD)).status == 401
        assert (await visitor.sign_in("supervisor", "another long password")).status == 303


async def test_forged_forms_are_refused(site: Site) -> None:
    async with site.signed_in() as visitor:
        csrf = await visitor.csrf()
        assert (await visitor.post("/agents/1001/state", {"state": "paused"})).status == 403
        assert (await visitor.post("/agents/1001/state", {"state": "paused", "csrf": "x" * 32})).status == 403
        foreign = {"Origin": "https://evil.example"}
        assert (await visitor.post("/agents/1001/state", {"state": "paused", "csrf": csrf}, headers=foreign)).status == 403
        crossing = {"Sec-Fetch-Site": "cross-site"}
        assert (await visitor.post("/agents/1001/state", {"state": "paused", "csrf": csrf}, headers=crossing)).status == 403
        async with visitor.http.put(visitor.url + "/api/v1/agents/1001/state", json={"state": "paused"}) as answer:
            assert answer.status == 403
        assert (await visitor.post("/agents/1001/state", {"state": "paused", "csrf": csrf})).status == 303
    async with aiohttp.ClientSession() as http:
        stranger = Visitor(site.url, http)
        assert (await stranger.post("/signin", {"name": "admin", "password": PASSWORD})).status == 403
    assert [agent.mode for agent in await site.acd.agents() if agent.number == "1001"] == ["paused"]


def test_waiting_grows_and_ends() -> None:
    waits = [throttle.wait_s(failures) for failures in range(30)]
    assert waits[:5] == [0] * 5 and waits == sorted(waits) and waits[-1] == throttle.LONGEST_S


async def test_guessing_is_slowed_down_and_locks_nobody_else_out(site: Site) -> None:
    async with site.signed_in("admin"), aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        guesser = Visitor(site.url, http)
        answers = [(await guesser.sign_in("supervisor", f"guess {number}")).status for number in range(throttle.FREE_TRIES + 1)]
        assert answers == [401] * throttle.FREE_TRIES + [429]
        refused = await guesser.sign_in("supervisor", PASSWORD)
        assert refused.status == 429 and int(refused.headers["Retry-After"]) <= throttle.LONGEST_S
        assert (await guesser.sign_in("1001", PASSWORD)).status == 303, "other names are free"


async def test_a_browser_that_was_here_before_is_not_locked_out_by_a_neighbour(site: Site) -> None:
    async with site.signed_in("supervisor") as known, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        guesser = Visitor(site.url, http)
        for number in range(throttle.FREE_TRIES + 1):
            await guesser.sign_in("supervisor", f"guess {number}")
        await known.post("/signout", {"csrf": await known.csrf()})
        assert (await known.sign_in("supervisor", PASSWORD)).status == 303


@pytest.mark.parametrize("name", ["", "nobody", "admin' or 1=1 --", "x" * 5000, "\x00", "админ", "<script>"])
async def test_odd_names_are_just_wrong(site: Site, name: str) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        answer = await Visitor(site.url, http).sign_in(name, "wrong password")
        assert answer.status == 401
        assert "<script>" not in (await answer.text()).replace('<script type="module"', "")


async def test_accounts_are_checked(site: Site) -> None:
    for wrong in ({"role": "king"}, {"password": "short"}, {"name": "a b"}, {"role": "agent"}, {"name": "admin"}, {"language": "fr"}):
        with pytest.raises(BadRequest):
            await accounts.add_user(site.pool, **{"name": "new", "role": "admin", "password": PASSWORD} | wrong)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        await accounts.add_user(site.pool, name="new", role="agent", agent="4711", password=PASSWORD)
    with pytest.raises(NotFound):
        await accounts.set_password(site.pool, "nobody", PASSWORD)
    person = await accounts.verify(site.pool, "1001", PASSWORD)
    assert person is not None and (person.role, person.agent, person.label) == ("agent", "1001", "agent:1001")
    token = await accounts.add_token(site.pool, title="x", role="supervisor")
    found = await accounts.verify_token(site.pool, token)
    assert found is not None and found.label == "token:x"
    assert await accounts.verify_token(site.pool, token[:-1]) is None


async def test_only_digests_are_kept(site: Site) -> None:
    async with site.signed_in() as visitor:
        cookie = next(cookie.value for cookie in visitor.http.cookie_jar if cookie.key == "cc_session")
        stored = [key async for key in site.redis.scan_iter(keys.session("*"))]
        assert stored and not any(cookie.encode() in key for key in stored)
    assert not await site.pool.fetchval("select count(*) from users where password not like '$argon2id$%'")


async def test_security_headers_are_on_everything(site: Site) -> None:
    for path in ("/signin", "/nothing", "/healthz", "/api/v1/calls", "/static/none.js"):
        async with site.http.get(site.url + path, allow_redirects=False) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "unsafe-inline" not in policy and "script-src 'self';" in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@given(st.text())
def test_after_signing_in_one_stays_here(text: str) -> None:
    target = safe_target(text)
    assert target.startswith("/") and not target.startswith(("//", "/\\")) and "\n" not in target


@pytest.mark.parametrize("text", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:alert(1)"])
def test_other_sites_are_no_target(text: str) -> None:
    assert safe_target(text) == "/"
