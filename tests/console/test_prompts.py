"""Prompts by API and page: listed, heard, replaced by recordings that real sox converts, taken back; what is no recording is refused."""

from __future__ import annotations

import hashlib
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from playwright.async_api import Browser, expect
from yarl import URL

from callcenter.basics.vocabulary import Language
from callcenter.console.wording import REFUSALS
from callcenter.ivr import prompts
from callcenter.ivr.own_recordings import LARGEST_UPLOAD, LEVEL_DB
from tests.console.browsing import signed_in
from tests.console.site import TOKENS, Answered, Site, Visitor, hidden
from tests.parts.hearing import hears_tone, loudness
from tests.parts.rtp import Samples
from tests.parts.studio import recording
from tests.parts.waiting import until

PATH = "/api/v1/prompts/zh/welcome"


@pytest.fixture
async def site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The console, with one prompt spoken and one job number."""
    monkeypatch.setattr(prompts, "texts", lambda language: {"welcome": "您好。"} if language is Language.ZH else {})
    await prompts.synthesise(folder(site))
    await prompts.render_job_numbers(folder(site), ["1001"])
    return site


def folder(site: Site) -> Path:
    return site.parts.settings.prompts_dir


def files(site: Site) -> dict[str, str]:
    """Everything that lies there, and what is in it."""
    there = (path for path in folder(site).rglob("*") if path.is_file())
    return {str(path.relative_to(folder(site))): hashlib.sha256(path.read_bytes()).hexdigest() for path in there}


def samples(audio: bytes) -> Samples:
    with wave.open(io.BytesIO(audio)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


async def put(site: Site, path: str, body: Any, *, role: str = "admin", **headers: str) -> Answered:
    """Send a file as it is."""
    headers = {"Authorization": f"Bearer {TOKENS[role]}"} | headers
    async with site.http.put(site.url + path, data=io.BytesIO(body) if isinstance(body, bytes) else body, headers=headers) as answer:
        return Answered(answer.status, answer.headers, await answer.read(), answer.content_type)


def form(**fields: str | bytes) -> aiohttp.FormData:
    """A page's form; ``file`` as a browser sends it."""
    data = aiohttp.FormData()
    for name, value in fields.items():
        if isinstance(value, bytes):
            data.add_field(name, io.BytesIO(value), filename="tone.wav", content_type="audio/wav")
        else:
            data.add_field(name, value)
    # Without a file aiohttp would send it urlencoded.
    data.add_field("last", b"", filename="", content_type="application/octet-stream")
    return data


async def listed(site: Site) -> dict[tuple[str, str], dict[str, Any]]:
    items = (await (await site.ask("GET", "/api/v1/prompts", role="supervisor")).json())["items"]
    return {(item["language"], item["name"]): item for item in items}


async def test_the_catalogue_is_listed(site: Site) -> None:
    told = await listed(site)
    welcome = told["zh", "welcome"]
    assert (welcome["text"], welcome["source"]) == ("您好，欢迎致电。", "synthesised") and 0.3 < welcome["length_s"] < 3
    assert told["en", "welcome"] == {
        "language": "en",
        "name": "welcome",
        "text": "Hello, and welcome.",
        "source": "missing",
        "length_s": None,
    }
    assert told["zh", "agents/1001"]["source"] == "synthesised" and told["en", "agents/1001"]["text"] == "Agent 1 0 0 1, at your service."
    assert ("zh", "agents/1999") not in told


@pytest.mark.parametrize("kind", ["wav", "mp3"])
async def test_a_recording_takes_a_prompts_place_and_is_taken_back(site: Site, kind: str) -> None:
    spoken = (await site.ask("GET", PATH)).content
    answer = await put(site, PATH, recording(kind, seconds=1.5, hertz=700), role="supervisor")
    row = await answer.json()
    assert (answer.status, row["source"]) == (200, "own") and row["length_s"] == pytest.approx(1.5, abs=0.1)
    heard = await site.ask("GET", PATH)
    assert (heard.content_type, heard.headers["Accept-Ranges"]) == ("audio/wav", "bytes")
    assert hears_tone(samples(heard.content), 700)
    assert 20 * np.log10(loudness(samples(heard.content)) / 32768) == pytest.approx(LEVEL_DB, abs=1)
    part = await site.ask("GET", PATH, headers={"Range": "bytes=0-99"})
    assert part.status == 206 and part.content == heard.content[:100]
    back = await site.ask("DELETE", PATH)
    assert (back.status, (await back.json())["source"]) == (200, "synthesised")
    assert (await site.ask("GET", PATH)).content == spoken
    assert (await site.ask("DELETE", PATH)).status == 404
    written = await site.pool.fetch("select who, subject, details from audit where what = 'prompts.change' order by at")
    assert [(row["who"], row["subject"]) for row in written] == [
        ("token:supervisor", "prompt:zh/welcome"), ("token:admin", "prompt:zh/welcome"),
    ]  # fmt: skip
    assert written[0]["details"]["length_s"] == pytest.approx(1.5, abs=0.1) and written[1]["details"] == {"taken_back": True}


async def test_agents_and_flows_have_recordings_too(site: Site) -> None:
    for name in ("agents/1001", "agents/1002", "own/jingle"):
        assert (await put(site, f"/api/v1/prompts/en/{name}", form(file=recording()))).status == 200, name
        assert hears_tone(samples((await site.ask("GET", f"/api/v1/prompts/en/{name}")).content), 440)
    assert (await listed(site))["en", "own/jingle"]["source"] == "own"
    gone = await (await site.ask("DELETE", "/api/v1/prompts/en/own/jingle")).json()
    assert gone["source"] == "missing"
    assert ("en", "own/jingle") not in await listed(site)
    assert (await site.ask("GET", "/api/v1/prompts/en/own/jingle")).status == 404


NOT_PROMPTS = {
    "fr/welcome": "language", "zh/nothing": "name", "zh/agents/1999": "name", "zh/agents/x": "name", "zh/own/Jingle": "name",
    "zh/own/a/b": "name", "zh/own/..%2F..%2Fx": "name", "zh/..%2F..%2F..%2Fetc%2Fpasswd": "name", "..%2Fx/welcome": "language",
    "zh/.own%2Fwelcome": "name", "zh/own/%00": "name", "zh/own/" + "a" * 41: "name", "zh/beep": "name", "zh/%2Fetc%2Fpasswd": "name",
}  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_prompts_can_be_named(site: Site, method: str) -> None:
    before, sound = files(site), recording() if method == "PUT" else None
    for path, field in NOT_PROMPTS.items():
        url = URL(f"{site.url}/api/v1/prompts/{path}", encoded=True)
        async with site.http.request(method, url, headers={"Authorization": f"Bearer {TOKENS['admin']}"}, data=sound) as answer:
            problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["field"]) == (404, field), problem
    assert files(site) == before


def no_recording(reason: str) -> bytes:
    """A file that is refused for this reason."""
    if reason == "too-large":
        return b"RIFF\0\0\0\0WAVE" + bytes(LARGEST_UPLOAD)
    if reason == "too-long":
        return recording("mp3", seconds=602)
    sounds = {"truncated": recording()[:30_000], "silent": recording(peak_db=-60), "too-short": recording(seconds=0.02)}
    noise = b"RIFF\0\0\0\0WAVE" + b"\xde\xad\xbe\xef" * 900
    return ({"empty": b"", "wrong-type": b"%PDF-1.7" + b"x" * 5000, "unreadable": noise} | sounds)[reason]


@pytest.mark.parametrize("reason", ["empty", "wrong-type", "unreadable", "truncated", "silent", "too-long", "too-short", "too-large"])
async def test_what_is_no_recording_is_refused_and_nothing_changes(site: Site, reason: str) -> None:
    before, sound = files(site), no_recording(reason)
    for body in (sound, form(file=sound)):
        answer = await put(site, PATH, body)
        problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["field"], problem["reason"]) == (413 if reason == "too-large" else 400, "file", reason), problem
        assert problem["detail"] and str(folder(site)) not in problem["detail"] and "/tmp" not in problem["detail"]
        assert files(site) == before
    assert reason in REFUSALS
    assert not await site.pool.fetchval("select count(*) from audit where what = 'prompts.change'")


async def test_a_body_without_a_length_is_cut_off_when_it_grows_too_large(site: Site) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"RIFF\0\0\0\0WAVE"
        for _ in range(400):
            yield bytes(64 * 1024)

    answer = await put(site, PATH, endless())
    assert answer.status == 413 and (await answer.json())["reason"] == "too-large"


@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data; name=other\r\n\r\nhello\r\n--x--\r\n"]
)
async def test_broken_forms_are_refused(site: Site, body: bytes) -> None:
    before = files(site)
    answer = await put(site, PATH, body, **{"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status == 400, answer.content
    assert (await put(site, PATH, body, **{"Content-Type": "multipart/form-data"})).status == 400
    assert files(site) == before


async def csrf(visitor: Visitor) -> str:
    return hidden(await (await visitor.get("/prompts")).text(), "csrf")


async def test_the_page_replaces_and_takes_back(site: Site) -> None:
    async with site.signed_in("supervisor") as visitor:
        token = await csrf(visitor)
        sent = await visitor.post("/prompts", form(csrf=token, language="zh", name="welcome", file=recording(hertz=900)))
        assert sent.status == 303, await sent.text()
        page = await (await visitor.get(sent.headers["Location"])).text()
        assert "state-own" in page and "state-synthesised" not in page
        assert hears_tone(samples((await site.ask("GET", PATH)).content), 900)
        back = await visitor.post("/prompts/back", {"csrf": token, "language": "zh", "name": "welcome"})
        assert "state-synthesised" in await (await visitor.get(back.headers["Location"])).text()
        added = await visitor.post("/prompts", form(csrf=token, new="1", language="zh", name="jingle", file=recording()))
        assert added.status == 303 and (await listed(site))["zh", "own/jingle"]["source"] == "own"
        for fields, words in (
            ({"name": "welcome", "file": b"text"}, "WAV"), ({"name": "nothing", "file": recording()}, "没有这个提示音"),
            ({"new": "1", "name": "../x", "file": recording()}, "没有这个提示音"), ({"name": "welcome"}, "请选择"),
        ):  # fmt: skip
            refused = await visitor.post("/prompts", form(csrf=token, language="zh", **fields))
            assert refused.status in (400, 404) and words in await refused.text(), fields
        refused = await visitor.post("/prompts/back", {"csrf": token, "language": "zh", "name": "welcome"})
        assert refused.status == 404 and "没有可撤回" in await refused.text()


async def test_forms_of_other_sites_are_refused_before_their_file_is_read(site: Site) -> None:
    before = files(site)
    async with site.signed_in("admin") as visitor:
        token = await csrf(visitor)
        for data in (
            form(csrf="guessed", language="zh", name="welcome", file=recording()), form(language="zh", name="welcome", file=recording()),
            form(language="zh", csrf=token, name="welcome", file=recording()), {"csrf": "guessed"},
        ):  # fmt: skip
            assert (await visitor.post("/prompts", data)).status == 403
        foreign = await visitor.post(
            "/prompts", form(csrf=token, language="zh", name="welcome"), headers={"Origin": "https://evil.example"}
        )
        assert foreign.status == 403
        async with visitor.http.put(site.url + PATH, data=recording()) as answer:
            assert answer.status == 403
        async with visitor.http.put(site.url + PATH, data=form(file=recording()), headers={"X-CSRF-Token": token}) as answer:
            assert answer.status == 200
        await site.ask("DELETE", PATH)
    assert files(site) == before


async def test_agents_have_no_say_in_prompts(site: Site) -> None:
    async with site.signed_in("1001") as visitor:
        assert 'href="/prompts"' not in await (await visitor.get("/live")).text()
        assert (await visitor.get("/prompts")).status == 403
    assert (await put(site, PATH, recording(), role="agent")).status == 403
    async with site.signed_in("supervisor") as visitor:
        assert 'href="/prompts"' in await (await visitor.get("/live")).text()


async def test_the_list_is_searched(site: Site) -> None:
    async with site.signed_in("admin") as visitor:
        found = {
            query: (await (await visitor.get(f"/prompts?{query}")).text()).count('class="change"')
            for query in ("q=WELCOME", "q=welcome&language=en", "q=欢迎致电", "source=own", "q=<script>")
        }
        assert found == {"q=WELCOME": 2, "q=welcome&language=en": 1, "q=欢迎致电": 1, "source=own": 0, "q=<script>": 0}


async def test_a_prompt_is_uploaded_and_heard_in_the_browser(site: Site, browser: Browser, tmp_path: Path) -> None:
    upload = tmp_path / "studio.mp3"
    upload.write_bytes(recording("mp3", seconds=2))
    page = await signed_in(browser, site)
    await page.click("nav a[href='/prompts']")
    await page.fill("input[type=search]", "welcome")
    await page.select_option("form.filters select[name=language] >> nth=0", "zh")
    await page.click(".filters button >> nth=0")
    row = page.locator("tbody tr")
    await expect(row).to_have_count(1)
    await row.locator("summary").click()
    await row.locator("input[type=file]").set_input_files(upload)
    await row.get_by_role("button", name="Upload").click()
    await expect(page.locator("[role=status]")).to_contain_text("next time")
    await expect(row).to_contain_text("Own recording")
    async with page.expect_response("**" + PATH) as answered:
        await row.locator("a.listen").click()
    assert (await answered.value).status in (200, 206)
    await expect(row.locator("a.listen")).to_have_attribute("aria-pressed", "true")
    await until("the end of the prompt", lambda: page.evaluate("!document.querySelector('.listen.is-on')"), 10)
    await row.locator("summary").click()
    await row.get_by_role("button", name="Back to the synthesised one").click()
    await expect(row).to_contain_text("Synthesised")
    assert page.console_errors == []  # type: ignore[attr-defined]
    await page.context.close()
