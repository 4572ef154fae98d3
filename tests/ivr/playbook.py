"""A flow as a screenplay: ``<<`` what it must ask, ``>>`` what it is answered, ``told`` what it noted since the last look."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from callcenter.basics.vocabulary import Language
from callcenter.ivr import asks, interpreter
from callcenter.ivr.check import check_flow
from callcenter.ivr.interpreter import Position, Step
from callcenter.ivr.nodes.base import Facts

ZONE = ZoneInfo("Asia/Shanghai")
ENDS = (asks.SendToQueue, asks.SendToAgent, asks.SendToNumber, asks.LeaveVoicemail, asks.HangUp)
NOTHING = asks.Digits(text="", ended="timeout")


def facts(**changes: Any) -> Facts:
    return Facts(**{"caller": "13800138000", "dialled": "4000", "now": datetime(2026, 11, 23, 10, tzinfo=ZONE)} | changes)


def flow(start: str = "a", **nodes: dict[str, Any]) -> dict[str, Any]:
    """A flow as an administrator would send it; ``end`` is there when it is not given."""
    named = {name.replace("_", "-"): node for name, node in nodes.items()}
    if '"end"' in msgspec.json.encode(named).decode():
        named.setdefault("end", {"type": "hangup"})
    return {"name": "test", "start": start, "nodes": named}


def keys(text: str, ended: str = "max") -> asks.Digits:
    return asks.Digits(text=text, ended=ended)  # type: ignore[arg-type]


def stored(position: Position) -> Position:
    """As another process would read it."""
    return msgspec.json.decode(msgspec.json.encode(position), type=Position)


class Playbook:
    def __init__(self, raw: dict[str, Any], given: Facts | None = None, language: Language = Language.ZH) -> None:
        self.flow = check_flow(raw)
        self.facts = given or facts()
        self.step: Step = interpreter.begin(self.flow, self.facts, language)
        self.notes = list(self.step.notes)
        self.script: list[str] = []

    def __lshift__(self, wanted: asks.Ask | type | tuple[str, ...]) -> Playbook:
        """It asks this: an ask, a kind of ask, or just the sounds that are played."""
        found = self.step.ask
        self.script.append(f"<< {found}")
        if isinstance(wanted, tuple):
            right = getattr(found, "sounds", None) == wanted
        else:
            right = isinstance(found, wanted) if isinstance(wanted, type) else found == wanted
        assert right, "\n".join([*self.script, f"but wanted {wanted}"])
        repeated = interpreter.again(self.flow, stored(self.step.position), self.facts)
        assert type(repeated.ask) is type(found)
        assert repeated.position.node == self.step.position.node
        return self

    def __rshift__(self, answer: asks.Answer) -> Playbook:
        """It is answered, by a process that knows no more than the stored position."""
        self.script.append(f">> {answer}")
        self.step = interpreter.resume(self.flow, stored(self.step.position), answer, self.facts)
        self.notes += self.step.notes
        return self

    def told(self, kind: type) -> list[Any]:
        return [note for note in self.notes if isinstance(note, kind)]
