"""Adding an agent from the console or the API: a row, a user, a phone, at once and without a restart."""

from __future__ import annotations

import secrets

from callcenter.acd import store as acd
from callcenter.acd.model import Agent, Member
from callcenter.basics.errors import BadRequest
from callcenter.console import accounts, store
from callcenter.console.api.models import AgentAdd, AgentAdded
from callcenter.console.asking import Ask


async def add(ask: Ask, wanted: AgentAdd) -> AgentAdded:
    """Make the agent. BadRequest when the number is taken or a queue is not there; nothing is left half-made."""
    pool = ask.parts.pool
    queues = {queue.name for queue in await acd.read_queues(pool)}
    if strangers := [name for name in wanted.queues if name not in queues]:
        raise BadRequest(f"queues: there is no queue {strangers[0]!r:.40}", field="queues")
    if await store.read_user(pool, wanted.number) is not None:
        raise BadRequest(f"number: there is a user {wanted.number} already", field="number")
    private = AgentAdded(
        number=wanted.number,
        sip_password=secrets.token_urlsafe(18),
        password=wanted.password or secrets.token_urlsafe(12),
        pin=f"{secrets.randbelow(1_000_000):06}",
    )
    accounts.check_password(private.password)
    agent = Agent(number=wanted.number, name=wanted.name, language=wanted.language, sip_password=private.sip_password, pin=private.pin)
    async with pool.acquire() as connection, connection.transaction():
        await acd.add_agent(connection, agent)
        await accounts.add_user(connection, name=wanted.number, role="agent", password=private.password, agent=wanted.number)
        for queue in wanted.queues:
            await acd.add_member(connection, Member(queue=queue, agent=wanted.number, penalty=0))
    await ask.audit("agents.add", f"agent:{wanted.number}", queues=wanted.queues)
    await ask.parts.acd.agents_changed()
    return private
