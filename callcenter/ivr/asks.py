"""What a flow may ask for, what it is answered, and what it tells. Pure."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from callcenter.basics.vocabulary import Language


class DigitTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long the caller may take, in seconds."""

    first_s: float = 5.0
    """Until the first key, counted from the prompt's end."""
    inter_s: float = 3.0
    """Between keys."""
    overall_s: float = 30.0
    """For all keys together."""


class Say(msgspec.Struct, frozen=True, tag="say"):
    """Play these sounds to the end."""

    sounds: tuple[str, ...]


class Gather(msgspec.Struct, frozen=True, kw_only=True, tag="gather"):
    """Play, then collect keys."""

    sounds: tuple[str, ...]
    barge_in: bool = True
    """The first key stops the prompt."""
    timeouts: DigitTimeouts = DigitTimeouts()
    max_digits: int = 1
    terminators: str = ""
    secret: bool = False


class Lookup(msgspec.Struct, frozen=True, kw_only=True, tag="lookup"):
    """Ask another system by HTTP."""

    method: Literal["GET", "POST"]
    url: str
    body: dict[str, str] | None = None
    timeout_s: float = 3.0


class SendToQueue(msgspec.Struct, frozen=True, kw_only=True, tag="queue"):
    """The flow ends: the caller waits in a queue."""

    queue: str
    priority: int | None = None
    """Points; None: what the caller has anyway."""
    need: dict[str, int] = {}
    """Skill → least level that this choice asks for."""
    agent: str = ""
    """The agent whom the caller should get; empty: by the queue's own rules."""
    callback: bool = False
    """To be called back from there, rather than wait."""


class SendToAgent(msgspec.Struct, frozen=True, kw_only=True, tag="agent"):
    """The flow ends: one agent's phone rings."""

    agent: str


class SendToNumber(msgspec.Struct, frozen=True, kw_only=True, tag="number"):
    """The flow ends: an outside number is called."""

    number: str
    is_built: bool = False
    """Built from a variable: it may hold anything, and is called only where the centre allows it."""


class LeaveVoicemail(msgspec.Struct, frozen=True, kw_only=True, tag="voicemail"):
    """The flow ends: the caller may leave a message."""

    box: str


class HangUp(msgspec.Struct, frozen=True, kw_only=True, tag="hangup"):
    """The flow ends, and the call."""

    cause: str = "normal"


Ask: TypeAlias = Say | Gather | Lookup | SendToQueue | SendToAgent | SendToNumber | LeaveVoicemail | HangUp
Final_: TypeAlias = SendToQueue | SendToAgent | SendToNumber | LeaveVoicemail | HangUp


class Said(msgspec.Struct, frozen=True):
    """The sounds were played."""


class Digits(msgspec.Struct, frozen=True, kw_only=True):
    """The keys pressed, and why collecting ended."""

    text: str
    ended: Literal["max", "terminator", "timeout"]


class LookedUp(msgspec.Struct, frozen=True, kw_only=True):
    """The other system's answer; status 0: it did not answer. ``fields`` are its JSON object's plain values as text."""

    status: int
    fields: dict[str, str] = {}


Answer: TypeAlias = Said | Digits | LookedUp


class NodeReached(msgspec.Struct, frozen=True, kw_only=True):
    """The flow went into a node."""

    node: str


class Pressed(msgspec.Struct, frozen=True, kw_only=True):
    """The caller answered a node by keys; secret ones are not told."""

    node: str
    digits: str
    valid: bool


class LanguageSet(msgspec.Struct, frozen=True, kw_only=True):
    """The caller is spoken to in this language from now on."""

    language: Language


Note: TypeAlias = NodeReached | Pressed | LanguageSet
