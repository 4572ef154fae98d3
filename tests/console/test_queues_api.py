"""Queues, skills and reasons to pause by the API: made, changed, refused with place and reason, in use."""

from __future__ import annotations

from typing import Any

from tests.console.site import Site

URL = "/api/v1/queues/gas"
GAS = {"title": "送气", "strategy": "fewest_calls", "rules": {"rings": [{"after_s": 0, "need": {"gas": 2}}, {"after_s": 20}]}}


async def _told(site: Site, subject: str) -> list[dict[str, Any]]:
    rows = await site.pool.fetch("select details from audit where subject = $1 order by id", subject)
    return [dict(row["details"]) for row in rows]


async def test_a_queue_is_made_changed_and_removed_and_each_is_written_down(site: Site) -> None:
    assert (await site.ask("PUT", "/api/v1/skills/gas", {"title": "燃气"})).status == 200
    made = await site.ask("PUT", URL, GAS)
    assert made.status == 201, await made.text()
    row = await made.json()
    assert (row["strategy"], row["rules"]["rings"][0]["need"], row["agents"]) == ("fewest_calls", {"gas": 2}, [])
    assert (await site.ask("PUT", f"{URL}/agents/1001", {"penalty": 2, "weight": 3})).status == 200
    changed = await site.ask("PUT", URL, GAS | {"strategy": "ring_all"})
    assert changed.status == 200
    assert (await changed.json())["agents"] == [{"agent": "1001", "penalty": 2, "weight": 3, "position": 0}]
    assert site.acd.queue("gas").strategy == "ring_all"
    assert list((await site.acd.agent_now("1001")).queues) == ["gas", "sales"]
    assert (await site.ask("DELETE", f"{URL}/agents/1001")).status == 200
    assert (await site.ask("DELETE", URL)).status == 200
    assert (await site.ask("GET", URL)).status == 404
    told = await _told(site, "queue:gas")
    assert told[0]["changed"]["new"]["title"] == "送气"
    assert told[2]["changed"] == {"strategy": ["fewest_calls", "ring_all"]}
    assert told[-1]["removed"]


async def test_a_queue_that_cannot_work_is_refused_with_each_place_and_reason(site: Site) -> None:
    answer = await site.ask("PUT", URL, {"title": "x", "strategy": "best", "ring_timeout_s": "long", "colour": "red"})
    assert answer.status == 422
    assert {fault["place"] for fault in (await answer.json())["places"]} == {"strategy", "ring_timeout_s", "colour"}
    answer = await site.ask("PUT", URL, GAS | {"ring_timeout_s": 1})
    assert {fault["place"] for fault in (await answer.json())["places"]} == {"rules.rings.0.need.gas", "ring_timeout_s"}
    assert (await site.ask("PUT", URL, GAS | {"name": "other"})).status == 422
    assert (await site.ask("PUT", URL, [])).status == 422
    assert (await site.ask("GET", URL)).status == 404


async def test_what_leads_to_a_queue_keeps_it(site: Site) -> None:
    answer = await site.ask("DELETE", "/api/v1/queues/sales")
    assert answer.status == 409
    assert "number 4001" in (await answer.json())["detail"]
    rule = {"when": "no_agents", "to": "queue", "target": "support"}
    assert (await site.ask("PUT", URL, {"title": "x", "rules": {"overflow": [rule]}})).status == 201
    answer = await site.ask("DELETE", "/api/v1/queues/support")
    assert answer.status == 409 and "queue gas" in (await answer.json())["detail"]


async def test_skills_are_given_as_a_whole(site: Site) -> None:
    for skill in ("gas", "english"):
        assert (await site.ask("PUT", f"/api/v1/skills/{skill}", {"title": skill})).status == 200
    assert (await site.ask("PUT", "/api/v1/agents/1001/skills", {"gas": 3, "english": 1})).status == 200
    assert (await site.ask("PUT", "/api/v1/agents/1001/skills", {"gas": 5})).status == 200
    assert site.acd.agent("1001").skills == {"gas": 5}
    listed = (await (await site.ask("GET", "/api/v1/skills")).json())["items"]
    assert [(skill["name"], skill["agents"]) for skill in listed] == [("english", {}), ("gas", {"1001": 5})]
    assert (await site.ask("PUT", "/api/v1/agents/1001/skills", {"gas": 11})).status == 400
    assert (await site.ask("PUT", "/api/v1/agents/1001/skills", {"water": 1})).status == 400
    assert (await site.ask("PUT", "/api/v1/agents/9999/skills", {"gas": 1})).status == 404
    assert (await site.ask("PUT", "/api/v1/skills/Gas!", {})).status == 400
    assert (await site.ask("PUT", URL, GAS)).status == 201
    assert (await site.ask("DELETE", "/api/v1/skills/gas")).status == 409
    assert (await site.ask("DELETE", "/api/v1/skills/english")).status == 200
    assert (await site.ask("DELETE", "/api/v1/skills/english")).status == 404


async def test_reasons_to_pause(site: Site) -> None:
    url = "/api/v1/pause-reasons/prayer"
    assert (await site.ask("PUT", url, {"title_zh": "祷告", "title_en": "Prayer", "limit_s": 600, "ends": True})).status == 200
    answer = await site.ask("PUT", "/api/v1/agents/1002/state", {"state": "paused", "reason": "Prayer"})
    assert (await answer.json())["reason"] == "prayer"
    assert (await site.ask("PUT", url, {"title_zh": "祷告", "title_en": "Prayer", "ends": True})).status == 400
    listed = (await (await site.ask("GET", "/api/v1/pause-reasons", role="agent")).json())["items"]
    assert {"lunch", "prayer"} <= {reason["name"] for reason in listed}
    assert (await site.ask("DELETE", url)).status == 200
    assert (await site.ask("DELETE", url)).status == 404


async def test_who_does_not_wait_is_neither_explained_nor_moved_forward(site: Site) -> None:
    assert (await site.ask("GET", "/api/v1/calls/none/explanation")).status == 409
    assert (await site.ask("POST", "/api/v1/agents/1001/wrapup/extend")).status == 409
    assert (await site.ask("POST", "/api/v1/agents/9999/wrapup/extend")).status == 404
