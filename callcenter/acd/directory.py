"""What is set up, in memory: agents, queues, who serves what, reasons to pause. Asked on every call, loaded when it changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import asyncpg

from callcenter.acd import store
from callcenter.acd.model import Agent, Member, PauseReason, Queue
from callcenter.basics.errors import NotFound


class Configured(NamedTuple):
    """Agents, queues, and which queues each agent serves."""

    agents: Mapping[str, Agent]
    queues: Mapping[str, Queue]
    serves: Mapping[str, tuple[str, ...]]


class Directory:
    """The set-up as last loaded."""

    def __init__(self) -> None:
        self.agents: dict[str, Agent] = {}
        self.queues: dict[str, Queue] = {}
        self.members: list[Member] = []
        self.serves: dict[str, tuple[str, ...]] = {}
        self.served_by: dict[str, tuple[str, ...]] = {}
        """Queue → the agents who serve it."""
        self.reasons: dict[str, PauseReason] = {}

    async def load(self, pool: asyncpg.Pool) -> set[str]:
        """Read everything anew; returns the numbers of agents who are no longer there."""
        agents, queues, members = await store.read_agents(pool), await store.read_queues(pool), await store.read_members(pool)
        reasons = await store.read_reasons(pool)
        gone = self.agents.keys() - {agent.number for agent in agents}
        self.agents = {agent.number: agent for agent in agents}
        self.queues = {queue.name: queue for queue in queues}
        self.members = members
        serves: dict[str, tuple[str, ...]] = dict.fromkeys(self.agents, ())
        for member in members:
            serves[member.agent] += (member.queue,)
        self.serves = serves
        served_by: dict[str, tuple[str, ...]] = dict.fromkeys(self.queues, ())
        for member in members:
            served_by[member.queue] += (member.agent,)
        self.served_by = served_by
        self.reasons = {reason.name: reason for reason in reasons}
        return gone

    def queue(self, name: str) -> Queue:
        """The queue as set up; NotFound when there is none."""
        if (queue := self.queues.get(name)) is None:
            raise NotFound(f"there is no queue {name!r:.60}")
        return queue

    def agent(self, number: str) -> Agent:
        """The agent as set up; NotFound when there is none."""
        if (agent := self.agents.get(number)) is None:
            raise NotFound(f"there is no agent {number!r:.20}")
        return agent

    def reason(self, text: str) -> PauseReason | None:
        """The reason to pause of this name or title; None when it is none of them."""
        if found := self.reasons.get(text):
            return found
        return next((reason for reason in self.reasons.values() if text in {reason.title_zh, reason.title_en}), None)
