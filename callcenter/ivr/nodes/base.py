"""What every node is: data with exits, and what it asks for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from callcenter.basics.vocabulary import Language
from callcenter.ivr import speech
from callcenter.ivr.asks import Answer, Ask, Note

NodeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
VariableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
TEMPLATE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
BUILT_IN: Final = frozenset({"caller", "dialled"})
"""Variables that every flow has."""


class Spoken(BaseModel):
    """A variable read aloud."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    say: Literal["digits", "number", "money", "duration"]
    variable: VariableName


class Sound(BaseModel):
    """An own recording, by its name below ``own/``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    own: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


Piece = Annotated[str, Field(pattern=r"^[a-z][a-z0-9/-]{0,59}$")] | Spoken | Sound
Prompt = Annotated[list[Piece], Field(max_length=20), BeforeValidator(_as_list)]
"""What is played, piece after piece; a single piece stands for a list of one."""


SILENT_PROMPT: Final = "is empty, so the caller hears nothing here"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow may know of the call."""

    caller: str
    dialled: str
    now: datetime
    """In the centre's zone."""
    is_holiday: bool = False
    vip: bool = False
    blacklisted: bool = False
    variables: dict[str, str] = {}


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Where the call stands when a node is asked."""

    facts: Facts
    language: Language
    variables: dict[str, str]
    attempt: int
    """How often the caller has been asked here in vain."""
    stage: str = ""
    """A node's own memory between two asks."""

    def value(self, name: str) -> str:
        """A variable's value; empty when it is not set."""
        if name in BUILT_IN:
            return str(getattr(self.facts, name))
        return self.variables.get(name, self.facts.variables.get(name, ""))

    def sounds(self, prompt: list[Piece]) -> tuple[str, ...]:
        """A prompt in the caller's language."""
        found: tuple[str, ...] = ()
        for piece in prompt:
            if isinstance(piece, Spoken):
                found += _spoken(piece.say, self.value(piece.variable), self.language)
            elif isinstance(piece, Sound):
                found += (f"{self.language}/own/{piece.own}",)
            else:
                found += (f"{self.language}/{piece}",)
        return found


def _spoken(say: str, value: str, language: Language) -> tuple[str, ...]:
    if say == "digits":
        return speech.digits(value, language)
    if say == "money":
        try:
            amount = Decimal(value)
        except InvalidOperation:
            return ()
        return speech.money(amount, language) if amount.is_finite() and abs(amount) < speech.LARGEST else ()
    if not re.fullmatch(r"-?[0-9]{1,15}", value):
        return ()
    return speech.number(int(value), language) if say == "number" else speech.duration(int(value), language)


class Go(msgspec.Struct, frozen=True, kw_only=True):
    """On to another node."""

    to: str


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What a node wants: to ask, or to go on; and what it changes and tells."""

    then: Ask | Go
    attempt: int = 0
    stage: str = ""
    language: Language | None = None
    variables: dict[str, str] = {}
    notes: tuple[Note, ...] = ()


class Node(BaseModel):
    """A step of a flow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    waits: ClassVar[bool] = False
    """Whether it waits for the caller's keys: a circle needs one that does."""

    def exits(self) -> Mapping[str, str]:
        """Place in the node's data → the node it leads to."""
        return {}

    def unanswered(self) -> frozenset[str]:
        """The nodes that a caller who presses nothing can come to from here."""
        exits = self.exits()
        return frozenset({exits["otherwise"]} if self.waits else exits.values())

    def prompts(self) -> Iterator[tuple[str, list[Piece]]]:
        """Place in the node's data → what it plays."""
        return iter(())

    def reads(self) -> Iterator[tuple[str, str]]:
        """Place → variable that must have been set."""
        for place, prompt in self.prompts():
            for index, piece in enumerate(prompt):
                if isinstance(piece, Spoken):
                    yield f"{place}.{index}.variable", piece.variable

    def sets(self) -> tuple[str, ...]:
        """Variables it sets."""
        return ()

    def enter(self, name: str, context: Context) -> Move:
        """The call has come here."""
        raise NotImplementedError

    def take(self, name: str, context: Context, answer: Answer) -> Move:
        """What it asked for has been answered; only nodes that ask are answered."""
        return self.enter(name, context)

    def templates(self) -> Iterator[tuple[str, str]]:
        """Place → text with ``{variables}``."""
        return iter(())

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Place → what can be run but can't be meant; a new flow is refused for it, a stored one still runs."""
        return iter(())
