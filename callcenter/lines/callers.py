"""Callers the centre knows, held in memory: the call path asks no database.

They stand beside the centre's own numbers, not in the ivr: a flow is only one of those who ask (the greeting chooses the
language, the queue the place).
"""

from __future__ import annotations

from typing import Final

import asyncpg
import msgspec

from callcenter.basics.vocabulary import ANONYMOUS, Language
from callcenter.lines import callers_store as store

VIP_PRIORITY: Final = 10
"""Points of priority that a VIP has in a queue, unless the flow sets another."""
_CHINA: Final = "86"
_LONGEST_LOCAL: Final = 10
"""A number without + that begins with 86 and is longer than this has its country in front."""


class CallerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a caller."""

    vip: bool = False
    blacklisted: bool = False
    language: Language | None = None
    """None: the dialled number's."""
    owner: str = ""
    """The agent whose customer the caller is."""
    need: dict[str, int] = {}
    """Skill → least level."""

    @property
    def priority(self) -> int:
        """Points of priority in a queue where no flow says otherwise."""
        return VIP_PRIORITY if self.vip else 0


_STRANGER: Final = CallerFacts()


def key_of(number: str) -> str:
    """One key for all the ways in which providers write a caller's number: with +86, 0086, 86, the trunk 0, or nothing in front.

    Numbers of other countries keep their +, so that none is taken for one of China's. Pure.
    """
    bare = number.removeprefix("+")
    is_international = number.startswith("+") or bare.startswith("00")
    if bare.startswith("00"):
        bare = bare[2:]
    if bare.startswith(_CHINA) and (is_international or len(bare) > _LONGEST_LOCAL):
        is_international, bare = False, bare.removeprefix(_CHINA)
    if not bare:
        return number
    return f"+{bare}" if is_international else bare.removeprefix("0") or bare


class Callers:
    """The callers the centre knows."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._known: dict[str, CallerFacts] = {}

    async def load(self) -> None:
        """Take over what was changed."""
        self._known = {
            caller.key: CallerFacts(
                vip=caller.vip, blacklisted=caller.blacklisted, language=caller.language, owner=caller.owner, need=caller.need
            )
            for caller in await store.read_facts(self._pool)
        }

    def facts(self, number: str) -> CallerFacts:
        """What is known of a number, at once; of a stranger, nothing."""
        return _STRANGER if number == ANONYMOUS else self._known.get(key_of(number), _STRANGER)
