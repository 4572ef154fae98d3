"""Whom a caller should get before anybody else, and what skills they need. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from callcenter.acd.rules import Own, OwnAgent

_DAY_MS: Final = 86_400_000


class Preferred(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's own agent, and why."""

    agent: str
    why: str
    """owner, last or flow."""


class LastTalk(msgspec.Struct, frozen=True, kw_only=True):
    """Who talked with a caller in a queue, and when it began."""

    agent: str
    at_ms: int


def own_agent(
    rules: OwnAgent, *, queue: str, members: Collection[str], owner: str, last: Mapping[str, LastTalk], now_ms: int
) -> Preferred | None:
    """The first, in the rules' order, who serves the queue; None when there is none.

    ``last``: queue → who talked with the caller there last.
    """
    for by in rules.by:
        agent = owner if by is Own.OWNER else _last(rules, queue, last, now_ms)
        if agent and agent in members:
            return Preferred(agent=agent, why=str(by))
    return None


def _last(rules: OwnAgent, queue: str, last: Mapping[str, LastTalk], now_ms: int) -> str:
    talks = last.values() if rules.any_queue else [last[queue]] if queue in last else []
    recent = [talk for talk in talks if now_ms - talk.at_ms <= rules.last_days * _DAY_MS]
    return max(recent, key=lambda talk: talk.at_ms).agent if recent else ""


def together(*needs: Mapping[str, int]) -> dict[str, int]:
    """Skills asked for from several sides: of each the highest level."""
    wanted: dict[str, int] = {}
    for need in needs:
        for skill, level in need.items():
            wanted[skill] = max(level, wanted.get(skill, 0))
    return wanted
