"""The API over real stores: lists and filters, ranges, errors as problem+json, agents added, health and figures."""

from __future__ import annotations

import asyncio
import io

import pytest

from callcenter.basics import clock
from tests.console.site import TOKENS, Site, hidden, show_call, tell_abandoned, tell_answered
from tests.parts.waiting import until

POLYGLOT = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}${7*7}%0d%0a\r\n\t]]>--;drop table calls;'" + "長" * 60


async def test_calls_by_each_filter(site: Site) -> None:
    now = clock.utc_ms()
    told = await tell_answered(site, start_ms=now - 7_200_000)
    left = await tell_abandoned(site)

    async def found(query: str) -> list[str]:
        answer = await (await site.ask("GET", f"/api/v1/calls?{query}")).json()
        return [call["id"] for call in answer["items"]]

    assert await found("") == [left, told.call]
    assert await found("agent=1001") == await found("queue=sales") == await found("outcome=answered") == [told.call]
    assert await found("min_talk_s=10") == [told.call]
    assert await found("number=0218") == [left]
    assert await found("direction=outbound") == []
    hour_ago = clock.from_ms(now - 3_600_000).isoformat().replace("+00:00", "Z")
    assert await found(f"since={hour_ago}") == [left]
    assert await found(f"until={hour_ago}") == [told.call]


async def test_pages_follow_one_another(site: Site) -> None:
    now = clock.utc_ms()
    calls = [await tell_abandoned(site, start_ms=now - 100_000 - number * 1000) for number in range(5)]
    seen, after = [], ""
    while True:
        page = await (await site.ask("GET", f"/api/v1/calls?limit=2&after={after}")).json()
        seen += [call["id"] for call in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == calls


async def test_a_story_has_everything(site: Site) -> None:
    told = await tell_answered(site)
    story = await (await site.ask("GET", f"/api/v1/calls/{told.call}")).json()
    assert {leg["role"] for leg in story["legs"]} == {"caller", "agent"}
    assert [segment["kind"] for segment in story["segments"]][-3:] == ["talking", "held", "talking"]
    kinds = [event["kind"] for event in story["events"]]
    assert kinds[0] == "call_arrived" and kinds.index("offered") > kinds.index("queued")
    assert [(one["id"], one["state"]) for one in story["recordings"]] == [(told.recording, "stored")]


@pytest.mark.parametrize(
    ("header", "status", "part"),
    [
        (None, 200, slice(None)), ("bytes=0-", 206, slice(0, None)), ("bytes=100-199", 206, slice(100, 200)),
        ("bytes=-50", 206, slice(-50, None)), ("bytes=99999999-", 416, None), ("bytes=5-2", 200, slice(None)),
        ("items=0-1", 200, slice(None)), ("bytes=0-1,5-6", 200, slice(None)),
    ],
)  # fmt: skip
async def test_parts_of_a_recording(site: Site, header: str | None, status: int, part: slice | None) -> None:
    told = await tell_answered(site)
    path = f"/api/v1/recordings/{told.recording}/audio"
    whole = await (await site.ask("GET", path)).read()
    assert whole[:4] == b"OggS"
    answer = await site.ask("GET", path, headers={"Range": header} if header else {})
    assert answer.status == status
    if part is not None:
        assert await answer.read() == whole[part]
    if status == 206:
        start = range(len(whole))[part][0] if part else 0
        assert answer.headers["Content-Range"].startswith(f"bytes {start}-") and answer.headers["Content-Range"].endswith(f"/{len(whole)}")


async def test_each_hearing_is_written_down(site: Site) -> None:
    told = await tell_answered(site)
    path = f"/api/v1/recordings/{told.recording}/audio"
    heard = "select who, details from audit where what = 'recordings.hear' and subject = $1 order by id"
    async with site.signed_in("supervisor") as visitor:
        async with visitor.http.head(site.url + path) as told_of:
            assert told_of.status == 200
        await visitor.get(path, headers={"Range": "bytes=99999999-"})
        assert not await site.pool.fetch(heard, told.recording), "nothing was heard"
        parts = ("bytes=500-", "bytes=1-", "bytes=900-999", "bytes=0-", None)
        answers = await asyncio.gather(*(visitor.get(path, headers={"Range": part} if part else {}) for part in parts))
        assert {answer.status for answer in answers} == {200, 206}
        (row,) = await site.pool.fetch(heard, told.recording)
        assert (row["who"], row["details"]["call"]) == ("supervisor:supervisor", told.call)
        await site.ask("GET", path)
        assert len(await site.pool.fetch(heard, told.recording)) == 2, "another person's hearing is another one"
        await site.pool.execute("update audit set at = at - interval '11 minutes' where subject = $1", told.recording)
        await visitor.get(path, headers={"Range": "bytes=7-"})
        assert len(await site.pool.fetch(heard, told.recording)) == 3


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "slug"),
    [
        ("GET", "/api/v1/calls/nothing", None, 404, "not-found"),
        ("GET", "/api/v1/nothing", None, 404, "not-found"),
        ("GET", "/api/v1/calls?limit=5000", None, 400, "bad-request"),
        ("GET", "/api/v1/calls?colour=red", None, 400, "bad-request"),
        ("GET", "/api/v1/calls?since=yesterday", None, 400, "bad-request"),
        ("GET", "/api/v1/calls?after=x", None, 400, "bad-request"),
        ("DELETE", "/api/v1/calls", None, 405, "method-not-allowed"),
        ("PUT", "/api/v1/agents/1001/state", {"state": "asleep"}, 400, "bad-request"),
        ("PUT", "/api/v1/agents/9999/state", {"state": "ready"}, 404, "not-found"),
        ("POST", "/api/v1/agents", {"number": "x"}, 400, "bad-request"),
        ("POST", "/api/v1/agents", {"number": "1001"}, 400, "bad-request"),
        ("POST", "/api/v1/agents", {"number": "1044", "queues": ["no"]}, 400, "bad-request"),
        ("POST", "/api/v1/calls/up/hold", None, 409, "too-late"),
        ("POST", "/api/v1/calls/up/dance", None, 404, "not-found"),
        ("POST", "/api/v1/calls/gone/hangup", None, 404, "not-found"),
        ("GET", "/api/v1/recordings/none/audio", None, 404, "not-found"),
        ("PUT", "/api/v1/flows/main", {"nodes": {}}, 422, "bad-flow"),
        ("PUT", "/api/v1/flows/main", [1], 422, "bad-flow"),
        ("GET", "/api/v1/flows/none", None, 404, "not-found"),
        ("POST", "/api/v1/originate", {"agent": "1001", "to": "x;y"}, 400, "bad-request"),
    ],
)
async def test_errors_say_what_is_wrong(site: Site, method: str, path: str, body: object, status: int, slug: str) -> None:
    await show_call(site, "up")
    answer = await site.ask(method, path, body)
    problem = await answer.json(content_type="application/problem+json")
    assert (answer.status, problem["status"], problem["type"]) == (status, status, slug), problem
    assert problem["title"] and problem["detail"]
    if status == 422:
        assert all(set(fault) == {"place", "reason"} for fault in problem["places"]) and problem["places"]


async def test_broken_bodies_are_refused(site: Site) -> None:
    for data in (b"{", b"[" * 100_000, b"\xff\xfe", b'"text"', b"null"):
        headers = {"Authorization": f"Bearer {TOKENS['admin']}"}
        async with site.http.put(f"{site.url}/api/v1/agents/1001/state", data=data, headers=headers) as answer:
            assert answer.status == 400, data[:10]
    async with site.http.put(f"{site.url}/api/v1/flows/main", data=io.BytesIO(b"x" * 3_000_000), headers=headers) as answer:
        assert answer.status == 413
    for bad in ("Bearer nonsense", "Basic YTpi", "Bearer"):
        async with site.http.get(f"{site.url}/api/v1/live", headers={"Authorization": bad}) as answer:
            assert answer.status == 401 and answer.content_type == "application/problem+json"


async def test_controls_and_click_to_dial_reach_the_calls(site: Site) -> None:
    await show_call(site, "up", agent="1001")
    done = await (await site.ask("POST", "/api/v1/calls/up/hangup")).json()
    assert done == {"id": "up", "phase": "done", "by": "token:admin"}
    begun = await site.ask("POST", "/api/v1/originate", {"agent": "1001", "to": "4001"})
    assert begun.status == 202


async def test_an_agent_is_added_without_a_restart(site: Site) -> None:
    added = await site.ask("POST", "/api/v1/agents", {"number": "1044", "name": "新人", "queues": ["support"]})
    private = await added.json()
    assert added.status == 201 and site.rendered == ["phones"]
    agents = (await (await site.ask("GET", "/api/v1/agents")).json())["items"]
    assert next(agent for agent in agents if agent["number"] == "1044")["queues"] == ["support"]
    async with site.signed_in("1044", private["password"]) as visitor:
        assert (await visitor.get("/live")).status == 200
    async with site.signed_in("admin") as admin:
        page = await admin.post("/agents", {"csrf": await admin.csrf(), "number": "1045", "name": POLYGLOT[:60], "queues": "sales"})
        text = await page.text()
        assert page.status == 200 and "<script>alert" not in text
        again = await admin.post("/agents", {"csrf": hidden(text, "csrf"), "number": "1045"})
        assert again.status == 400


async def test_an_agent_who_can_not_have_a_user_is_not_half_made(site: Site) -> None:
    await site.parts.pool.execute("insert into users (name, role, password, active) values ('1046', 'supervisor', '', false)")
    answer = await site.ask("POST", "/api/v1/agents", {"number": "1046", "queues": ["support"]})
    assert answer.status == 400 and site.rendered == []
    assert not await site.parts.pool.fetchval("select count(*) from agents where number = '1046'")


async def test_states_are_set(site: Site) -> None:
    answer = await site.ask("PUT", "/api/v1/agents/1001/state", {"state": "paused", "reason": "午餐"})
    assert (await answer.json())["mode"] == "paused"

    async def shown() -> bool:
        live = await (await site.ask("GET", "/api/v1/live")).json()
        return any(agent["number"] == "1001" and agent["reason"] == "lunch" for agent in live["agents"])

    await until("the pause on the live screen", shown)


async def test_what_is_set_up_can_be_read(site: Site) -> None:
    queues = (await (await site.ask("GET", "/api/v1/queues")).json())["items"]
    assert [(queue["name"], len(queue["agents"])) for queue in queues] == [("sales", 3), ("support", 0)]
    numbers = (await (await site.ask("GET", "/api/v1/numbers")).json())["items"]
    assert [(number["number"], number["target"]) for number in numbers] == [("4001", "sales")]
    assert (await (await site.ask("GET", "/api/v1/flows")).json())["items"] == []


async def test_health_and_figures(site: Site) -> None:
    async with site.http.get(site.url + "/healthz") as answer:
        assert answer.status == 200 and (await answer.json())["ok"]
    site.well["ari"] = {"ok": False, "error": "away"}
    async with site.http.get(site.url + "/healthz") as answer:
        assert answer.status == 503 and (await answer.json())["parts"]["ari"]["error"] == "away"
    async with site.http.get(site.url + "/metrics") as answer:
        text = await answer.text()
        assert "callcenter_http_requests_total" in text and 'callcenter_agents{state="offline"} 3.0' in text
    through_proxy = {"X-Forwarded-For": "203.0.113.9"}
    async with site.http.get(site.url + "/metrics", headers=through_proxy) as answer:
        assert answer.status == 401
    assert (await site.ask("GET", "/metrics", headers=through_proxy)).status == 200
    assert (await site.ask("GET", "/metrics", role="supervisor", headers=through_proxy)).status == 403


async def test_hostile_names_are_shown_as_they_are(site: Site) -> None:
    told = await tell_answered(site, caller="13911112222", name=POLYGLOT)
    await show_call(site, "hostile", caller_name=POLYGLOT + "x" * 10_000)
    async with site.signed_in() as visitor:
        for path in ("/calls", f"/calls/{told.call}", "/live"):
            page = await (await visitor.get(path)).text()
            assert "<script>alert" not in page and "<img src=x" not in page and "&lt;script&gt;alert" in page, path
            assert "49" not in page.split("&lt;script&gt;alert", 1)[1][:60] and "x" * 200 not in page
    listed = await site.ask("GET", "/api/v1/live")
    assert listed.content_type == "application/json" and (await listed.json())["calls"][0]["caller_name"].startswith(POLYGLOT)
    for hostile in ("%", "_", "'", "\\", POLYGLOT[:39]):
        found = await site.ask("GET", "/api/v1/calls", params={"number": hostile})
        assert (await found.json())["items"] == [], hostile


async def test_a_store_that_is_away_is_said_plainly(site: Site) -> None:
    await site.pool.close()
    answer = await site.ask("GET", "/api/v1/calls")
    assert answer.status == 503 and (await answer.json(content_type=None))["type"] == "store-away"
