"""Conference rooms, and who may enter them. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from callcenter.basics.vocabulary import Language


class Role(StrEnum):
    """What somebody is in a conference."""

    MODERATOR = "moderator"
    GUEST = "guest"


class Conference(BaseModel):
    """A conference room, as an administrator sets it up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    title: str = Field("", max_length=80)
    number: str = Field(pattern=r"^\+?[0-9*#]{1,32}$", description="What is dialled to enter.")
    language: Language = Language.ZH
    guest_pin: str = Field("", pattern=r"^([0-9]{4,12})?$", description="Empty: guests need none.")
    moderator_pin: str = Field("", pattern=r"^([0-9]{4,12})?$", description="Empty: there is no moderator.")
    most_members: int = Field(50, ge=2, le=200)
    waits_for_moderator: bool = Field(False, description="Guests hear music until a moderator is there.")
    ends_with_moderator: bool = Field(False, description="Over when the last moderator has gone.")
    muted_on_entry: bool = Field(False, description="Guests enter muted.")
    announces: Literal["off", "tone", "count"] = Field("tone", description="What members hear of those who come and go.")
    records: bool = Field(False, description="Recorded from the moment two are there.")
    opens_at: AwareDatetime | None = Field(None, description="Nobody enters before this; null: open already.")
    closes_at: AwareDatetime | None = Field(None, description="Over at this moment; null: never.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.guest_pin and self.guest_pin == self.moderator_pin:
            raise ValueError("guest_pin: the same as moderator_pin, so nobody could tell who is who")
        if not self.moderator_pin and (self.waits_for_moderator or self.ends_with_moderator):
            which = "waits_for_moderator" if self.waits_for_moderator else "ends_with_moderator"
            raise ValueError(f"{which}: without a moderator_pin nobody is ever a moderator")
        if self.opens_at and self.closes_at and self.opens_at >= self.closes_at:
            raise ValueError("closes_at: not after opens_at")
        return self

    @property
    def asks_pin(self) -> bool:
        """Whether whoever dials in is asked for a PIN."""
        return bool(self.guest_pin or self.moderator_pin)


class Refusal(StrEnum):
    """Why somebody may not enter; the prompt of that name says it."""

    NOT_OPEN = "conference/not-open"
    OVER = "conference/over"
    WRONG_PIN = "conference/wrong-pin"
    LOCKED = "conference/locked"
    FULL = "conference/full"


def closed(conference: Conference, now: datetime) -> Refusal | None:
    """Why nobody may enter now; None while it is open."""
    if conference.opens_at and now < conference.opens_at:
        return Refusal.NOT_OPEN
    if conference.closes_at and now >= conference.closes_at:
        return Refusal.OVER
    return None


def role_of(conference: Conference, pin: str) -> Role | None:
    """Who has this PIN; None when it is nobody's. A room without a guest PIN takes whoever types none as a guest."""
    if conference.moderator_pin and pin == conference.moderator_pin:
        return Role.MODERATOR
    return Role.GUEST if pin == conference.guest_pin else None


def room_for(conference: Conference, role: Role, *, present: int, locked: bool) -> Refusal | None:
    """Why there is no place for one more; a lock keeps guests out only."""
    if present >= conference.most_members:
        return Refusal.FULL
    return Refusal.LOCKED if locked and role is Role.GUEST else None


def may_begin(conference: Conference, present: Collection[Role]) -> bool:
    """Whether members hear each other, rather than music."""
    return not conference.waits_for_moderator or Role.MODERATOR in present


def is_over(conference: Conference, left: Role, present: Collection[Role]) -> bool:
    """Whether the conference ends because ``left`` has gone and these are still there."""
    return not present or (conference.ends_with_moderator and left is Role.MODERATOR and Role.MODERATOR not in present)
