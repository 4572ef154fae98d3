"""SQL of conference rooms."""

from __future__ import annotations

from typing import Final

import asyncpg

from callcenter.basics.errors import BadRequest, NotFound
from callcenter.conferences.model import Conference
from callcenter.database.pool import store_away

_COLUMNS: Final = (
    "name, title, number, language, guest_pin, moderator_pin, most_members, waits_for_moderator, ends_with_moderator, muted_on_entry,"
    " announces, records, opens_at, closes_at"
)
_GIVEN: Final = ", ".join(f"excluded.{name.strip()}" for name in _COLUMNS.split(","))
CONFERENCES: Final = f"select {_COLUMNS} from conferences order by name"  # noqa: S608 - fixed names
"""Every conference room."""
PUT_CONFERENCE: Final = f"""insert into conferences ({_COLUMNS})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (name) do update set ({_COLUMNS}) = row({_GIVEN})"""  # noqa: S608 - fixed names
"""The room as given, new or changed."""
REMOVE_CONFERENCE: Final = "delete from conferences where name = $1 returning name"
"""The room is gone; what was said there stays in the ledger."""
LEADS_ELSEWHERE: Final = "select kind || ' ' || target from numbers where number = $1"
"""What a number leads to already."""


async def read_conferences(pool: asyncpg.Pool) -> list[Conference]:
    """Every conference room, by name."""
    with store_away():
        return [Conference(**dict(row)) for row in await pool.fetch(CONFERENCES)]


async def put_conference(pool: asyncpg.Pool, conference: Conference) -> None:
    """Make a room, or change it; BadRequest when its number leads elsewhere."""
    with store_away():
        if taken := await pool.fetchval(LEADS_ELSEWHERE, conference.number):
            raise BadRequest(f"number: {conference.number} leads to {taken} already", field="number")
        try:
            await pool.execute(PUT_CONFERENCE, *(getattr(conference, name.strip()) for name in _COLUMNS.split(",")))
        except asyncpg.UniqueViolationError as error:
            raise BadRequest(f"number: {conference.number} is another conference's", field="number") from error


async def remove_conference(pool: asyncpg.Pool, name: str) -> None:
    """Remove a room; NotFound when there is none."""
    with store_away():
        if await pool.fetchval(REMOVE_CONFERENCE, name) is None:
            raise NotFound(f"there is no conference {name!r:.60}")
