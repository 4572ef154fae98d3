"""Bring a database's schema up to date from plain SQL files named ``NNNN_pre_words.sql`` or ``NNNN_post_words.sql``.

``pre`` files may run while the release before still works; ``post`` files take away what only that one needed. Both run
in the order of their numbers, each in a transaction of its own, under one lock. A file that was applied may never change.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from callcenter.basics.errors import SetupFailed
from callcenter.basics.logs import get_logger

_log = get_logger(__name__)
SQL_DIR: Final = Path(__file__).resolve().parents[2] / "sql"
"""Where the migrations are."""
_NAME: Final = re.compile(r"(?P<number>\d{4})_(?P<when>pre|post)_[a-z0-9_]+\.sql")
_LOCK: Final = 0x63616C6C
_LOCK_LIMIT_S: Final = 120.0

VERSIONS_TABLE: Final = """create table if not exists schema_migrations (
    number integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())"""
APPLIED: Final = "select number, name, checksum from schema_migrations order by number"
MARK: Final = "insert into schema_migrations (number, name, checksum) values ($1, $2, $3)"


@dataclass(frozen=True)
class Migration:
    """One file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(sql_dir: Path) -> list[Migration]:
    """The files in order; SetupFailed when a name is wrong or a number is there twice."""
    found: dict[int, Migration] = {}
    for path in sorted(sql_dir.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise SetupFailed(f"{path.name} is no name for a migration", "Call it NNNN_pre_words.sql or NNNN_post_words.sql.")
        number = int(match["number"])
        if number in found:
            raise SetupFailed(f"{path.name} and {found[number].name} have the same number", "Give the newer one the next free number.")
        found[number] = Migration(number, path.name, path.read_text())
    if not found:
        raise SetupFailed(f"There are no migrations in {sql_dir}", "The checkout is not whole: get it again.")
    return list(found.values())


async def migrate(dsn: str, sql_dir: Path = SQL_DIR) -> list[str]:
    """Apply what is missing; returns the names of the files applied.

    SetupFailed when a file that was applied before has changed or is gone, or when a file fails (nothing of it stays).
    Two at once: the second waits up to two minutes and finds nothing to do.
    """
    migrations = read_migrations(sql_dir)
    connection = await asyncpg.connect(dsn, timeout=10, server_settings={"lock_timeout": "0", "statement_timeout": "0"})
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK, timeout=_LOCK_LIMIT_S)
        await connection.execute(VERSIONS_TABLE)
        applied = {row["number"]: (row["name"], row["checksum"]) for row in await connection.fetch(APPLIED)}
        _compare(migrations, applied)
        missing = [migration for migration in migrations if migration.number not in applied]
        for migration in missing:
            await _apply(connection, migration)
        return [migration.name for migration in missing]
    finally:
        await connection.close()


def _compare(migrations: list[Migration], applied: dict[int, tuple[str, str]]) -> None:
    known = {migration.number: migration for migration in migrations}
    for number, (name, checksum) in applied.items():
        if number not in known:
            raise SetupFailed(f"The database has {name}, which this checkout has not", "Use the newer checkout that made it.")
        if known[number].checksum != checksum:
            remedy = "Restore it as it was, and put the change into a new file with the next number."
            raise SetupFailed(f"{known[number].name} was changed after it was applied", remedy)


async def _apply(connection: asyncpg.Connection[Any], migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(MARK, migration.number, migration.name, migration.checksum)
    except asyncpg.PostgresError as error:
        raise SetupFailed(f"{migration.name} failed: {error}", "Nothing of it was kept; mend it and migrate again.") from error
    _log.info("the schema was brought up", migration=migration.name)
