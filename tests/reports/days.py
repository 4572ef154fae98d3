"""A day of calls as they come: answered, missed, given up, lost in the announcement, sent on, still up, ended without a word."""

from __future__ import annotations

import random
from typing import Any

from callcenter.basics.vocabulary import Direction, EndedBy, Kind, LegRole, new_id
from callcenter.ledger import events as e
from tests.ledger.histories import Story

QUEUES, AGENTS = ("sales", "support"), ("1001", "1002", "1003")


class Caller(Story):
    """One call that goes where the dice send it."""

    def __init__(self, start_ms: int, dice: random.Random) -> None:
        super().__init__(start_ms)
        self.dice = dice
        self.own, self.other = new_id(Kind.LEG, start_ms), ""
        self.add(e.CallArrived, direction=Direction.INBOUND, caller="13900000001", dialled="4000", node="n")
        self.add(e.LegStarted, leg=self.own, channel=f"c{start_ms}", role=LegRole.CALLER, party="13900000001")

    def soon(self, most_ms: int = 40_000) -> int:
        return self.dice.choice((0, 1, 999, 1000, 20_000, self.dice.randrange(most_ms)))

    def live(self) -> list[Any]:
        for _ in range(self.dice.randrange(1, 3)):
            if not self.wait(self.dice.choice(QUEUES)):
                break
        if self.dice.random() < 0.9:
            self.add(e.LegEnded, self.soon(), leg=self.own, by=EndedBy.CALLER, cause=16)
            self.add(e.CallEnded, by=EndedBy.CALLER, cause=16, outcome="x")
            if self.other and self.dice.random() < 0.8:
                self.add(e.WrapUpEnded, 5_000, agent=self.dice.choice(AGENTS), lasted_ms=self.soon(9_000))
        return self.events

    def wait(self, queue: str) -> bool:
        """In a queue; whether the call goes on to another one."""
        self.add(e.Queued, self.soon(), queue=queue)
        while self.dice.random() < 0.7:
            end = self.dice.choice(
                ("answered", "answered", "declined", "timed_out", "unreachable", "caller_gone", "failed", "busy", "elsewhere")
            )
            agent = self.dice.choice(AGENTS)
            offer = self.offer(queue, agent, end)
            if end == "caller_gone":
                break
            if end == "answered":
                self.add(e.LeftQueue, queue=queue, why="answered")
                if self.dice.random() < 0.3:
                    self.add(e.Announced, 500, agent=agent, complete=False)
                    if self.dice.random() < 0.5:
                        return False
                    if self.dice.random() < 0.7:
                        self.add(e.Queued, queue=queue)
                    continue
                return self.talk(offer)
        why = self.dice.choice(("abandoned", "abandoned", "timeout", "overflow", "key", "closed", "no_agents", "callback", "odd", ""))
        if why:
            self.add(e.LeftQueue, self.soon(), queue=queue, why=why)
        return why != "abandoned"

    def offer(self, queue: str, agent: str, end: str) -> str:
        offer = f"{self.call}/{len(self.events)}"
        after_ms = self.soon()
        for _ in range(self.dice.choice((1, 1, 1, 1, 2))):
            self.other = new_id(Kind.LEG, self.now)
            self.add(e.Offered, after_ms, offer=offer, queue=queue, agent=agent, leg=self.other)
            after_ms = 0
        self.add(e.LegStarted, leg=self.other, channel=self.other, role=LegRole.AGENT, party=agent)
        self.add(e.OfferEnded, self.soon(20_000), offer=offer, agent=agent, end=end)
        return offer

    def talk(self, _offer: str) -> bool:
        self.add(e.Bridged, self.soon(4_000), bridge="b", legs=(self.own, self.other))
        if self.dice.random() < 0.4:
            self.add(e.Held, self.soon(), leg=self.own, by="agent")
            self.add(e.Retrieved, self.soon(), leg=self.own, by="agent")
        if self.dice.random() < 0.2:
            self.add(e.Unbridged, self.soon(), bridge="b", leg=self.other)
            return True
        return False


def a_day(seed: int, calls: int, start_ms: int, length_ms: int) -> list[list[Any]]:
    """The events of each call."""
    dice = random.Random(seed)
    return [Caller(start_ms + dice.randrange(length_ms), dice).live() for _ in range(calls)]
