"""Migrations in plain SQL: ``sql/NNNN_pre|post_words.sql``, in order, each once, each in a transaction of its own.

``pre`` runs before the new code, ``post`` after it, so that an upgrade needs no stop. A file that was applied must never
change; two who migrate at once take turns.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

import asyncpg

from callcenter.basics.errors import SetupFailed

SQL_DIR: Final = Path(__file__).resolve().parents[2] / "sql"
_NAME: Final = re.compile(r"(\d{4})_(pre|post)_[a-z0-9_]+\.sql")
_LOCK: Final = 0x63616C6C
_TABLE: Final = """create table if not exists migrations (
    name text primary key, checksum text not null, applied_at timestamptz not null default now())"""


def _files(folder: Path) -> list[tuple[str, str]]:
    found = []
    for path in sorted(folder.glob("*.sql")):
        if not _NAME.fullmatch(path.name):
            raise SetupFailed(f"{path.name} is no migration's name", "Name it like 0007_pre_words.sql.")
        found.append((path.name, path.read_text(encoding="utf-8")))
    return found


async def migrate(dsn: str, sql_dir: Path | None = None) -> list[str]:
    """Apply what is missing; returns the names applied. SetupFailed when an applied file was changed or one can't be applied."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        applied = {row["name"]: row["checksum"] for row in await connection.fetch("select name, checksum from migrations")}
        done = []
        for name, text in _files(sql_dir or SQL_DIR):
            checksum = hashlib.sha256(text.encode()).hexdigest()
            if name in applied:
                if applied[name] != checksum:
                    raise SetupFailed(f"{name} was changed after it had been applied", "Restore it; put the change into a new file.")
                continue
            await _apply(connection, name, text, checksum)
            done.append(name)
        return done
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection, name: str, text: str, checksum: str) -> None:
    try:
        async with connection.transaction():
            await connection.execute(text)
            await connection.execute("insert into migrations (name, checksum) values ($1, $2)", name, checksum)
    except asyncpg.PostgresError as error:
        raise SetupFailed(f"{name} can't be applied: {error}", "Nothing of it was done.") from error
