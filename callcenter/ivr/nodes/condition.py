"""condition: which way, by time, holiday, caller, VIP, blacklist, or a variable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from callcenter.ivr.hours import working_weekday
from callcenter.ivr.nodes.base import Context, Go, Move, Node, NodeName, VariableName


class Hours(BaseModel):
    """A stretch of the week, in the centre's zone; ``to`` before ``from`` goes over midnight, ``to`` the same as ``from`` is 24 hours."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    days: Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(min_length=1, max_length=7)] = [1, 2, 3, 4, 5]
    """1 Monday to 7 Sunday: the day on which the stretch begins."""
    from_: Annotated[time, Field(alias="from")]
    to: time
    shifted: bool = True
    """A weekend day that China works in exchange for a holiday (调休) is a Friday or a Monday, no longer a day of the weekend."""

    @field_validator("from_", "to")
    @classmethod
    def _in_our_zone(cls, value: time) -> time:
        if value.tzinfo is not None:
            raise ValueError("times are in the centre's zone; give none")
        return value

    def _weekday(self, day: date) -> int:
        return working_weekday(day) if self.shifted else day.isoweekday()

    def holds(self, context: Context) -> bool:
        """Whether the call came within it."""
        now = context.facts.now.time().replace(tzinfo=None)
        day = context.facts.now.date()
        today, yesterday = self._weekday(day), self._weekday(day - timedelta(days=1))
        if self.from_ < self.to:
            return today in self.days and self.from_ <= now < self.to
        return (today in self.days and now >= self.from_) or (yesterday in self.days and now < self.to)


class Way(BaseModel):
    """All that is given must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: Annotated[list[Hours], Field(max_length=20)] | None = None
    """Any of these."""
    holiday: bool | None = None
    caller_begins: Annotated[list[Annotated[str, Field(pattern=r"^\+?[0-9]{1,20}$")]], Field(max_length=200)] | None = None
    """The caller's number begins with any of these."""
    anonymous: bool | None = None
    vip: bool | None = None
    blacklisted: bool | None = None
    variable: VariableName | None = None
    equals: Annotated[list[str], Field(max_length=100)] | None = None
    """The variable is any of these."""
    next: NodeName

    @model_validator(mode="after")
    def _complete(self) -> Way:
        if (self.variable is None) != (self.equals is None):
            raise ValueError("variable and equals go together")
        if not self.model_dump(exclude={"next"}, exclude_none=True):
            raise ValueError("a way needs at least one condition; use otherwise for the rest")
        return self

    def holds(self, context: Context) -> bool:
        """Whether the call takes this way."""
        facts = context.facts
        asked: list[tuple[object, bool]] = [
            (self.hours, self.hours is not None and any(stretch.holds(context) for stretch in self.hours)),
            (self.holiday, facts.is_holiday == self.holiday),
            (self.caller_begins, self.caller_begins is not None and facts.caller.startswith(tuple(self.caller_begins))),
            (self.anonymous, (not facts.caller or facts.caller == "anonymous") == self.anonymous),
            (self.vip, facts.vip == self.vip),
            (self.blacklisted, facts.blacklisted == self.blacklisted),
            (self.variable, self.variable is not None and context.value(self.variable) in (self.equals or [])),
        ]
        return all(holds for wanted, holds in asked if wanted is not None)


class Condition(Node):
    """Takes the first way that holds, else ``otherwise``."""

    type: Literal["condition"]
    ways: Annotated[list[Way], Field(min_length=1, max_length=50)]
    otherwise: NodeName

    def exits(self) -> Mapping[str, str]:
        """Each way, and the rest."""
        return {f"ways.{index}.next": way.next for index, way in enumerate(self.ways)} | {"otherwise": self.otherwise}

    def reads(self) -> Iterator[tuple[str, str]]:
        """Variables compared."""
        for index, way in enumerate(self.ways):
            if way.variable:
                yield f"ways.{index}.variable", way.variable

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Ways that nobody can ever take."""
        for index, way in enumerate(self.ways):
            for field, values in (("hours", way.hours), ("caller_begins", way.caller_begins), ("equals", way.equals)):
                if values == []:
                    yield f"ways.{index}.{field}", "is empty, so this way can never be taken"

    def enter(self, name: str, context: Context) -> Move:
        """Choose."""
        return Move(then=Go(to=next((way.next for way in self.ways if way.holds(context)), self.otherwise)))
