"""SQL of the rules of recording."""

from __future__ import annotations

from typing import Final

import asyncpg

from callcenter.basics.errors import BadRequest, NotFound
from callcenter.database.pool import store_away
from callcenter.recordings.policy import RecordingRule

RULES: Final = """select name, position, queue, agent, number, direction, percent, announces, asks_consent
from recording_rules order by position, name"""
"""Every rule, the first first."""
PUT_RULE: Final = """insert into recording_rules (name, position, queue, agent, number, direction, percent, announces, asks_consent)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (name) do update set (position, queue, agent, number, direction, percent, announces, asks_consent)
  = row(excluded.position, excluded.queue, excluded.agent, excluded.number, excluded.direction, excluded.percent, excluded.announces,
        excluded.asks_consent)"""
"""The rule as given, new or changed."""
REMOVE_RULE: Final = "delete from recording_rules where name = $1 returning name"
"""The rule is gone."""
STRANGERS: Final = """select
  $1 <> '' and not exists (select from queues where name = $1) as queue,
  $2 <> '' and not exists (select from agents where number = $2) as agent,
  $3 <> '' and not exists (select from numbers where number = $3) as number"""
"""Which of what a rule names there is not."""


async def read_rules(pool: asyncpg.Pool) -> list[RecordingRule]:
    """Every rule, the first first."""
    with store_away():
        return [RecordingRule(**dict(row)) for row in await pool.fetch(RULES)]


async def put_rule(pool: asyncpg.Pool, rule: RecordingRule) -> None:
    """Make a rule, or change it; BadRequest naming the field whose queue, agent or number there is not."""
    with store_away():
        strangers = await pool.fetchrow(STRANGERS, rule.queue, rule.agent, rule.number)
        for field in (name for name, is_strange in (strangers or {}).items() if is_strange):
            raise BadRequest(f"{field}: there is no {field} {getattr(rule, field)}", field=field)
        await pool.execute(
            PUT_RULE, rule.name, rule.position, rule.queue, rule.agent, rule.number, rule.direction, rule.percent, rule.announces,
            rule.asks_consent,
        )  # fmt: skip


async def remove_rule(pool: asyncpg.Pool, name: str) -> None:
    """Remove a rule; NotFound when there is none."""
    with store_away():
        if await pool.fetchval(REMOVE_RULE, name) is None:
            raise NotFound(f"there is no recording rule {name!r:.60}")


class RecordingRules:
    """The rules, held in memory: the call path asks no database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.all: tuple[RecordingRule, ...] = ()

    async def load(self) -> None:
        """Take over what was changed."""
        self.all = tuple(await read_rules(self._pool))
