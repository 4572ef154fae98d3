"""Numbers, digits, dates, durations, money and job numbers as sounds. Pure.

Each function returns names of prompts (``zh/number/7``) in speaking order. Chinese follows the rules of reading: 两 before
百 千 万 亿 and measure words, 零 for gaps, 十 without 一 at the beginning; telephone numbers digit by digit with 幺 for 1.
"""

from __future__ import annotations

from datetime import date, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from callcenter.basics.vocabulary import Language

LARGEST: Final = 10**12 - 1
"""The largest number that is spoken; beyond it digits are read."""
Sounds = tuple[str, ...]


def _named(language: Language, *names: str) -> Sounds:
    return tuple(f"{language}/{name}" for name in names)


def digits(text: str, language: Language) -> Sounds:
    """Each digit by itself, as telephone and job numbers are read; other characters are passed over."""
    return _named(language, *(f"digit/{char}" for char in text if char in "0123456789"))


def key(text: str, language: Language) -> Sounds:
    """A key of the telephone: a digit, star or hash."""
    return _named(language, {"*": "word/star", "#": "word/hash"}[text]) if text in "*#" else digits(text, language)


def number(value: int, language: Language) -> Sounds:
    """A whole number in words; negative and very large ones too."""
    if abs(value) > LARGEST:
        return (*(_named(language, "word/minus") if value < 0 else ()), *digits(str(abs(value)), language))
    if value < 0:
        return (*_named(language, "word/minus"), *number(-value, language))
    words = _chinese(value) if language is Language.ZH else _english(value)
    return _named(language, *(f"number/{word}" for word in words))


def _chinese_section(value: int, *, leading: bool) -> list[str]:
    """0 < value < 10000 in Chinese; ``leading``: nothing stands before it, so 十 needs no 一."""
    words: list[str] = []
    gap = False
    for unit, name in ((1000, "thousand"), (100, "hundred"), (10, "ten"), (1, "")):
        figure = value // unit % 10
        if not figure:
            gap = bool(words)
            continue
        if gap:
            words.append("0")
            gap = False
        if name == "ten" and figure == 1 and not words and leading:
            words.append("10")
            continue
        words.append("liang" if figure == 2 and unit >= 100 else str(figure))
        if name:
            words.append({"thousand": "1000", "hundred": "100", "ten": "10"}[name])
    return words


def _chinese(value: int) -> list[str]:
    if not value:
        return ["0"]
    words: list[str] = []
    gap = False
    for unit, name in ((10**8, "yi"), (10**4, "wan"), (1, "")):
        section = value // unit % 10**4
        if not section:
            gap = bool(words)
            continue
        if words and (gap or section < 1000):
            words.append("0")
        gap = False
        part = _chinese_section(section, leading=not words)
        words += ["liang"] if section == 2 and name and not words else part
        if name:
            words.append(name)
    return words


def _english_section(value: int) -> list[str]:
    words: list[str] = []
    if value >= 100:
        words += [str(value // 100), "100"]
        value %= 100
        if value:
            words.append("and")
    if value > 20 and value % 10:
        words += [str(value // 10 * 10), str(value % 10)]
    elif value:
        words.append(str(value))
    return words


def _english(value: int) -> list[str]:
    if not value:
        return ["0"]
    words: list[str] = []
    for unit, name in ((10**9, "billion"), (10**6, "million"), (1000, "1000"), (1, "")):
        section = value // unit % 1000
        if not section:
            continue
        if words and unit == 1 and section < 100:
            words.append("and")
        words += _english_section(section)
        if name:
            words.append(name)
    return words


def date_of(day: date, language: Language) -> Sounds:
    """A date: 二零二六年十一月二十三日; 23 November 2026."""
    if language is Language.ZH:
        return (
            *_named(language, *(f"number/{figure}" for figure in str(day.year))),
            *_named(language, "word/year"),
            *number(day.month, language),
            *_named(language, "word/month"),
            *number(day.day, language),
            *_named(language, "word/day"),
        )
    century, rest = divmod(day.year, 100)
    year = number(day.year, language) if not rest or day.year < 2010 else (*number(century, language), *number(rest, language))
    return (*number(day.day, language), *_named(language, f"month/{day.month}"), *year)


def time_of_day(moment: time, language: Language) -> Sounds:
    """A time by the 24-hour clock: 十四点零五分; 14 hours 5 minutes."""
    minute: Sounds = ()
    if moment.minute:
        gap = _named(language, "number/0") if language is Language.ZH and moment.minute < 10 else ()
        minute = (*gap, *number(moment.minute, language), *_measure("minute", moment.minute, language))
    return (*_counted(moment.hour, language), *_measure("oclock", moment.hour, language), *minute)


def _measure(word: str, value: int, language: Language) -> Sounds:
    """A measure word; English has another one after 1."""
    return _named(language, f"word/one-{word}" if value == 1 and language is Language.EN else f"word/{word}")


def _counted(value: int, language: Language) -> Sounds:
    """A number before a measure word: 两点, not 二点."""
    if language is Language.ZH and value == 2:
        return _named(language, "number/liang")
    return number(value, language)


def duration(seconds: int, language: Language) -> Sounds:
    """Hours, minutes and seconds, what is zero left out; nothing at all is 0 seconds."""
    hours, rest = divmod(max(0, seconds), 3600)
    minutes, left = divmod(rest, 60)
    parts: Sounds = ()
    for value, word in ((hours, "hours"), (minutes, "minutes"), (left, "seconds")):
        if value:
            parts += (*_counted(value, language), *_measure(word, value, language))
    return parts or (*number(0, language), *_named(language, "word/seconds"))


def place_in_line(position: int, language: Language) -> Sounds:
    """A caller's place, 1 is next: 您前面还有两位; you are number 3 in line."""
    if position <= 1:
        return _named(language, "next-in-line")
    counted = _counted(position - 1, language) if language is Language.ZH else number(position, language)
    return (*_named(language, "word/ahead"), *counted, *_named(language, "word/in-line"))


def expected_wait(least: int | None, most: int | None, language: Language) -> Sounds:
    """A wait in minutes: less than ``most``, between both, or more than ``least``; silence when nothing is known."""
    if least is None and most == 1:
        return _named(language, "wait-under-a-minute")
    if least is None or most is None:
        limit, word = (most, "word/wait-under") if least is None else (least, "word/wait-over")
        return () if limit is None else (*_named(language, word), *_minutes(limit, language))
    return (
        *_named(language, "word/wait-between"),
        *_counted(least, language),
        *_named(language, "word/wait-to"),
        *_minutes(most, language),
    )


def _minutes(value: int, language: Language) -> Sounds:
    return (*_counted(value, language), *_measure("minutes", value, language))


def money(amount: Decimal, language: Language) -> Sounds:
    """An amount in yuan, rounded half up to the fen; less than one yuan is told in jiao and fen alone."""
    cents = int((amount * 100).quantize(Decimal(1), ROUND_HALF_UP))
    sign = _named(language, "word/minus") if cents < 0 else ()
    yuan, fen = divmod(abs(cents), 100)
    spoken = (*_counted(yuan, language), *_named(language, "word/yuan")) if yuan or not fen else ()
    if not fen:
        return (*sign, *spoken)
    if language is Language.EN:
        return (*sign, *spoken, *number(fen, language), *_named(language, "word/fen"))
    jiao, single = divmod(fen, 10)
    gap = _named(language, "number/0") if yuan else ()
    small = (*number(jiao, language), *_named(language, "word/jiao")) if jiao else gap
    if single:
        small += (*number(single, language), *_named(language, "word/fen"))
    return (*sign, *spoken, *small)


def job_number(agent: str, language: Language) -> Sounds:
    """The announcement of an agent, which is rendered in one piece: 1001 号客服代表为您服务; agent 1001 at your service."""
    return _named(language, f"agents/{agent}")
