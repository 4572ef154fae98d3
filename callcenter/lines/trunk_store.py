"""SQL of trunks."""

from __future__ import annotations

from typing import Any

import asyncpg
from pydantic import ValidationError

from callcenter.basics.errors import NotFound
from callcenter.basics.logs import get_logger
from callcenter.lines.model import host_and_port
from callcenter.lines.trunks import Trunk

_log = get_logger(__name__)

TRUNKS = """select name, title, enabled, outbound_host, username, password, registers, codecs, position, caller_number, called_rules,
  match as networks, inbound_password, dialled_rules, main_number
from trunks order by position, name"""
"""Every trunk, in the order in which they are tried for calls out."""
PUT_TRUNK = """insert into trunks (name, title, enabled, outbound_host, username, password, registers, codecs, position, caller_number,
  called_rules, match, inbound_password, dialled_rules, main_number)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict (name) do update set title = excluded.title, enabled = excluded.enabled, outbound_host = excluded.outbound_host,
  username = excluded.username, password = excluded.password, registers = excluded.registers, codecs = excluded.codecs,
  position = excluded.position, caller_number = excluded.caller_number, called_rules = excluded.called_rules, match = excluded.match,
  inbound_password = excluded.inbound_password, dialled_rules = excluded.dialled_rules, main_number = excluded.main_number"""
"""A trunk as it is from now on."""
REMOVE_TRUNK = "delete from trunks where name = $1 returning name"
"""No call goes in or out by it any more."""


async def read_trunks(pool: asyncpg.Pool) -> list[Trunk]:
    """Every trunk; one that can't be read is logged and left out."""
    trunks = []
    for row in await pool.fetch(TRUNKS):
        try:
            trunks.append(_trunk(dict(row)))
        except (ValidationError, ValueError) as error:
            _log.error("a trunk can't be read", trunk=row["name"], reason=str(error)[:300])
    return trunks


def _trunk(row: dict[str, Any]) -> Trunk:
    host = row.pop("outbound_host")
    if host:
        row["host"], row["port"] = host_and_port(host)
    return Trunk.model_validate(row)


async def put_trunk(pool: asyncpg.Pool, trunk: Trunk) -> None:
    """Add a trunk, or change the one of this name."""
    place = None
    if trunk.host:
        place = f"[{trunk.host}]:{trunk.port}" if ":" in trunk.host else f"{trunk.host}:{trunk.port}"
    await pool.execute(
        PUT_TRUNK, trunk.name, trunk.title, trunk.enabled, place, trunk.username, trunk.password, trunk.registers, list(trunk.codecs),
        trunk.position, trunk.caller_number, [rule.model_dump() for rule in trunk.called_rules], list(trunk.networks),
        trunk.inbound_password, [rule.model_dump() for rule in trunk.dialled_rules], trunk.main_number,
    )  # fmt: skip


async def remove_trunk(pool: asyncpg.Pool, name: str) -> None:
    """Remove a trunk; NotFound when there is none."""
    if await pool.fetchval(REMOVE_TRUNK, name) is None:
        raise NotFound(f"there is no trunk {name!r:.40}")
