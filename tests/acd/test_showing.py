"""Answers of Redis may be read in another order than that in which it gave them: what is shown is what came last."""

from __future__ import annotations

from typing import Any

from callcenter.acd.directory import Directory
from callcenter.acd.model import Agent, AgentState, Change, Mode
from callcenter.acd.showing import Showing
from callcenter.basics.vocabulary import Language
from callcenter.live.board import Topic


class Wall:
    """A board that keeps what it is shown, and books that keep what they are told."""

    def __init__(self) -> None:
        self.shown: dict[str, Any] = {}
        self.noted: list[Any] = []

    def show(self, _topic: Topic, key: str, value: Any) -> None:
        self.shown[key] = value

    def note(self, event: Any) -> None:
        self.noted.append(event)


def change(state: AgentState, revision: int) -> Change:
    mode = Mode.READY if state is AgentState.READY else Mode.OFFLINE
    return Change(
        agent="1001", state=state, reason="", since_ms=1_700_000_000_000, by="it", call="", mode=mode, reachable=True, until_ms=0,
        fresh=True, revision=revision,
    )  # fmt: skip


def test_an_older_answer_read_later_changes_nothing_but_the_books() -> None:
    directory, wall = Directory(), Wall()
    directory.agents = {"1001": Agent(number="1001", name="A", language=Language.ZH, sip_password="x", pin="1")}
    showing = Showing(directory, None, wall, wall)  # type: ignore[arg-type]
    asked = showing.moment
    showing.changed(change(AgentState.READY, 7), asked)
    showing.changed(change(AgentState.OFFLINE, 6), asked)
    assert showing.now["1001"].state is AgentState.READY and wall.shown["1001"]["state"] is AgentState.READY
    assert len(wall.noted) == 2
    assert not showing.is_unchanged("1001", asked) and showing.is_unchanged("1001", showing.moment)
    # A Redis that has lost its last second counts from where it was: what was asked for afterwards is newer all the same.
    showing.changed(change(AgentState.OFFLINE, 3), showing.moment)
    assert wall.shown["1001"]["state"] is AgentState.OFFLINE
