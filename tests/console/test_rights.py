"""Every route is in the table, every operation has a right for every role, and each role gets just what it may."""

from __future__ import annotations

import re

import pytest

from callcenter.basics.errors import Forbidden
from callcenter.console.api.models import Story
from callcenter.console.rights import RIGHTS, Operation, Person, Reach, Role
from callcenter.console.routes import ROUTES, document
from tests.console.site import Site, show_call, tell_answered


def test_every_operation_says_for_every_role_how_far_it_goes() -> None:
    assert set(RIGHTS) == set(Operation)
    assert all(set(reaches) == set(Role) for reaches in RIGHTS.values())


def test_every_operation_is_asked_by_a_route_or_within_one() -> None:
    assert set(Operation) - {route.operation for route in ROUTES} == {Operation.METRICS_SEE}


def test_no_route_is_there_twice_and_public_ones_are_few() -> None:
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    assert {route.path for route in ROUTES if route.operation is Operation.PUBLIC} == {
        "/signin", "/language", "/healthz", "/metrics", "/api/v1/openapi.json",
    }  # fmt: skip


def test_own_means_ones_own_job_number() -> None:
    agent = Person(name="1001", role=Role.AGENT, agent="1001")
    assert agent.may(Operation.AGENTS_STATE, "1001")
    assert not agent.may(Operation.AGENTS_STATE, "1002")
    assert not Person(name="t", role=Role.AGENT, is_token=True).may(Operation.AGENTS_STATE, "")
    with pytest.raises(Forbidden):
        agent.must(Operation.AGENTS_CHANGE)


def test_openapi_tells_of_every_api_route_and_of_no_other() -> None:
    told = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    there = {(route.method, route.path) for route in ROUTES if route.is_api and route.path != "/api/v1/openapi.json"}
    assert told == there
    schemas = document()["components"]["schemas"]
    refs = re.findall(r"#/components/schemas/(\w+)", repr(document()))
    assert set(refs) <= set(schemas)


async def test_each_role_gets_just_what_it_may(site: Site) -> None:
    """For every route that needs a right: 401 without a token, 403 where the table says nothing, else neither."""
    wrong = []
    for route in ROUTES:
        if route.operation is Operation.PUBLIC or route.path == "/live/stream":
            continue
        path = re.sub(r"\{(\w+)\}", "1001", route.path)
        async with site.http.request(route.method, site.url + path, allow_redirects=False) as answer:
            if answer.status != (401 if route.is_api else 303):
                wrong.append((route.path, "nobody", answer.status))
        for role in Role:
            status = (await site.ask(route.method, path, {}, role=role)).status
            is_refused = RIGHTS[route.operation][role] is Reach.NONE
            if is_refused != (status == 403) and RIGHTS[route.operation][role] is not Reach.OWN:
                wrong.append((route.path, role, status))
            if status >= 500:
                wrong.append((route.path, role, status))
    assert not wrong


async def test_an_agent_sees_and_hears_only_own_calls(site: Site) -> None:
    mine, other = await tell_answered(site, agent="1001"), await tell_answered(site, agent="1002")
    await show_call(site, "theirs", agent="1002", phase="conversation")
    async with site.signed_in("1001") as agent:
        listed = await (await agent.get("/api/v1/calls")).json()
        assert [call["id"] for call in listed["items"]] == [mine.call]
        assert (await (await agent.get("/api/v1/calls?agent=1002")).json())["items"] == []
        assert (await agent.get(f"/calls/{mine.call}")).status == 200
        assert (await agent.get(f"/calls/{other.call}")).status == 403
        assert (await agent.get(f"/api/v1/calls/{other.call}")).status == 403
        assert (await agent.get(f"/api/v1/recordings/{mine.recording}/audio")).status == 200
        assert (await agent.get(f"/api/v1/recordings/{other.recording}/audio")).status == 403
        assert (await (await agent.get("/api/v1/live")).json())["calls"] == []
        assert "theirs" not in await (await agent.get("/live")).text()
        csrf = await agent.csrf()
        assert (await agent.post("/agents/1002/state", {"csrf": csrf, "state": "ready"})).status == 403
        assert (await agent.post("/agents/1001/state", {"csrf": csrf, "state": "ready"})).status == 303
        headers = {"X-CSRF-Token": csrf}
        assert (await agent.post("/api/v1/calls/theirs/hangup", b"{}", headers=headers)).status == 403


async def test_answers_are_what_openapi_says(site: Site) -> None:
    told = await tell_answered(site)
    Story.model_validate(await (await site.ask("GET", f"/api/v1/calls/{told.call}")).json())
