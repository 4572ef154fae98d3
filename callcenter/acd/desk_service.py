"""Where agents are signed on, and which phones can be reached: whoever signs on elsewhere is found there until they sign off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg
import msgspec

from callcenter.acd import store
from callcenter.acd.desks import Desk, agent_at, desk_of
from callcenter.acd.directory import Directory
from callcenter.acd.model import Agent, Mode
from callcenter.acd.showing import Showing
from callcenter.basics.errors import BadRequest, TooLate


class Desks:
    """Who is where. ``tell`` says of an agent whether their calls can ring."""

    def __init__(self, directory: Directory, showing: Showing, pool: asyncpg.Pool, tell: Callable[[str, bool], Awaitable[None]]) -> None:
        self._directory = directory
        self._showing = showing
        self._pool = pool
        self._tell = tell
        self._phones: dict[str, bool] = {}
        """Which phones can be reached, as far as Asterisk has told."""

    def of(self, number: str) -> Desk:
        """Where an agent's calls ring; NotFound when there is none."""
        return desk_of(self._directory.agent(number))

    def agent_at(self, phone: str) -> str:
        """Whose calls a phone makes; empty: nobody's."""
        return agent_at(phone, self._directory.agents)

    def must_be_free_for(self, number: str) -> None:
        """TooLate when somebody else is signed on where this agent is."""
        phone = self.of(number).phone
        if phone and (there := self.agent_at(phone)) != number:
            raise TooLate(f"agent {there} is signed on at phone {phone}")

    async def sign_on(self, number: str, desk: Desk, *, confirms: bool = True) -> None:
        """The agent's calls ring there from now on, until they sign off. NotFound, BadRequest; TooLate when somebody else is there.

        ``confirms``: at a telephone outside a call is theirs only once they press 1.
        """
        self._directory.agent(number)
        if desk.phone and desk.phone not in self._directory.agents:
            raise BadRequest(f"phone: there is no phone {desk.phone!r:.20}", field="phone")
        there = self.agent_at(desk.phone) if desk.phone else ""
        if there and there != number and (there != desk.phone or self._is_signed_on(there)):
            raise TooLate(f"agent {there} is signed on at phone {desk.phone}")
        await self._move(number, "" if desk.phone == number else desk.text, confirms=confirms)

    async def go_home(self, number: str) -> None:
        """The agent is at the own phone again."""
        if self._directory.agent(number).desk:
            await self._move(number, "", confirms=True)

    async def set_phone(self, phone: str, reachable: bool) -> None:
        """A phone registered, or can no longer be reached: so can who is signed on there."""
        self._phones[phone] = reachable
        for agent in list(self._directory.agents.values()):
            if desk_of(agent).phone == phone or desk_of(agent).outside:
                await self._tell(agent.number, self._is_reachable(agent))

    def _is_signed_on(self, number: str) -> bool:
        now = self._showing.now.get(number)
        return now is not None and now.mode is not Mode.OFFLINE

    async def _move(self, number: str, desk: str, *, confirms: bool) -> None:
        await store.set_desk(self._pool, number, desk, confirms=confirms)
        agent = msgspec.structs.replace(self._directory.agents[number], desk=desk, confirms_outside=confirms)
        self._directory.agents[number] = agent
        await self._tell(number, self._is_reachable(agent))

    def _is_reachable(self, agent: Agent) -> bool:
        desk = desk_of(agent)
        return bool(desk.outside) or self._phones.get(desk.phone, False)
