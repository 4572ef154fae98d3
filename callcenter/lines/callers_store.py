"""SQL of the callers the centre knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import asyncpg
import msgspec

from callcenter.basics.errors import BadRequest, NotFound
from callcenter.basics.vocabulary import Language

FACTS = """select key, vip, blacklisted, language, coalesce(owner, '') as owner, need from callers
where vip or blacklisted or language is not null or owner is not null or need <> '{}'"""
"""What calls go by, of every caller of whom there is anything."""
LIST_CALLERS = """select key, number, name, vip, blacklisted, language, coalesce(owner, '') as owner, need, note, created_at, changed_at
from callers
where ($1::text is null or strpos(number, $1) > 0 or strpos(key, $1) > 0 or strpos(lower(name), lower($1)) > 0)
  and ($2::boolean is null or vip = $2) and ($3::boolean is null or blacklisted = $3) and ($4::text is null or key > $4)
order by key limit $5"""
"""A page of callers, by number."""
PUT_CALLER = """insert into callers (key, number, name, vip, blacklisted, language, owner, need, note)
values ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8, $9)
on conflict (key) do update set number = excluded.number, name = excluded.name, vip = excluded.vip, blacklisted = excluded.blacklisted,
  language = excluded.language, owner = excluded.owner, need = excluded.need, note = excluded.note, changed_at = now()
returning key, number, name, vip, blacklisted, language, coalesce(owner, '') as owner, need, note, created_at, changed_at"""
"""A caller as known from now on."""
REMOVE_CALLER = "delete from callers where key = $1 returning number"
"""The caller is a stranger again."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What calls go by."""

    key: str
    vip: bool
    blacklisted: bool
    language: Language | None
    owner: str
    """The agent whose customer the caller is; empty: nobody's."""
    need: dict[str, int]
    """Skill → least level."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A caller as stored."""

    key: str
    number: str
    name: str
    vip: bool
    blacklisted: bool
    language: Language | None
    owner: str
    need: dict[str, int]
    note: str
    created_at: datetime
    changed_at: datetime


async def read_facts(pool: asyncpg.Pool) -> list[Fact]:
    """What calls go by."""
    return [msgspec.convert(dict(row), Fact) for row in await pool.fetch(FACTS)]


async def list_callers(
    pool: asyncpg.Pool, *, text: str | None, vip: bool | None, blacklisted: bool | None, after: str | None, limit: int
) -> list[Caller]:
    """At most ``limit`` callers whose number or name holds ``text``, behind the key ``after``."""
    return [msgspec.convert(dict(row), Caller) for row in await pool.fetch(LIST_CALLERS, text, vip, blacklisted, after, limit)]


async def put_caller(
    pool: asyncpg.Pool,
    *,
    key: str,
    number: str,
    name: str,
    vip: bool,
    blacklisted: bool,
    language: Language | None,
    owner: str,
    need: Mapping[str, int],
    note: str,
) -> Caller:
    """Add a caller, or change the one of this key; BadRequest when the owner is no agent."""
    try:
        (row,) = await pool.fetch(PUT_CALLER, key, number, name, vip, blacklisted, language, owner, need, note)
    except asyncpg.ForeignKeyViolationError as error:
        raise BadRequest(f"owner: there is no agent {owner!r:.20}", field="owner") from error
    return msgspec.convert(dict(row), Caller)


async def remove_caller(pool: asyncpg.Pool, key: str) -> str:
    """Forget a caller; returns the number as it was given. NotFound when there is none."""
    number: str | None = await pool.fetchval(REMOVE_CALLER, key)
    if number is None:
        raise NotFound(f"there is no caller {key!r:.40}")
    return number
