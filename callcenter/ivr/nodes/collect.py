"""collect: several digits into a variable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from callcenter.ivr.asks import Answer, Digits, DigitTimeouts, Gather, Pressed
from callcenter.ivr.nodes.base import SILENT_PROMPT, Context, Go, Key, Move, Node, NodeName, Piece, Prompt, VariableName


class Collect(Node):
    """Asks for digits, ended by ``terminator``, by ``most`` digits, or by silence."""

    waits: ClassVar[bool] = True

    type: Literal["collect"]
    prompt: Prompt
    variable: VariableName
    least: Annotated[int, Field(ge=1, le=32)] = 1
    most: Annotated[int, Field(ge=1, le=32)] = 20
    terminator: Key = "#"
    secret: bool = False
    """A PIN or a card number: neither logged nor written into the ledger."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    first_s: Annotated[float, Field(ge=1, le=60)] = 7
    inter_s: Annotated[float, Field(ge=0.5, le=20)] = 4
    invalid: Prompt = ["invalid-choice"]
    no_input: Prompt = ["no-input"]
    next: NodeName
    otherwise: NodeName

    @model_validator(mode="after")
    def _in_order(self) -> Collect:
        if self.least > self.most:
            raise ValueError(f"least ({self.least}) is more than most ({self.most})")
        return self

    def exits(self) -> Mapping[str, str]:
        """With digits, and without."""
        return {"next": self.next, "otherwise": self.otherwise}

    def prompts(self) -> Iterator[tuple[str, list[Piece]]]:
        """What it plays."""
        yield from (("prompt", self.prompt), ("invalid", self.invalid), ("no_input", self.no_input))

    def sets(self) -> tuple[str, ...]:
        """The digits."""
        return (self.variable,)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """A question that nobody hears."""
        if not self.prompt:
            yield "prompt", SILENT_PROMPT

    def _ask(self, context: Context, before: list[Piece], attempt: int) -> Move:
        limit_s = self.first_s + self.inter_s * self.most
        ask = Gather(
            sounds=context.sounds([*before, *self.prompt]),
            timeouts=DigitTimeouts(first_s=self.first_s, inter_s=self.inter_s, overall_s=limit_s),
            max_digits=self.most,
            terminators=self.terminator,
            secret=self.secret,
        )
        return Move(then=ask, attempt=attempt)

    def enter(self, name: str, context: Context) -> Move:
        """Ask."""
        return self._ask(context, [], context.attempt)

    def take(self, name: str, context: Context, answer: Answer) -> Move:
        """Keep the digits, or ask again, or give up."""
        text = answer.text if isinstance(answer, Digits) else ""
        valid = text.isdecimal() and text.isascii() and self.least <= len(text) <= self.most
        notes = (Pressed(node=name, digits="" if self.secret else text, valid=valid),)
        if valid:
            return Move(then=Go(to=self.next), variables={self.variable: text}, notes=notes)
        if context.attempt >= self.retries:
            return Move(then=Go(to=self.otherwise), notes=notes)
        again = self._ask(context, self.invalid if text else self.no_input, context.attempt + 1)
        return Move(then=again.then, attempt=again.attempt, notes=notes)
