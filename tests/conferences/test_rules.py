"""Who may enter a conference, when it begins and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callcenter.conferences.model import Conference, Refusal, Role, closed, is_over, may_begin, role_of, room_for

_NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_PINS = st.sampled_from(["", "1234", "5678", "9999"])


def _room(**given: object) -> Conference:
    return Conference(name="daily", number="4020", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"guest_pin": "1234", "moderator_pin": "1234"}, "guest_pin"),
        ({"waits_for_moderator": True}, "waits_for_moderator"),
        ({"ends_with_moderator": True}, "ends_with_moderator"),
        ({"opens_at": _NOW, "closes_at": _NOW}, "closes_at"),
        ({"opens_at": datetime(2026, 1, 1)}, "opens_at"),
        ({"guest_pin": "12"}, "guest_pin"),
        ({"most_members": 1}, "most_members"),
    ],
)
def test_a_room_that_makes_no_sense_is_refused_with_its_place(given: dict[str, object], place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _room(**given)
    assert place in str(refused.value)


def test_open_from_its_first_moment_to_its_last() -> None:
    room = _room(opens_at=_NOW, closes_at=_NOW + timedelta(hours=1))
    assert closed(room, _NOW - timedelta(seconds=1)) is Refusal.NOT_OPEN
    assert closed(room, _NOW) is None
    assert closed(room, _NOW + timedelta(hours=1)) is Refusal.OVER
    assert closed(_room(), _NOW) is None


@given(guest=_PINS, moderator=_PINS, typed=_PINS)
def test_a_pin_makes_one_role_and_nobody_becomes_a_moderator_without_it(guest: str, moderator: str, typed: str) -> None:
    if guest and guest == moderator:
        return
    role = role_of(_room(guest_pin=guest, moderator_pin=moderator), typed)
    assert (role is Role.MODERATOR) == bool(moderator and typed == moderator)
    if role is Role.GUEST:
        assert typed == guest
    if role is None:
        assert typed not in (guest, moderator or guest)


@given(present=st.integers(0, 60), locked=st.booleans(), role=st.sampled_from(Role))
def test_a_full_room_takes_nobody_and_a_locked_one_only_moderators(present: int, locked: bool, role: Role) -> None:
    refusal = room_for(_room(most_members=50), role, present=present, locked=locked)
    if present >= 50:
        assert refusal is Refusal.FULL
    else:
        assert (refusal is Refusal.LOCKED) == (locked and role is Role.GUEST)


@given(left=st.sampled_from(Role), present=st.lists(st.sampled_from(Role)), ends=st.booleans())
def test_over_behind_the_last_one_or_the_last_moderator(left: Role, present: list[Role], ends: bool) -> None:
    room = _room(moderator_pin="5678", ends_with_moderator=ends, waits_for_moderator=True)
    over = is_over(room, left, present)
    assert over == (not present or (ends and left is Role.MODERATOR and Role.MODERATOR not in present))
    assert may_begin(room, present) == (Role.MODERATOR in present)
