"""Both languages are whole: no string is untranslated, placeholders agree, events and phases of every kind have words."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.model import AgentState, OfferEnd
from callcenter.basics.vocabulary import Direction, EndedBy, Language, LegRole, Outcome
from callcenter.calls.phases import Phase
from callcenter.console.app import WEB
from callcenter.console.languages import Words, load, read_messages
from callcenter.console.pages import timeline
from callcenter.console.wording import NAMES, SENTENCES, sentence
from callcenter.ledger.events import Happened
from tests.console.site import Site
from tests.console.strings import marked
from tests.house_rules.tree import ROOT

CHINESE = read_messages(WEB / "locale" / "zh" / "LC_MESSAGES" / "console.po")
_FIELDS = re.compile(r"%\((\w+)\)s")


def test_every_string_has_its_chinese() -> None:
    strings = set(marked())
    assert len(strings) > 100
    assert not strings - CHINESE.keys(), "untranslated"
    assert not CHINESE.keys() - strings, "no longer used"


def test_placeholders_agree() -> None:
    assert not [text for text, said in CHINESE.items() if sorted(_FIELDS.findall(text)) != sorted(_FIELDS.findall(said))]


def test_no_text_on_a_page_is_outside_the_catalogue() -> None:
    """Between tags there is nothing but expressions, and punctuation."""
    stray = []
    for path in sorted((ROOT / "web" / "templates").rglob("*.html")):
        if path.name == "icons.html":
            continue
        bare = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<(?:\"[^\"]*\"|[^>\"])*>", " ", path.read_text(), flags=re.DOTALL)
        stray += [f"{path.name}: {word}" for word in re.findall(r"[A-Za-z]{2,}", bare)]
    assert not stray


@pytest.mark.parametrize("words", [AgentState, OfferEnd, Direction, EndedBy, LegRole, Outcome, Phase, Language])
def test_every_word_of_the_trade_has_a_name(words: type) -> None:
    assert not {str(word) for word in words} - NAMES.keys()  # type: ignore[attr-defined]


def test_every_kind_of_event_has_a_sentence() -> None:
    kinds = {str(kind.__struct_config__.tag) for kind in Happened.__subclasses__()}
    assert not kinds - SENTENCES.keys()


@given(st.sampled_from(sorted(kind.__struct_config__.tag for kind in Happened.__subclasses__())), st.dictionaries(st.text(), st.text()))
def test_a_sentence_never_fails(kind: str, fields: dict[str, str]) -> None:
    for translate in (str, lambda text: CHINESE.get(text, text)):
        assert sentence(translate, {**fields, "kind": kind}, {})


@given(st.floats(min_value=0, max_value=1e9) | st.none())
def test_spans(millis: float | None) -> None:
    assert re.fullmatch(r"–|\d+:\d\d|\d+:\d\d:\d\d", Words.span(millis))


def test_times_are_the_centres() -> None:
    words = load(WEB / "locale", "Asia/Shanghai")
    assert words[Language.EN].moment(1_700_000_000_000) == "2023-11-15 06:13:20"
    assert words[Language.ZH].day(1_700_000_000_000) == "2023年11月15日 周三"


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), max_size=8))
def test_a_timeline_stays_within_its_frame(spans: list[tuple[int, int]]) -> None:
    from callcenter.basics.clock import from_ms

    rows = [{"kind": "talking", "started_at": from_ms(start), "ended_at": from_ms(start + lasts)} for start, lasts in spans]
    story = {"call": {"started_at": from_ms(0), "ended_at": None}, "segments": rows, "legs": [], "events": [{"at_ms": 5}]}
    picture = timeline.draw(story, {})
    assert picture is not None and len(picture.ticks) <= 9
    for one in picture.lanes[0].stretches:
        assert -0.01 <= one.x <= 100 and one.x + one.width <= 100.01, msgspec.to_builtins(one)


@pytest.mark.parametrize(
    ("accepts", "language"),
    [("zh-CN,zh;q=0.9", "zh-CN"), ("en-GB", "en"), ("fr,en;q=0.2,zh;q=0.1", "en"), ("fr", "zh-CN"), ("zh;q=x", "zh-CN")],
)
async def test_a_browser_gets_the_language_it_prefers(site: Site, accepts: str, language: str) -> None:
    async with site.http.get(site.url + "/signin", headers={"Accept-Language": accepts}) as answer:
        assert f'<html lang="{language}">' in await answer.text()


async def test_a_user_chooses_and_keeps_a_language(site: Site) -> None:
    async with site.signed_in("supervisor") as visitor:
        await visitor.post("/language", {"csrf": await visitor.csrf(), "language": "en", "to": "/agents"})
        assert "Set state" in await (await visitor.get("/agents")).text()
    async with site.signed_in("supervisor") as elsewhere:
        assert '<html lang="en">' in await (await elsewhere.get("/agents")).text()
