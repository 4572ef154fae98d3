"""Reports as API and page show them: the same numbers, their formula beside them, nothing for agents' eyes."""

from __future__ import annotations

import html
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.basics import clock
from callcenter.basics.vocabulary import Language
from callcenter.console.api.report_models import AgentReport, FormulaList, PromiseReport, QueueReport
from callcenter.console.app import WEB
from callcenter.console.languages import load
from callcenter.console.pages.reports import value_text
from callcenter.reports.service_level import FORMULAS, Unit
from tests.console.site import Site, tell_abandoned, tell_answered
from tests.reports.queue_log_reader import read, stories_hold

WORDS = load(WEB / "locale", "Asia/Shanghai")


async def _around_now(path: str, site: Site, **more: str) -> dict:  # type: ignore[type-arg]
    now = clock.utc_now()
    params = {"from": (now - timedelta(hours=1)).isoformat(), "to": (now + timedelta(hours=1)).isoformat(), **more}
    answer = await site.ask("GET", path, params=params, role="supervisor")
    assert answer.status == 200, answer.content
    return await answer.json()


async def test_queues(site: Site) -> None:
    await tell_answered(site)
    await tell_abandoned(site)
    told = await _around_now("/api/v1/reports/queues", site, threshold_s="12", agents="2")
    QueueReport.model_validate(told)
    rows = {row["queue"]: row for row in told["items"]}
    assert set(rows) == {"", "sales", "support"}
    sales = rows["sales"]
    assert (sales["counts"]["answered"], sales["counts"]["talk_ms"], sales["counts"]["hold_ms"]) == (1, 20_000, 5_000)
    assert (sales["counts"]["wait_answered_ms"], sales["counts"]["announce_ms"]) == (11_500, 4_000)
    assert sales["formulas"]["app_queue_sl"] == {"value": 1.0, "part": 1, "whole": 1}
    assert sales["formulas"]["asa"]["value"] == 15_500
    assert sales["formulas"]["aht"]["value"] == 30_000
    assert rows["support"]["formulas"]["app_queue_sl"]["value"] is None
    assert rows[""]["formulas"]["app_queue_sl2"] == {"value": 0.5, "part": 1, "whole": 2}
    assert 0 < rows[""]["formulas"]["erlang_c"]["value"] < 1
    stricter = await _around_now("/api/v1/reports/queues", site, threshold_s="11", queue="sales", by="hour")
    assert [(row["queue"], row["formulas"]["plain_sl"]["part"]) for row in stricter["items"]] == [("sales", 0)]


async def test_promised_waits(site: Site) -> None:
    await tell_answered(site)
    told = await _around_now("/api/v1/reports/promises", site)
    PromiseReport.model_validate(told)
    assert told["items"] == []
    assert (await site.ask("GET", "/api/v1/reports/promises?queue=Sales")).status == 400
    assert (await site.ask("GET", "/api/v1/reports/promises", role="agent")).status == 403


async def test_agents_and_formulas(site: Site) -> None:
    await tell_answered(site)
    told = await _around_now("/api/v1/reports/agents", site)
    AgentReport.model_validate(told)
    rows = {row["agent"]: row for row in told["items"]}
    assert set(rows) == {"1001", "1002", "1003"}
    counts = rows["1001"]["counts"]
    assert (counts["offers"], counts["answered"], counts["handled"], counts["missed"]) == (1, 1, 1, 0)
    assert rows["1001"]["formulas"]["aht"]["value"] == 30_000
    assert rows["1002"]["formulas"]["aht"]["value"] is None
    past_ms = 3_600_000
    assert all(abs(sum(row["states_ms"].values()) - past_ms) < 60_000 for row in told["items"])
    only = await _around_now("/api/v1/reports/agents", site, agent="1002")
    assert [row["agent"] for row in only["items"]] == ["1002"]
    listed = await (await site.ask("GET", "/api/v1/reports/formulas")).json()
    FormulaList.model_validate(listed)
    assert [row["name"] for row in listed["items"]] == list(FORMULAS)


@pytest.mark.parametrize(
    "query",
    [
        "from=2024-02-01&to=2024-01-01", "from=0001-01-01", "to=9999-12-31T23:59:59", "threshold_s=-1", "by=week", "queue=%00", "agents=x",
        "from=nonsense", "from=2020-01-01&to=2024-01-01&by=day", "since=2024-01-01", "threshold_s=99999999999999999999",
    ],
)  # fmt: skip
async def test_what_can_not_be_asked_is_refused(site: Site, query: str) -> None:
    answer = await site.ask("GET", f"/api/v1/reports/queues?{query}")
    assert (answer.status, answer.content_type) == (400, "application/problem+json"), answer.content


async def test_the_queue_log(site: Site) -> None:
    await tell_answered(site)
    await tell_abandoned(site)
    async with site.signed_in("supervisor") as visitor:
        page = await (await visitor.get("/reports")).text()
        path = html.unescape(page.split('download="queue_log" href="', 1)[1].split('"', 1)[0])
        assert (await visitor.get(path)).status == 200
    now = clock.utc_now()
    params = {"from": (now - timedelta(hours=1)).isoformat(), "to": now.isoformat()}
    answer = await site.ask("GET", "/api/v1/reports/queue_log", params=params)
    assert (answer.status, answer.content_type) == (200, "text/plain")
    entries = read(answer.content.decode())
    stories_hold(entries)
    assert sorted(entry.event for entry in entries) == ["ABANDON", "COMPLETECALLER", "CONNECT", "ENTERQUEUE", "ENTERQUEUE"]
    quiet = await site.ask("GET", "/api/v1/reports/queue_log?from=2020-01-01&to=2020-01-02")
    assert (quiet.status, quiet.content) == (200, b"")
    for wrong in ("from=2020-01-02&to=2020-01-01", "from=2020-01-01&to=2020-01-01", "from=1971-01-01&to=2020-01-01"):
        assert (await site.ask("GET", f"/api/v1/reports/queue_log?{wrong}")).status == 400, wrong
    assert (await site.ask("GET", "/api/v1/reports/queue_log", role="agent")).status == 403


async def test_the_page(site: Site) -> None:
    await tell_answered(site)
    await tell_abandoned(site)
    async with site.signed_in("supervisor") as visitor:
        for language, word in (("en", "answered within T ÷ answered"), ("zh", "T 内接听数 ÷ 接听数")):
            await visitor.post("/language", {"csrf": await visitor.csrf(), "language": language, "to": "/reports"})
            page = await (await visitor.get("/reports?formula=app_queue_sl&threshold_s=12")).text()
            assert word in page and "100.0 %" in page and 'aria-current="page"' in page
            assert 'href="/calls?queue=sales' in page
        for by in ("day", "hour"):
            assert (await visitor.get(f"/reports?by={by}")).status == 200
        for wrong in ("day_from=x", "threshold_s=soon", "by=%3Cscript%3E", "day_from=9999-12-31&day_to=9999-12-31"):
            answer = await visitor.get(f"/reports?{wrong}")
            assert answer.status == 400 and "<script>" not in await answer.text(), wrong
    async with site.signed_in("1001") as agent:
        assert (await agent.get("/reports")).status == 403
        assert "/reports" not in await (await agent.get("/agents")).text()


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_rounding_makes_no_all_of_nearly_all_and_no_nothing_of_something(part: int, whole: int) -> None:
    part = min(part, whole)
    shown = value_text(WORDS[Language.EN], Unit.SHARE, Fraction(part, whole))
    assert (shown == "100.0 %") == (part == whole) and (shown == "0.0 %") == (part == 0)
    assert abs(float(shown[:-2]) - 100 * part / whole) <= 0.1
    assert value_text(WORDS[Language.ZH], Unit.SHARE, None) == "–"
