"""HTTP ranges (RFC 9110, 14). Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Range(NamedTuple):
    """Bytes from ``start`` up to, not including, ``end``."""

    start: int
    end: int


class Unsatisfiable(ValueError):
    """The range lies outside: 416."""


def parse(header: str | None, size: int) -> Range | None:
    """The one range a header asks for, or None when all is to be sent (no header, a unit or a form not served).

    Unsatisfiable when it begins behind the end of ``size`` bytes.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size)
        if not length:
            raise Unsatisfiable(header)
        return Range(size - length, size)
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if start >= size:
        raise Unsatisfiable(header)
    return Range(start, end) if end > start else None
