"""What may be written into Asterisk's configuration, field by field. Pure.

Asterisk's files have no quoting that holds for every value, so nothing is escaped here: a value either matches
the one pattern of its field, in which no character means anything to Asterisk's parsers, or it is refused.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import PurePosixPath
from typing import Final

from callcenter.basics.errors import BadRequest
from callcenter.basics.vocabulary import AGENT_NUMBER, NAME

_PATH: Final = re.compile(r"/[A-Za-z0-9_./+@-]{0,400}")
_USER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_PROVIDER_USER: Final = re.compile(r"\+?[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SECRET: Final = re.compile(r"[A-Za-z0-9_.~+/-]{8,128}")
_PROVIDER_SECRET: Final = re.compile(r"[A-Za-z0-9_.~+/!@#%^*?:-]{4,128}")
_CODEC: Final = re.compile(r"alaw|ulaw|g722|opus")
_OUR_NUMBER: Final = re.compile(r"\+?[0-9*#]{1,32}")
_DIALLED: Final = re.compile(r"\+?[0-9]{1,31}")
_PERSON: Final = re.compile(r"[^\W_](?:[\w .'·-]{0,78}[\w.])?")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_NOT_IN_A_PERSON: Final = re.compile(r"[^\w .'·-]+")
_HOSTILE: Final = re.compile(r"[\x00-\x1f\x7f;\[\]{}|&]|\$\{|\$\[")


def _matching(field: str, value: object, pattern: re.Pattern[str], rule: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadRequest(f"{field}: {value!r:.80} can't stand in Asterisk's configuration; allowed is {rule}", field=field)
    return value


def agent_number(field: str, value: str) -> str:
    """An agent's number, 2–8 digits; BadRequest otherwise."""
    return _matching(field, value, AGENT_NUMBER, "2 to 8 digits")


def dialled(field: str, value: str) -> str:
    """A telephone number: digits, perhaps with a leading +; BadRequest otherwise."""
    return _matching(field, value, _DIALLED, "up to 31 digits, perhaps with a leading +")


def name(field: str, value: str) -> str:
    """What a queue or a trunk may be called; BadRequest otherwise."""
    return _matching(field, value, NAME, "a small letter, then up to 39 small letters, digits, - or _")


def user(field: str, value: str) -> str:
    """A user name at ARI, AMI or a provider; BadRequest otherwise."""
    return _matching(field, value, _USER, "a letter, then up to 39 letters, digits, - or _")


def provider_user(field: str, value: str) -> str:
    """A user name at a provider, often a telephone number; BadRequest otherwise."""
    return _matching(field, value, _PROVIDER_USER, "up to 64 letters, digits, _ . or -, perhaps with a leading +")


def secret(field: str, value: str) -> str:
    """A password; BadRequest, which does not show it, otherwise."""
    if not isinstance(value, str) or not _SECRET.fullmatch(value):
        raise BadRequest(f"{field}: not a usable secret; allowed are 8 to 128 letters, digits and . _ ~ + / -", field=field)
    return value


def provider_secret(field: str, value: str) -> str:
    """A password that a provider gave, perhaps a weak one; BadRequest, which does not show it, otherwise."""
    if not isinstance(value, str) or not _PROVIDER_SECRET.fullmatch(value):
        allowed = "4 to 128 letters, digits and . _ ~ + / ! @ # % ^ * ? : -"
        raise BadRequest(f"{field}: not a usable secret; allowed are {allowed}", field=field)
    return value


def codec(field: str, value: str) -> str:
    """A codec's name; BadRequest otherwise."""
    return _matching(field, value, _CODEC, "alaw, ulaw, g722 or opus")


def our_number(field: str, value: str) -> str:
    """A number of ours that a provider calls: digits, * and #, perhaps with a leading +; BadRequest otherwise."""
    return _matching(field, value, _OUR_NUMBER, "up to 32 digits, * and #, perhaps with a leading +")


def person(field: str, value: str) -> str:
    """A person's name as a phone may show it; BadRequest otherwise. ``plain_person`` makes one of any text."""
    if isinstance(value, str) and any(ord(char) < 32 for char in value):
        raise BadRequest(f"{field}: a name can't hold control characters", field=field)
    return _matching(field, value, _PERSON, "up to 80 letters, digits, spaces and . - ' ·")


def plain_person(text: str, otherwise: str = "agent") -> str:
    """``text`` without what a name can't hold on a phone's display; ``otherwise`` where nothing is left of it."""
    kept = _NOT_IN_A_PERSON.sub(" ", text)[:80]
    kept = re.sub(r"\s+", " ", kept).strip(" _-'·")
    return kept if _PERSON.fullmatch(kept) else otherwise


def path(field: str, value: object) -> str:
    """An absolute path without characters that mean something to Asterisk; BadRequest otherwise."""
    text = _matching(field, str(value), _PATH, "an absolute path of letters, digits and _ . / + @ -")
    if ".." in PurePosixPath(text).parts:
        raise BadRequest(f"{field}: {text!r:.80} climbs with ..", field=field)
    return text


def port(field: str, value: int) -> int:
    """A TCP or UDP port, 1–65535; BadRequest otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise BadRequest(f"{field}: {value!r:.20} is not a port (1 to 65535)", field=field)
    return value


def address(field: str, value: str) -> str:
    """An IPv4 or IPv6 address, in its normal form; BadRequest otherwise."""
    try:
        parsed = ipaddress.ip_address(_matching(field, value, re.compile(r"[0-9a-fA-F:.]{2,45}"), "an IP address"))
    except ValueError as error:
        raise BadRequest(f"{field}: {value!r:.60} is not an IP address", field=field) from error
    return str(parsed)


def network(field: str, value: str) -> str:
    """A network such as 192.0.2.0/24, in its normal form; BadRequest otherwise."""
    try:
        parsed = ipaddress.ip_network(_matching(field, value, re.compile(r"[0-9a-fA-F:./]{2,49}"), "a network"), strict=False)
    except ValueError as error:
        raise BadRequest(f"{field}: {value!r:.60} is not a network such as 192.0.2.0/24", field=field) from error
    return str(parsed)


def host(field: str, value: str) -> str:
    """A host name or an IP address; BadRequest otherwise."""
    if isinstance(value, str) and ":" in value:
        return address(field, value)
    return _matching(field, value, _HOST, "a host name or an IP address")


def harmless(value: object) -> object:
    """The second gate: every value a template writes passes here, whatever checked it before; BadRequest otherwise."""
    if _HOSTILE.search(str(value)):
        raise BadRequest(f"{value!r:.80} can't stand in Asterisk's configuration")
    return value
