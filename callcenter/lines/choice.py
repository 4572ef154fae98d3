"""Which number is whose. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from callcenter.basics.vocabulary import Language
from callcenter.lines.callers import key_of
from callcenter.lines.model import Number

_CHINA: Final = "+86"
_OUTSIDE: Final = re.compile(r"\+?[0-9]{3,20}")
_DOMESTIC: Final = re.compile(r"(?:\+86|0086|86|0)?1[3-9][0-9]{9}|(?:\+86|0086|86)[1-9][0-9]{8,10}|0[1-9][0-9]{8,10}")
"""Mobiles and fixed lines of the country, in every spelling; no service numbers, and no local numbers without an area."""
_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call goes."""

    kind: Literal["flow", "queue", "agent", "conference"]
    target: str
    language: Language
    need: dict[str, int] = {}
    """Skill → least level."""


def spellings(dialled: str) -> Iterator[str]:
    """The ways in which providers write one number: as it is, with and without +, 00, the country's 86 and the trunk 0."""
    yield dialled
    bare = dialled.removeprefix("+")
    if bare.startswith("00"):
        bare = bare[2:]
    yield bare
    yield f"+{bare}"
    if bare.startswith("86") and len(bare) > 10:
        yield bare[2:]
        yield f"0{bare[2:]}"
    if bare.startswith("0"):
        yield f"{_CHINA}{bare[1:]}"


def same_line(number: str) -> tuple[str, ...]:
    """The number as written, then the other ways to dial the very same line.

    A short number has none (10086 is not 010 086), and of a domestic one the bare 86 is left out: it could be read as a local number.
    """
    key = key_of(number)
    if key.startswith("+"):
        return number, key, f"00{key[1:]}"
    if not _DOMESTIC.fullmatch(number):
        return (number,)
    bare = (key,) if _MOBILE.fullmatch(key) else ()
    return number, *bare, f"0{key}", f"{_CHINA}{key}", f"00{_CHINA[1:]}{key}"


def may_call(number: str, *, is_built: bool, allowed: Iterable[str]) -> bool:
    """Whether a flow may call a number outside: one that an administrator wrote, or one built from digits that begins as ``allowed``.

    However number and ``allowed`` are written: ``138`` allows +86138… too, ``+1`` 001… as well.
    """
    if not _OUTSIDE.fullmatch(number):
        return False
    beginnings = tuple(allowed)
    return not is_built or any(spelling.startswith(beginnings) for spelling in same_line(number))


def route(dialled: str, numbers: Mapping[str, Number]) -> Destination | None:
    """Where ``dialled`` leads, or None when it is nobody's number; the first spelling that is known counts."""
    if not dialled:
        return None
    for spelling in spellings(dialled):
        if number := numbers.get(spelling):
            return Destination(kind=number.kind, target=number.target, language=number.language, need=number.need)
    return None


def may_call_back(number: str, *, given_by_network: bool, allowed: Iterable[str]) -> bool:
    """Whether a customer may be called at a number: a domestic one that the network gave, or one that begins as ``allowed``."""
    return (given_by_network and bool(_DOMESTIC.fullmatch(number))) or may_call(number, is_built=True, allowed=allowed)
