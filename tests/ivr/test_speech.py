"""Readings that people know, and that every sound exists and can be read back."""
# ruff: noqa: E501

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.basics.vocabulary import Language
from callcenter.ivr import speech
from callcenter.ivr.catalogue import texts

ZH, EN = Language.ZH, Language.EN


def zh(sounds: tuple[str, ...]) -> str:
    return "".join(texts(ZH)[sound.removeprefix("zh/")] for sound in sounds)


def en(sounds: tuple[str, ...]) -> str:
    return " ".join(texts(EN)[sound.removeprefix("en/")] for sound in sounds)


CHINESE = {
    0: "零", 2: "二", 10: "十", 12: "十二", 20: "二十", 22: "二十二", 100: "一百", 101: "一百零一", 110: "一百一十", 111: "一百一十一", 200: "两百",
    212: "两百一十二", 1000: "一千", 1001: "一千零一", 1010: "一千零一十", 1100: "一千一百", 2002: "两千零二", 2020: "两千零二十", 10000: "一万",
    10010: "一万零一十", 10100: "一万零一百", 11000: "一万一千", 20000: "两万", 22222: "两万两千两百二十二", 100000: "十万", 110000: "十一万",
    120000: "十二万", 200002: "二十万零二", 1000000: "一百万", 10000001: "一千万零一", 12345678: "一千两百三十四万五千六百七十八", 100000000: "一亿",
    100001000: "一亿零一千", 100010000: "一亿零一万", 200000000: "两亿", 1000000000: "十亿", 10**11: "一千亿", -5: "负五",
}  # fmt: skip
ENGLISH = {
    0: "0", 7: "7", 15: "15", 20: "20", 21: "20 1", 90: "90", 99: "90 9", 100: "1 hundred", 101: "1 hundred and 1", 115: "1 hundred and 15",
    120: "1 hundred and 20", 999: "9 hundred and 90 9", 1000: "1 thousand", 1001: "1 thousand and 1", 1100: "1 thousand 1 hundred",
    1115: "1 thousand 1 hundred and 15", 12345: "12 thousand 3 hundred and 40 5", 1000000: "1 million", 1000001: "1 million and 1",
    1001000: "1 million 1 thousand", 10**9: "1 billion", -3: "minus 3",
}  # fmt: skip


@pytest.mark.parametrize(("value", "reading"), CHINESE.items())
def test_chinese_numbers(value: int, reading: str) -> None:
    assert zh(speech.number(value, ZH)) == reading


@pytest.mark.parametrize(("value", "reading"), ENGLISH.items())
def test_english_numbers(value: int, reading: str) -> None:
    assert en(speech.number(value, EN)) == reading


@pytest.mark.parametrize(
    ("amount", "chinese", "english"),
    [
        ("0", "零元", "0 yuan"),
        ("0.05", "五分", "5 fen"),
        ("0.50", "五角", "50 fen"),
        ("0.55", "五角五分", "50 5 fen"),
        ("2", "两元", "2 yuan"),
        ("10.50", "十元五角", "10 yuan 50 fen"),
        ("10.05", "十元零五分", "10 yuan 5 fen"),
        ("1234.56", "一千两百三十四元五角六分", "1 thousand 2 hundred and 30 4 yuan 50 6 fen"),
        ("-3.10", "负三元一角", "minus 3 yuan 10 fen"),
        ("0.005", "一分", "1 fen"),
        ("-0.001", "零元", "0 yuan"),
    ],
)
def test_money(amount: str, chinese: str, english: str) -> None:
    assert (zh(speech.money(Decimal(amount), ZH)), en(speech.money(Decimal(amount), EN))) == (chinese, english)


@pytest.mark.parametrize(
    ("moment", "chinese", "english"),
    [
        (time(2, 5), "两点零五分", "2 hours 5 minutes"),
        (time(0, 0), "零点", "0 hours"),
        (time(1, 1), "一点零一分", "1 hour 1 minute"),
        (time(12, 30), "十二点三十分", "12 hours 30 minutes"),
        (time(14, 2), "十四点零二分", "14 hours 2 minutes"),
        (time(22, 10), "二十二点十分", "20 2 hours 10 minutes"),
    ],
)
def test_times(moment: time, chinese: str, english: str) -> None:
    assert (zh(speech.time_of_day(moment, ZH)), en(speech.time_of_day(moment, EN))) == (chinese, english)


def test_dates() -> None:
    assert zh(speech.date_of(date(2026, 11, 23), ZH)) == "二零二六年十一月二十三日"
    assert zh(speech.date_of(date(2011, 1, 2), ZH)) == "二零一一年一月二日"
    assert en(speech.date_of(date(2026, 11, 23), EN)) == "20 3 November 20 20 6"
    assert en(speech.date_of(date(2005, 1, 2), EN)) == "2 January 2 thousand and 5"


def test_durations() -> None:
    assert zh(speech.duration(7322, ZH)) == "两小时两分钟两秒"
    assert en(speech.duration(3661, EN)) == "1 hour 1 minute 1 second"
    assert (zh(speech.duration(0, ZH)), en(speech.duration(90, EN))) == ("零秒", "1 minute 30 seconds")


def test_place_and_expected_wait() -> None:
    assert (zh(speech.place_in_line(1, ZH)), en(speech.place_in_line(1, EN))) == ("您是下一位。", "You are next in line.")
    assert (zh(speech.place_in_line(3, ZH)), en(speech.place_in_line(3, EN))) == ("您前面还有两位。", "You are number 3 in line.")
    assert zh(speech.expected_wait(None, 1, ZH)) == "预计等待时间不到一分钟。"
    assert zh(speech.expected_wait(2, 5, ZH)) == "预计等待时间为两到五分钟"
    assert en(speech.expected_wait(2, 5, EN)) == "The expected wait is between 2 and 5 minutes"
    assert zh(speech.expected_wait(60, None, ZH)) == "预计等待时间超过六十分钟"
    assert en(speech.expected_wait(None, 3, EN)) == "The expected wait is less than 3 minutes"
    assert speech.expected_wait(None, None, EN) == ()


def test_digits_are_read_as_telephone_numbers() -> None:
    assert zh(speech.digits("+86 138-1", ZH)) == "八六幺三八幺"
    assert speech.job_number("1001", EN) == ("en/agents/1001",)


languages = st.sampled_from(Language)
amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=3)


@given(languages, st.integers(-(10**15), 10**15), st.dates(), st.times(), amounts, st.text(max_size=20))
def test_every_sound_is_in_the_catalogue(language: Language, value: int, day: date, moment: time, amount: Decimal, text: str) -> None:
    spoken = (
        speech.number(value, language) + speech.date_of(day, language) + speech.time_of_day(moment, language)
        + speech.duration(value, language) + speech.money(amount, language) + speech.digits(text, language)
        + speech.place_in_line(abs(value), language) + speech.expected_wait(abs(value), None, language)
        + speech.expected_wait(None, abs(value), language) + speech.expected_wait(abs(value), abs(value) + 1, language)
    )  # fmt: skip
    assert {sound.removeprefix(f"{language}/") for sound in spoken} <= texts(language).keys()


def read_chinese(text: str) -> int:
    if text.startswith("负"):
        return -read_chinese(text[1:])
    for name, unit in (("亿", 10**8), ("万", 10**4)):
        if name in text:
            before, _, after = text.partition(name)
            return read_chinese(before) * unit + read_chinese(after)
    total, figure = 0, 0
    for char in text:
        if char in "十百千":
            total += (figure or 1) * {"十": 10, "百": 100, "千": 1000}[char]
            figure = 0
        else:
            figure = 2 if char == "两" else "零一二三四五六七八九".index(char)
    return total + figure


def read_english(text: str) -> int:
    if text.startswith("minus "):
        return -read_english(text[6:])
    total, section = 0, 0
    for word in text.split():
        if word == "hundred":
            section *= 100
        elif word in ("thousand", "million", "billion"):
            total += section * {"thousand": 1000, "million": 10**6, "billion": 10**9}[word]
            section = 0
        elif word != "and":
            section += int(word)
    return total + section


@given(
    st.integers(-speech.LARGEST, speech.LARGEST)
    | st.integers(-99_999, 99_999)
    | st.builds(lambda a, b: a * 10**b, st.integers(1, 999), st.integers(0, 9))
)
def test_what_is_heard_is_the_number(value: int) -> None:
    chinese = zh(speech.number(value, ZH))
    assert read_chinese(chinese) == value
    assert read_english(en(speech.number(value, EN))) == value
    assert "零零" not in chinese and not (value and chinese.endswith("零"))
