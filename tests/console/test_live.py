"""The live stream: a snapshot, rows as they change, only what one may see; and the pages in a real browser."""

from __future__ import annotations

import gzip
import re

import pytest
from playwright.async_api import Browser, expect

from callcenter.basics import clock
from callcenter.live.board import Topic
from tests.console.browsing import signed_in
from tests.console.site import Site, next_row, show_call, stream_of, tell_abandoned, tell_answered
from tests.house_rules.tree import ROOT
from tests.parts.waiting import until


async def test_a_snapshot_and_then_changes(site: Site) -> None:
    await show_call(site, "one")
    async with site.signed_in() as visitor:
        stream = stream_of(visitor)
        kind, first = await anext(stream)
        assert kind == "snapshot" and [row["key"] for row in first["lists"]["calls"]] == ["one"]
        assert [row["key"] for row in first["lists"]["agents"]] == ["1001", "1002", "1003"]
        await show_call(site, "two", caller="13977776666")
        assert "13977776666" in (await next_row(stream, "two"))["html"]
        await site.board.put("calls", "two", None)  # type: ignore[arg-type]
        assert (await next_row(stream, "two"))["html"] is None
        await stream.aclose()  # type: ignore[attr-defined]


async def test_an_agent_follows_only_own_calls(site: Site) -> None:
    async with site.signed_in("1001") as visitor:
        stream = stream_of(visitor)
        await anext(stream)
        await show_call(site, "theirs", agent="1002", caller="13977776666")
        await show_call(site, "mine", agent="1001")
        seen = []
        async for _, row in stream:
            seen.append(row)
            if row["key"] == "mine":
                break
        assert not any("13977776666" in (row["html"] or "") for row in seen)
        await stream.aclose()  # type: ignore[attr-defined]


def test_scripts_are_small() -> None:
    built = list((ROOT / "web" / "static" / "vendor").glob("*.js"))
    assert built and sum(len(gzip.compress(path.read_bytes())) for path in built) < 150_000


async def test_a_call_appears_and_goes_without_reload(site: Site, browser: Browser) -> None:
    page = await signed_in(browser, site)
    await expect(page.locator("[data-empty=calls]")).to_be_visible()
    await show_call(site, "fresh", caller="13912345678", caller_name="<b>bold</b>")
    row = page.locator("#calls tr", has_text="13912345678")
    await expect(row).to_be_visible()
    await expect(row).to_contain_text("<b>bold</b>")
    await expect(page.locator("[data-count='#calls > [data-key]']")).to_have_text("1")
    await show_call(site, "fresh", caller="13912345678", phase="conversation", agent="1001")
    await expect(row).to_contain_text("Conversation")
    await site.acd.set_reachable("1001", True)
    await site.acd.set_state("1001", "ready", "", "test")
    await expect(page.locator("#agents [data-key='1001']")).to_contain_text("Ready")
    await site.board.put("calls", "fresh", None)  # type: ignore[arg-type]
    await expect(row).to_have_count(0)
    assert page.console_errors == []  # type: ignore[attr-defined]
    await page.context.close()


async def test_a_lost_connection_is_said_and_mended(site: Site, browser: Browser) -> None:
    page = await signed_in(browser, site)
    await expect(page.locator("#agents [data-key]")).to_have_count(3)
    await site.stop_serving()
    await expect(page.locator("#lost")).to_be_visible()
    await show_call(site, "meanwhile", caller="13900008888")
    await site.serve()
    await expect(page.locator("#calls tr", has_text="13900008888")).to_be_visible(timeout=15_000)
    await expect(page.locator("#lost")).to_be_hidden()
    await page.context.close()


async def test_a_call_is_found_and_its_recording_plays(site: Site, browser: Browser) -> None:
    told = await tell_answered(site)
    await tell_abandoned(site)
    page = await signed_in(browser, site)
    await page.click("nav a[href='/calls']")
    await expect(page.locator("tbody tr")).to_have_count(2)
    await page.select_option("select[name=outcome]", "answered")
    await page.click(".filters button")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.click(".row-link")
    await page.wait_for_url(f"**/calls/{told.call}")
    await expect(page.locator(".timeline rect.bar-talking")).to_have_count(2)
    await expect(page.locator(".player.has-wave")).to_be_visible()
    await page.evaluate("document.querySelector('audio').muted = true, document.querySelector('audio').play()")
    await until("the audio playing", lambda: page.evaluate("document.querySelector('audio').currentTime > 0.3"))
    await page.evaluate("document.querySelector('audio').currentTime = 20")
    await until("the audio playing from 0:20 on", lambda: page.evaluate("document.querySelector('audio').currentTime > 20.2"))
    assert await page.evaluate("document.querySelector('audio').error") is None
    assert abs(await page.evaluate("document.querySelector('audio').duration") - 25) < 0.5
    assert page.console_errors == []  # type: ignore[attr-defined]
    await page.context.close()


@pytest.mark.parametrize(("locale", "heading"), [("zh-CN", "实时"), ("en-GB", "Live")])
@pytest.mark.parametrize("width", [390, 1280])
async def test_pages_fit_and_speak_the_language(site: Site, browser: Browser, locale: str, heading: str, width: int) -> None:
    told = await tell_answered(site, name="A rather long caller's name that goes on and on")
    await show_call(site, "now", caller_name="x" * 300)
    page = await signed_in(browser, site, locale, width)
    await expect(page.locator("h1")).to_have_text(heading)
    for path in ("/live", "/calls", f"/calls/{told.call}", "/agents", "/reports", "/reports?by=hour", "/prompts"):
        await page.goto(site.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the window"
    assert page.console_errors == []  # type: ignore[attr-defined]
    await page.context.close()


async def test_the_language_is_switched_by_a_click(site: Site, browser: Browser) -> None:
    page = await signed_in(browser, site, "zh-CN")
    await page.click("button[value=en]")
    await expect(page.locator("h1")).to_have_text("Live")
    await page.context.close()


async def test_wrap_up_counts_down_and_a_pause_that_is_too_long_says_so(site: Site, browser: Browser) -> None:
    now = clock.utc_ms()
    page = await signed_in(browser, site, "en-GB")
    for number, state, until_ms in (("1001", "wrapup", now + 90_000), ("1002", "paused", now - 65_000)):
        agent = {"number": number, "name": "N", "state": state, "reason": "", "since_ms": now, "reachable": True, "until_ms": until_ms}
        await site.board.put(Topic.AGENTS, number, agent)
    wrapping, resting = (page.locator(f"#agents [data-key='{number}'] .until") for number in ("1001", "1002"))
    await expect(wrapping).to_have_text(re.compile(r"^1:[0-3]\d left$"))
    await expect(resting).to_have_text(re.compile(r"^1:[01]\d too long$"))
    await expect(resting).to_have_class(re.compile("over"))
    await expect(wrapping).not_to_have_class(re.compile("over"))
    await page.context.close()
