"""Every way through the demo's main menu."""

from __future__ import annotations

import pytest

from callcenter.basics.vocabulary import Language
from callcenter.ivr.asks import Gather, LanguageSet, NodeReached, Pressed, Said, Say, SendToQueue
from callcenter.ivr.demo_flow import DEMO_FLOW
from tests.ivr.playbook import NOTHING, Playbook, keys

MENU = ("zh/main-menu",)
WRONG = ("zh/invalid-choice", "zh/main-menu")
SILENT = ("zh/no-input", "zh/main-menu")


def at_the_menu() -> Playbook:
    return Playbook(DEMO_FLOW) << Say(("zh/welcome",)) >> Said() << MENU


@pytest.mark.parametrize(("key", "queue"), [("1", "sales"), ("2", "support"), ("0", "support")])
def test_a_key_leads_to_its_queue(key: str, queue: str) -> None:
    book = at_the_menu() >> keys(key) << SendToQueue(queue=queue)
    assert book.told(Pressed) == [Pressed(node="choose", digits=key, valid=True)]
    assert [note.node for note in book.told(NodeReached)][:2] == ["welcome", "choose"]


def test_hash_repeats_and_is_no_try() -> None:
    book = at_the_menu()
    for _ in range(5):
        book = book >> keys("#") << MENU
    assert book >> NOTHING << SILENT >> NOTHING << SILENT >> NOTHING << SendToQueue(queue="support")


def test_nine_is_the_other_language_and_back() -> None:
    book = at_the_menu() >> keys("9") << ("en/main-menu",) >> keys("7") << ("en/invalid-choice", "en/main-menu")
    assert book >> keys("9") << MENU >> keys("9") << ("en/main-menu",) >> keys("2") << SendToQueue(queue="support")
    assert book.told(LanguageSet) == [LanguageSet(language=Language(code)) for code in ("en", "zh", "en")]


@pytest.mark.parametrize("answers", [["", "", ""], ["5", "*", "8"], ["", "5", ""]])
def test_who_never_presses_right_reaches_the_operator(answers: list[str]) -> None:
    book = at_the_menu()
    for answer in answers[:-1]:
        book = book >> keys(answer) << (WRONG if answer else SILENT)
    assert book >> keys(answers[-1]) << SendToQueue(queue="support")
    assert [note.valid for note in book.told(Pressed)] == [False] * 3


def test_a_right_key_after_wrong_ones() -> None:
    assert at_the_menu() >> keys("5") << WRONG >> NOTHING << SILENT >> keys("1") << SendToQueue(queue="sales")


def test_the_menu_can_be_interrupted_and_waits_five_seconds() -> None:
    ask = at_the_menu().step.ask
    assert isinstance(ask, Gather)
    assert (ask.barge_in, ask.max_digits, ask.timeouts.first_s) == (True, 1, 5)


def test_begun_in_english() -> None:
    assert Playbook(DEMO_FLOW, language=Language.EN) << ("en/welcome",) >> Said() << ("en/main-menu",) >> keys("9") << MENU
