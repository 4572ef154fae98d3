"""Callers by the API: known, found, changed, forgotten, and written down."""

from __future__ import annotations

import pytest

from callcenter.lines.callers import CallerFacts, Callers
from tests.console.site import Site

VIP = {"name": "王女士", "vip": True, "language": "en", "note": "rings at noon"}


async def listed(site: Site, **query: str) -> list[str]:
    answer = await site.ask("GET", "/api/v1/callers", params=query)
    assert answer.status == 200
    return [caller["number"] for caller in (await answer.json())["items"]]


async def test_a_caller_is_known_by_any_spelling_until_forgotten(site: Site) -> None:
    callers = Callers(site.pool)
    saved = await site.ask("PUT", "/api/v1/callers/+8613800138000", VIP)
    assert saved.status == 200 and VIP.items() <= (await saved.json()).items()
    await callers.load()
    assert callers.facts("013800138000") == CallerFacts(vip=True, language="en")  # type: ignore[arg-type]
    assert callers.facts("13800138001") == callers.facts("anonymous") == CallerFacts()
    again = await site.ask("PUT", "/api/v1/callers/13800138000", {"blacklisted": True})
    assert again.status == 200
    assert await listed(site) == ["13800138000"]
    await callers.load()
    assert callers.facts("+8613800138000") == CallerFacts(blacklisted=True)
    gone = await site.ask("DELETE", "/api/v1/callers/008613800138000")
    assert (gone.status, await gone.json()) == (200, {"number": "13800138000"})
    assert (await site.ask("DELETE", "/api/v1/callers/13800138000")).status == 404
    await callers.load()
    assert callers.facts("13800138000") == CallerFacts()
    told = await site.pool.fetch(
        "select who, details from audit where what = 'callers.change' and subject = 'caller:13800138000' order by id"
    )
    assert [row["who"] for row in told] == ["token:admin"] * 3
    assert [row["details"].get("blacklisted", "removed") for row in told] == [False, True, "removed"]


async def test_found_by_part_and_kind_page_by_page(site: Site) -> None:
    for number, known in (("13800000001", VIP), ("13800000002", {"blacklisted": True}), ("+14155550100", {"name": "Bob 100%"})):
        assert (await site.ask("PUT", f"/api/v1/callers/{number}", known)).status == 200
    assert await listed(site, search="王") == await listed(site, vip="true") == ["13800000001"]
    assert await listed(site, search="00000") == ["13800000001", "13800000002"]
    assert await listed(site, blacklisted="true", vip="false") == ["13800000002"]
    assert await listed(site, search="BOB 100%") == ["+14155550100"]
    assert await listed(site, search="_") == await listed(site, search="%2") == []
    seen, after = [], ""
    while after is not None:
        page = await (await site.ask("GET", "/api/v1/callers", params={"limit": "1", "after": after})).json()
        seen += [caller["number"] for caller in page["items"]]
        after = page["next"]
    assert sorted(seen) == ["+14155550100", "13800000001", "13800000002"]


@pytest.mark.parametrize(
    ("number", "body"),
    [
        ("anonymous", {}),
        ("1", {}),
        ("1" * 33, {}),
        ("138*", {}),
        ("138", {"vip": "perhaps"}),
        ("138", {"colour": "red"}),
        ("138", {"language": "fr"}),
        ("138", {"name": "a\u0000b"}),
        ("138", {"name": "x" * 81}),
        ("138", {"note": "x" * 501}),
        ("138", {"note": "a\u202eb"}),
        ("138", {"note": "\ud800"}),
    ],
)
async def test_what_is_no_caller_is_refused(site: Site, number: str, body: object) -> None:
    answer = await site.ask("PUT", f"/api/v1/callers/{number}", body)
    assert (answer.status, (await answer.json())["type"]) == (400, "bad-request")
    assert await listed(site) == []


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "500"}, {"after": "x"}, {"vip": "perhaps"}, {"colour": "red"}, {"search": "\0"}]
)
async def test_odd_questions_are_refused(site: Site, query: dict[str, str]) -> None:
    assert (await site.ask("GET", "/api/v1/callers", params=query)).status == 400
