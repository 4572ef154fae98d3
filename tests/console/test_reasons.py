"""The match's words as sentences: none is missing, in either language."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.basics import clock
from callcenter.console.reasons import STRATEGIES, knows, of_offer, said
from tests.console.site import Site
from tests.parts.centre import REPOSITORY

_LUA = (REPOSITORY / "callcenter" / "acd" / "matching.lua").read_text()


def _plain(text: str) -> str:
    return text


def test_every_strategy_of_the_match_has_a_name() -> None:
    words = re.search(r"local WORDS = \{(.*?)\n\}", _LUA, re.DOTALL)
    assert words
    assert set(re.findall(r"= '([^']+)'", words[1])) == set(STRATEGIES)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("longest idle of 3 free: idle 12.5 s", "longest idle of 3 who were free; idle for 12.5 s"),
        ("penalty 2", "Penalty 2 in this queue"),
        ("caller waited 4.0 s", "The caller had waited 4.0 s"),
        ("head start 60.0 s", "Head start by queue and priority: 60.0 s"),
        ("asked for: gas>=5", "Asked for: gas>=5"),
        ("asked for: @1001", "Only the caller's own agent 1001 was asked"),
        ("ring 2", "Ring 2: more agents may answer after this wait"),
        ("offered before", "The offer stood already"),
        ("chosen", "chosen"),
        ("resting after a missed call", "rests after a missed call"),
        ("free, but asked later", "free, but others come first"),
        ("serves another queue", "does not serve this queue"),
        ("preferred agent 1001 first", "the caller's own agent 1001 comes first"),
        ("penalty 3 > 1", "penalty 3, at most 1 is asked"),
        ("skill gas 2 < 5", "skill gas at level 2, at least 5 is asked for"),
        ("paused (lunch)", "Paused (lunch)"),
        ("wrapup", "Wrap-up"),
    ],
)
def test_each_of_its_words_has_a_sentence(text: str, sentence: str) -> None:
    assert knows(text) and said(_plain, text) == sentence


def test_nothing_that_the_match_returns_as_a_verdict_is_unknown() -> None:
    fixed = set(re.findall(r"return '([a-z, ]+[a-z])'", _LUA)) | set(re.findall(r"or '(free[a-z, ]+)'", _LUA))
    assert {"chosen", "free, but asked later", "serves another queue", "resting after a missed call", "unreachable"} <= fixed
    assert [text for text in fixed if not knows(text)] == []


@given(st.text(max_size=300))
def test_strange_words_are_shown_as_they_are_and_never_fail(text: str) -> None:
    assert len(said(_plain, text)) <= 250


def test_an_offer_says_why_and_why_not() -> None:
    told = of_offer(_plain, {"agent": "1001", "because": ["penalty 0"], "considered": {"1001": "chosen", "1002": "skill gas 2 < 5"}})
    assert told["why"] == ["Penalty 0 in this queue"]
    assert told["others"] == [("1002", "skill gas at level 2, at least 5 is asked for")]


async def test_the_page_says_why_a_caller_waits_and_when_they_do_not(site: Site) -> None:
    ticket = site.acd.ticket("waits", "sales", since_ms=clock.utc_ms())
    await site.acd.enqueue(ticket)
    try:
        async with site.signed_in("supervisor") as visitor:
            page = await (await visitor.get("/live/waiting/waits")).text()
            assert "sales" in page and "1001" in page and ("Offline" in page or "离线" in page)
            await site.acd.leave(ticket)
            gone = await (await visitor.get("/live/waiting/waits")).text()
            assert "1001" not in gone and ("not waiting any more" in gone or "不在等待" in gone)
        async with site.signed_in("1001") as agent:
            assert (await agent.get("/live/waiting/waits")).status == 403
    finally:
        await site.acd.leave(ticket)
