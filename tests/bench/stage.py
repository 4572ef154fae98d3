"""A centre with a bench's own queues and agents, and phones that are SIPps."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from tests.parts.centre import Centre
from tests.parts.waiting import until


@dataclass(frozen=True)
class Line:
    """A queue with its number and its agents; nothing is announced or recorded, there is no wrap-up."""

    queue: str
    number: str
    agents: Sequence[str]
    strategy: str = "longest_idle"
    ring_timeout_s: int = 20


async def lay(centre: Centre, *lines: Line) -> dict[str, str]:
    """Add queues, numbers and agents, and start the centre again with them; returns the agents' SIP passwords."""
    passwords = {agent: secrets.token_hex(12) for line in lines for agent in line.agents}
    async with centre.db.acquire() as db, db.transaction():
        await db.executemany(
            "insert into agents (number, name, sip_password, pin) values ($1, 'bench', $2, $3)",
            [(number, password, number) for number, password in passwords.items()],
        )
        for line in lines:
            await db.execute(
                "insert into queues (name, title, announce_agent, record_calls, wrap_up_s, strategy, ring_timeout_s)"
                " values ($1, 'bench', false, false, 0, $2, $3)",
                line.queue,
                line.strategy,
                line.ring_timeout_s,
            )
            await db.executemany("insert into queue_members (queue, agent) values ($1, $2)", [(line.queue, agent) for agent in line.agents])
            await db.execute("insert into numbers (number, title, kind, target) values ($1, 'bench', 'queue', $2)", line.number, line.queue)
    await centre.stop()
    await centre.start()
    return passwords


async def everyone_ready(centre: Centre, numbers: Sequence[str]) -> None:
    """Make all agents ready and wait until the centre sees them so."""
    for first in range(0, len(numbers), 20):
        await asyncio.gather(*(centre.set_state(number, "ready") for number in numbers[first : first + 20]))

    async def ready() -> bool:
        agents = (await centre.api("GET", "live"))["agents"]
        return sum(agent["state"] == "ready" for agent in agents) >= len(numbers)

    await until("all agents ready", ready, 30, every_s=0.5)


async def everyone_gone(centre: Centre) -> None:
    """Hang up whoever is left, and wait for an empty house."""
    await centre.asterisk("channel request hangup all")
    await centre.is_empty(30)
