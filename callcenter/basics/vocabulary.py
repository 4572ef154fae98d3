"""The words of the trade: ids, numbers, languages, directions, causes. Pure.

Ids tell kind and birth: 10 characters of milliseconds since 1970 in Crockford base 32 (so they sort by
time), 10 random characters, then the kind: ``01jd8m3x9kq2v7t0h5wz-call``. Of events' 10 random characters the first six
(and a bit) count up within a process: its events keep their order within a millisecond.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import re
import secrets
from enum import StrEnum
from typing import Final

_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(first + second for first in _BASE32 for second in _BASE32)
_noise = random.Random(secrets.randbits(256))
"""Ids only have to differ; what must not be guessed is guarded by rights, never by its id."""
_SEQUENCE_BITS: Final = 32
_SEQUENCE_MASK: Final = (1 << _SEQUENCE_BITS) - 1
_sequence = itertools.count(_noise.getrandbits(_SEQUENCE_BITS - 1))
"""Begins in the lower half, so that a worker's events keep their order for two thousand million of them."""
_ID: Final = re.compile(r"[0-9a-hjkmnp-tv-z]{20}-(call|leg|br|rec|play|evt|node|fork|cbk)")


class Kind(StrEnum):
    """What an id of ours names; the id ends with it."""

    CALL = "call"
    LEG = "leg"
    BRIDGE = "br"
    RECORDING = "rec"
    PLAYBACK = "play"
    EVENT = "evt"
    NODE = "node"
    CALLBACK = "cbk"


class Language(StrEnum):
    """A language the caller is spoken to in, or a page is shown in."""

    ZH = "zh"
    EN = "en"


class Direction(StrEnum):
    """Where a call came from: the outside, an agent's phone to the outside, or between agents."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class LegRole(StrEnum):
    """Whose leg it is in the call."""

    CALLER = "caller"
    AGENT = "agent"
    OUTSIDE = "outside"
    SUPERVISOR = "supervisor"


class EndedBy(StrEnum):
    """Who ended a call or a leg."""

    CALLER = "caller"
    AGENT = "agent"
    OUTSIDE = "outside"
    SYSTEM = "system"
    SUPERVISOR = "supervisor"


class Outcome(StrEnum):
    """How a call ended, as one word for lists and reports."""

    ANSWERED = "answered"
    ABANDONED_IVR = "abandoned_ivr"
    ABANDONED_QUEUE = "abandoned_queue"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    SELF_SERVICE = "self_service"
    REFUSED = "refused"
    CALLBACK = "callback"
    """The caller asked to be called back: neither answered nor abandoned."""
    FAILED = "failed"
    MEDIA_SERVER_LOST = "media_server_lost"


def new_id(kind: Kind, now_ms: int) -> str:
    """Make an id of ``kind`` born at ``now_ms`` (UTC milliseconds since 1970); of two events the one made first sorts first
    when they were born in the same millisecond."""
    tail = _noise.getrandbits(50)
    if kind is Kind.EVENT:
        tail = (next(_sequence) & _SEQUENCE_MASK) << (50 - _SEQUENCE_BITS) | tail >> _SEQUENCE_BITS
    return _spelt(kind, now_ms << 50 | tail)


def _spelt(kind: Kind, number: int) -> str:
    return (
        f"{_PAIRS[number >> 90 & 1023]}{_PAIRS[number >> 80 & 1023]}{_PAIRS[number >> 70 & 1023]}{_PAIRS[number >> 60 & 1023]}"
        f"{_PAIRS[number >> 50 & 1023]}{_PAIRS[number >> 40 & 1023]}{_PAIRS[number >> 30 & 1023]}{_PAIRS[number >> 20 & 1023]}"
        f"{_PAIRS[number >> 10 & 1023]}{_PAIRS[number & 1023]}-{kind}"
    )


def derived_id(kind: Kind, at_ms: int, seed: str, number: int = 0) -> str:
    """The id that this ``seed`` has, whoever makes it and however often: for what is written down after the fact.

    Of one seed's events in the same millisecond the lower ``number`` (0 to 255) sorts first.
    """
    noise = int.from_bytes(hashlib.blake2b(f"{kind} {seed}".encode(), digest_size=8).digest(), "big")
    return _spelt(kind, at_ms << 50 | (number & 255) << 42 | noise >> 22)


def born_ms(identifier: str) -> int:
    """UTC milliseconds at which an id of ours was made; ValueError when it is not one of ours."""
    if not _ID.fullmatch(identifier):
        raise ValueError(f"not an id of ours: {identifier!r:.60}")
    millis = 0
    for char in identifier[:10]:
        millis = millis << 5 | _BASE32.index(char)
    return millis


def is_id(text: str, kind: Kind | None = None) -> bool:
    """Whether ``text`` is an id of ours, and of ``kind`` where one is given."""
    return bool(_ID.fullmatch(text)) and (kind is None or text.endswith(f"-{kind}"))


_DIALLED: Final = re.compile(r"\+?[0-9*#]{1,32}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\ud800-\udfff]")
ANONYMOUS: Final = "anonymous"


def dialled_number(text: str) -> str | None:
    """A dialled user part as it may be used, or None when it is not a number (hostile until checked)."""
    return text if _DIALLED.fullmatch(text) else None


def caller_number(text: str) -> str:
    """A caller's number made safe: digits with an optional leading +, or ``anonymous``."""
    return text if _DIALLED.fullmatch(text) else ANONYMOUS


def display_name(text: str, limit: int = 80) -> str:
    """A caller's name made safe to store and log: no control characters, at most ``limit`` characters.

    It may still hold quotes or markup: whoever shows it escapes it.
    """
    return _CONTROL.sub(" ", text[: limit * 4]).strip()[:limit]


AGENT_NUMBER: Final = re.compile(r"[0-9]{2,8}")
NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
"""What a queue, a flow, a trunk or a prompt may be called: it reaches file names and the dialplan."""
