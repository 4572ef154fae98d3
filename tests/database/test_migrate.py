"""The schema comes up from nothing, once, whoever else brings it up at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from callcenter.basics.errors import SetupFailed, StoreAway
from callcenter.database.migrate import SQL_DIR, migrate, read_migrations
from callcenter.database.pool import connect, store_away


async def test_from_empty_then_nothing_left_to_do(postgres_empty_dsn: str) -> None:
    names = [migration.name for migration in read_migrations(SQL_DIR)]
    assert await migrate(postgres_empty_dsn) == names
    assert await migrate(postgres_empty_dsn) == []


async def test_two_at_once(postgres_empty_dsn: str) -> None:
    done = await asyncio.gather(*(migrate(postgres_empty_dsn) for _ in range(3)))
    assert sorted(map(len, done)) == [0, 0, len(read_migrations(SQL_DIR))]


async def test_a_changed_file_is_refused(postgres_empty_dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "0001_pre_first.sql"
    file.write_text("create table a (x integer);")
    await migrate(postgres_empty_dsn, tmp_path)
    file.write_text("create table a (x bigint);")
    with pytest.raises(SetupFailed, match=r"0001_pre_first\.sql was changed after it was applied"):
        await migrate(postgres_empty_dsn, tmp_path)


async def test_a_file_that_fails_leaves_nothing(postgres_empty_dsn: str, tmp_path: Path) -> None:
    (tmp_path / "0001_pre_first.sql").write_text("create table a (x integer);")
    (tmp_path / "0002_post_second.sql").write_text("create table b (x integer); create table a (x integer);")
    with pytest.raises(SetupFailed, match=r"0002_post_second\.sql failed"):
        await migrate(postgres_empty_dsn, tmp_path)
    (tmp_path / "0002_post_second.sql").write_text("create table b (x integer);")
    assert await migrate(postgres_empty_dsn, tmp_path) == ["0002_post_second.sql"]


async def test_an_older_checkout_is_refused(postgres_empty_dsn: str, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"000{number}_pre_it.sql").write_text("select 1;")
    await migrate(postgres_empty_dsn, tmp_path)
    (tmp_path / "0002_pre_it.sql").unlink()
    with pytest.raises(SetupFailed, match=r"0002_pre_it\.sql, which this checkout has not"):
        await migrate(postgres_empty_dsn, tmp_path)


@pytest.mark.parametrize("names", [("1_pre_x.sql",), ("0001_pre_x.sql", "0001_post_y.sql"), ()])
def test_bad_names_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).write_text("")
    with pytest.raises(SetupFailed):
        read_migrations(tmp_path)


async def test_the_pool_limits_statements_and_speaks_json(postgres_dsn: str) -> None:
    pool = await connect(postgres_dsn, statement_limit_s=0.2)
    try:
        assert await pool.fetchval("select $1::jsonb", {"语": [1, None]}) == {"语": [1, None]}
        with pytest.raises(asyncpg.QueryCanceledError):
            await pool.execute("select pg_sleep(5)")
    finally:
        await pool.close()


async def test_a_lost_connection_is_store_away_and_then_replaced(postgres_dsn: str) -> None:
    pool = await connect(postgres_dsn, max_size=1)
    try:
        async with pool.acquire() as connection:
            with pytest.raises(StoreAway), store_away():
                await connection.execute("select pg_terminate_backend(pg_backend_pid())")
        assert await pool.fetchval("select 1") == 1
    finally:
        await pool.close()
