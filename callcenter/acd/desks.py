"""Where agents are: each at the own phone, at somebody else's, or at a telephone outside. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from callcenter.acd.model import Agent

_OUTSIDE: Final = "outside:"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """Where an agent's calls ring: one of both is set."""

    phone: str = ""
    """The phone's number, which is its owner's."""
    outside: str = ""
    """A telephone number."""

    @property
    def text(self) -> str:
        """As it is stored of somebody who is not at their own phone."""
        return self.phone or f"{_OUTSIDE}{self.outside}"


def desk_of(agent: Agent) -> Desk:
    """Where an agent is signed on."""
    if agent.desk.startswith(_OUTSIDE):
        return Desk(outside=agent.desk.removeprefix(_OUTSIDE))
    return Desk(phone=agent.desk or agent.number)


def agent_at(phone: str, agents: Mapping[str, Agent]) -> str:
    """Whose calls a phone makes: whoever has signed on there, else its owner; nobody's when it is none of the centre's."""
    guest = next((agent.number for agent in agents.values() if agent.desk == phone), "")
    return guest or (phone if phone in agents else "")


def agents_ringing_at(phone: str, agents: Iterable[Agent]) -> list[str]:
    """Who is reached by a phone."""
    return [agent.number for agent in agents if desk_of(agent).phone == phone]
