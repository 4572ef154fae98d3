"""The demo centre is laid once, all of it or nothing, and its passwords are those in the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from callcenter import demo
from callcenter.basics.errors import BadRequest
from callcenter.basics.settings import Settings
from callcenter.console import accounts
from callcenter.database.pool import connect


async def test_what_stops_half_way_leaves_nothing_and_is_laid_the_next_time(postgres_dsn: str, tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path, postgres_dsn=postgres_dsn)
    async with await connect(postgres_dsn) as pool:
        await pool.execute("insert into numbers (number, kind, target) values ('4002', 'queue', 'support')")
        with pytest.raises(BadRequest, match="4002"):
            await demo.lay(pool, settings)
        assert [await pool.fetchval(f"select count(*) from {table}") for table in ("agents", "users", "queues", "flows")] == [0, 0, 0, 0]
        await pool.execute("delete from numbers")
        assert await demo.lay(pool, settings)
        assert not await demo.lay(pool, settings)
        laid = json.loads((tmp_path / "demo.json").read_text())
        assert await accounts.verify(pool, "1001", laid["agents"]["1001"]["password"])
        assert await accounts.verify_token(pool, laid["api_token"])
        assert await pool.fetchval("select count(*) from queue_members") == 20
