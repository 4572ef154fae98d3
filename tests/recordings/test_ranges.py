"""HTTP ranges against a plain reference of RFC 9110."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callcenter.recordings.ranges import Unsatisfiable, parse

_numbers = st.one_of(st.none(), st.integers(0, 300))


def reference(first: int | None, last: int | None, size: int) -> list[int] | None:
    """The places asked for; None: the whole. An empty list: none of them is there."""
    places = list(range(size))
    if first is None and last is None:
        return None
    if first is None:
        return places[-last:] if last else []
    if last is not None and last < first:
        return None if first < size else []
    return [place for place in places if place >= first and (last is None or place <= last)]


@given(_numbers, _numbers, st.integers(0, 200))
def test_every_range_is_the_reference(first: int | None, last: int | None, size: int) -> None:
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    expected = reference(first, last, size)
    try:
        found = parse(header, size)
    except Unsatisfiable:
        assert expected == []
        return
    assert (list(range(*found)) if found else None) == expected


@given(st.text(), st.integers(0, 10**12))
def test_no_header_breaks_it(header: str, size: int) -> None:
    try:
        found = parse(header, size)
    except Unsatisfiable:
        return
    assert found is None or 0 <= found.start < found.end <= size
