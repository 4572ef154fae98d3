"""SQL of numbers."""

from __future__ import annotations

import asyncpg

from callcenter.basics.errors import BadRequest, NotFound
from callcenter.database.pool import Querier
from callcenter.lines.model import Number

NUMBERS = """select number, title, kind, target, language, need from numbers
union all select number, title, 'conference', name, language, '{}' from conferences c
    where not exists (select from numbers n where n.number = c.number)
order by number"""
"""Every number, those of conferences among them."""
CONFERENCE_OF = "select name from conferences where number = $1"
"""The conference that has a number."""
ADD_NUMBER = """insert into numbers (number, title, kind, target, language, need) values ($1, $2, $3, $4, $5, $6)
on conflict (number) do nothing returning number"""
"""A new number; no row when it is taken."""
PUT_NUMBER = """insert into numbers (number, title, kind, target, language, need) values ($1, $2, $3, $4, $5, $6)
on conflict (number) do update set title = excluded.title, kind = excluded.kind, target = excluded.target, language = excluded.language,
  need = excluded.need"""
"""The number leads there from now on."""
REMOVE_NUMBER = "delete from numbers where number = $1 returning number"
"""The number no longer leads anywhere."""


async def read_numbers(pool: asyncpg.Pool) -> list[Number]:
    """Every number."""
    return [Number(**dict(row)) for row in await pool.fetch(NUMBERS)]


async def add_number(pool: Querier, number: Number) -> None:
    """Add a number; BadRequest when it is there already."""
    await _no_conference(pool, number)
    if await pool.fetchval(ADD_NUMBER, number.number, number.title, number.kind, number.target, number.language, number.need) is None:
        raise BadRequest(f"number: {number.number} leads somewhere already; remove it first", field="number")


async def put_number(pool: Querier, number: Number) -> None:
    """Let a number lead somewhere, whatever it led to before; BadRequest when it is a conference's."""
    await _no_conference(pool, number)
    await pool.execute(PUT_NUMBER, number.number, number.title, number.kind, number.target, number.language, number.need)


async def _no_conference(pool: Querier, number: Number) -> None:
    if conference := await pool.fetchval(CONFERENCE_OF, number.number):
        raise BadRequest(f"number: {number.number} is the conference {conference}'s", field="number")


async def remove_number(pool: asyncpg.Pool, number: str) -> None:
    """Remove a number; NotFound when there is none."""
    if await pool.fetchval(REMOVE_NUMBER, number) is None:
        raise NotFound(f"there is no number {number!r:.40}")
