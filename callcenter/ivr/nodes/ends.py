"""queue, agent, number, voicemail, hangup: where a flow ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from callcenter.ivr import asks
from callcenter.ivr.nodes.base import TEMPLATE, Context, Move, Node, Piece, Prompt

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class _IntoQueue(Node):
    queue: Name
    priority: Annotated[int, Field(ge=0, le=100)] | None = None
    """None: what the caller has anyway, a VIP 10."""
    need: Annotated[dict[Name, Annotated[int, Field(ge=1, le=10)]], Field(max_length=20)] = {}
    """Skill → least level."""
    agent: Annotated[str, Field(pattern=r"^(?:[0-9]{2,8}|\{[a-z][a-z0-9_]{0,39}\})?$")] = ""
    """Whom the caller should get: a number, or a ``{variable}`` as a lookup answered it."""

    def templates(self) -> Iterator[tuple[str, str]]:
        """The agent."""
        yield "agent", self.agent

    def place(self, context: Context, *, callback: bool) -> Move:
        """Hand over."""
        agent = TEMPLATE.sub(lambda match: context.value(match[1]), self.agent)
        then = asks.SendToQueue(queue=self.queue, priority=self.priority, need=self.need, agent=agent, callback=callback)
        return Move(then=then)


class ToQueue(_IntoQueue):
    """The caller waits in a queue."""

    type: Literal["queue"]

    def enter(self, name: str, context: Context) -> Move:
        """Hand over."""
        return self.place(context, callback=False)


class ToCallback(_IntoQueue):
    """The caller is asked where to be called back, and has a place in a queue; who does not want it waits there."""

    type: Literal["callback"]

    def enter(self, name: str, context: Context) -> Move:
        """Hand over."""
        return self.place(context, callback=True)


class ToAgent(Node):
    """One agent's phone rings."""

    type: Literal["agent"]
    agent: Annotated[str, Field(pattern=r"^[0-9]{2,8}$")]

    def enter(self, name: str, context: Context) -> Move:
        """Hand over."""
        return Move(then=asks.SendToAgent(agent=self.agent))


class ToNumber(Node):
    """An outside number is called: one written here, or one with a ``{variable}`` in it that the centre's settings allow."""

    type: Literal["number"]
    number: Annotated[str, Field(pattern=r"^\+?(?:[0-9]{3,20}|[0-9]{0,20}\{[a-z][a-z0-9_]{0,39}\}[0-9]{0,20})$")]

    def templates(self) -> Iterator[tuple[str, str]]:
        """The number."""
        yield "number", self.number

    def enter(self, name: str, context: Context) -> Move:
        """Hand over."""
        number = TEMPLATE.sub(lambda match: context.value(match[1]), self.number)
        return Move(then=asks.SendToNumber(number=number, is_built="{" in self.number))


class ToVoicemail(Node):
    """The caller may leave a message."""

    type: Literal["voicemail"]
    box: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]

    def enter(self, name: str, context: Context) -> Move:
        """Hand over."""
        return Move(then=asks.LeaveVoicemail(box=self.box))


class Hangup(Node):
    """Says goodbye, if told to, and hangs up."""

    type: Literal["hangup"]
    prompt: Prompt = []
    cause: Literal["normal", "busy", "congestion"] = "normal"

    def prompts(self) -> Iterator[tuple[str, list[Piece]]]:
        """The goodbye."""
        yield "prompt", self.prompt

    def enter(self, name: str, context: Context) -> Move:
        """Say goodbye first."""
        if self.prompt and context.stage != "said":
            return Move(then=asks.Say(context.sounds(self.prompt)))
        return Move(then=asks.HangUp(cause=self.cause), stage="said")

    def take(self, name: str, context: Context, answer: asks.Answer) -> Move:
        """It was said."""
        return Move(then=asks.HangUp(cause=self.cause), stage="said")
