"""menu: one key of several; asked again when it is wrong or missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from callcenter.ivr.asks import Answer, Digits, DigitTimeouts, Gather, Pressed
from callcenter.ivr.nodes.base import SILENT_PROMPT, Context, Go, Key, Move, Node, NodeName, Piece, Prompt


class Menu(Node):
    """Asks for one key. After ``retries`` more tries it goes to ``otherwise``."""

    waits: ClassVar[bool] = True

    type: Literal["menu"]
    prompt: Prompt
    options: Annotated[dict[Key, NodeName], Field(min_length=1, max_length=12)]
    repeat_key: Key | None = None
    """Asks once more, and counts as no try."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    timeout_s: Annotated[float, Field(ge=1, le=60)] = 5
    """How long the caller may think after the prompt's end."""
    barge_in: bool = True
    invalid: Prompt = ["invalid-choice"]
    no_input: Prompt = ["no-input"]
    otherwise: NodeName

    def exits(self) -> Mapping[str, str]:
        """A way for each key, and the one for those who never press a right one."""
        return {f"options.{key}": to for key, to in self.options.items()} | {"otherwise": self.otherwise}

    def prompts(self) -> Iterator[tuple[str, list[Piece]]]:
        """What it plays."""
        yield from (("prompt", self.prompt), ("invalid", self.invalid), ("no_input", self.no_input))

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """A question that nobody hears, a key that means two things."""
        if not self.prompt:
            yield "prompt", SILENT_PROMPT
        if self.repeat_key in self.options:
            yield "repeat_key", f"{self.repeat_key} is an option too, so it would never repeat"

    def _ask(self, context: Context, before: list[Piece], attempt: int) -> Move:
        timeouts = DigitTimeouts(first_s=self.timeout_s, overall_s=self.timeout_s)
        sounds = context.sounds([*before, *self.prompt])
        return Move(then=Gather(sounds=sounds, barge_in=self.barge_in, timeouts=timeouts), attempt=attempt)

    def enter(self, name: str, context: Context) -> Move:
        """Ask."""
        return self._ask(context, [], context.attempt)

    def take(self, name: str, context: Context, answer: Answer) -> Move:
        """The option's way, or ask again, or give up."""
        pressed = answer.text if isinstance(answer, Digits) else ""
        if to := self.options.get(pressed):
            return Move(then=Go(to=to), notes=(Pressed(node=name, digits=pressed, valid=True),))
        if pressed and pressed == self.repeat_key:
            move = self._ask(context, [], context.attempt)
            return Move(then=move.then, attempt=context.attempt, notes=(Pressed(node=name, digits=pressed, valid=True),))
        notes = (Pressed(node=name, digits=pressed, valid=False),)
        if context.attempt >= self.retries:
            return Move(then=Go(to=self.otherwise), notes=notes)
        again = self._ask(context, self.invalid if pressed else self.no_input, context.attempt + 1)
        return Move(then=again.then, attempt=again.attempt, notes=notes)
