"""play: say something, go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from callcenter.ivr.asks import Answer, Say
from callcenter.ivr.nodes.base import SILENT_PROMPT, Context, Go, Move, Node, NodeName, Piece, Prompt


class Play(Node):
    """Plays a prompt to its end; keys pressed meanwhile count for the next question."""

    type: Literal["play"]
    prompt: Prompt
    next: NodeName

    def exits(self) -> Mapping[str, str]:
        """Where it goes on."""
        return {"next": self.next}

    def prompts(self) -> Iterator[tuple[str, list[Piece]]]:
        """What it plays."""
        yield "prompt", self.prompt

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Playing nothing."""
        if not self.prompt:
            yield "prompt", SILENT_PROMPT

    def enter(self, name: str, context: Context) -> Move:
        """Play."""
        return Move(then=Say(context.sounds(self.prompt)))

    def take(self, name: str, context: Context, answer: Answer) -> Move:
        """Go on."""
        return Move(then=Go(to=self.next))
