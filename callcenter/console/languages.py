"""zh-CN and en. Strings in code and templates are English; ``web/locale/zh/LC_MESSAGES/console.po`` has them in Chinese.

The .po file is read at start, so there is no step that compiles it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web
from babel import Locale, dates
from babel.messages.pofile import read_po

from callcenter.basics import clock
from callcenter.basics.vocabulary import Language

COOKIE: Final = "cc_language"
LOCALES: Final = {Language.ZH: Locale.parse("zh_Hans_CN"), Language.EN: Locale("en", "GB")}
TAGS: Final = {Language.ZH: "zh-CN", Language.EN: "en"}
NAMES: Final = {Language.ZH: "中文", Language.EN: "English"}


class Words:
    """One language: its strings, and how it writes moments and durations."""

    def __init__(self, language: Language, messages: Mapping[str, str], timezone: ZoneInfo) -> None:
        self.language = language
        self.tag = TAGS[language]
        self._messages = messages
        self._zone = timezone
        self._locale = LOCALES[language]

    def gettext(self, text: str) -> str:
        """``text`` in this language; itself when nobody translated it."""
        return self._messages.get(text) or text

    def ngettext(self, one: str, many: str, number: int) -> str:
        """``one`` or ``many`` in this language; Chinese has one form."""
        return self.gettext(one if number == 1 and self.language is Language.EN else many)

    def local(self, moment: datetime | int) -> datetime:
        """A moment (or UTC milliseconds) in the centre's time zone."""
        return (clock.from_ms(moment) if isinstance(moment, int) else moment).astimezone(self._zone)

    def moment(self, moment: datetime | int) -> str:
        """Day and time to the second."""
        return self.local(moment).strftime("%Y-%m-%d %H:%M:%S")

    def day(self, moment: datetime | int) -> str:
        """A day with its weekday."""
        pattern = "EEE d MMM y" if self.language is Language.EN else "y年M月d日 EEE"
        return dates.format_date(self.local(moment), pattern, locale=self._locale)

    def time(self, moment: datetime | int) -> str:
        """Time of day to the second."""
        return self.local(moment).strftime("%H:%M:%S")

    @staticmethod
    def span(millis: float | None) -> str:
        """A duration: ``0:07``, ``12:34``, ``1:02:03``; a dash when there is none."""
        if millis is None:
            return "–"
        seconds = int(timedelta(milliseconds=millis).total_seconds() + 0.5)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def read_messages(path: Path) -> dict[str, str]:
    """The strings of a .po file; fuzzy ones don't count."""
    with path.open("rb") as file:
        catalogue = read_po(file)
    pairs = ((message.id, message.string) for message in catalogue if not message.fuzzy)
    return {text: said for text, said in pairs if isinstance(text, str) and isinstance(said, str) and text and said}


def load(locale_dir: Path, timezone: str) -> dict[Language, Words]:
    """Both languages."""
    zone = ZoneInfo(timezone)
    chinese = read_messages(locale_dir / "zh" / "LC_MESSAGES" / "console.po")
    return {Language.ZH: Words(Language.ZH, chinese, zone), Language.EN: Words(Language.EN, {}, zone)}


def wished(request: web.Request, chosen: str, default: Language) -> Language:
    """The language to answer in: the user's choice, this browser's cookie, what the browser prefers, the centre's."""
    for candidate in (chosen, request.cookies.get(COOKIE, "")):
        if candidate in set(Language):
            return Language(candidate)
    ranked: list[tuple[float, Language]] = []
    for part in request.headers.get("Accept-Language", "")[:400].split(","):
        tag, _, weight = part.strip().partition(";q=")
        primary = tag.partition("-")[0].lower()
        if primary in set(Language):
            ranked.append((_weight(weight), Language(primary)))
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else default


def _weight(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0
