"""A day laid into a real ledger and replayed by the real match: the same rules give the same day, changed ones a changed one."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from datetime import timedelta

import asyncpg
import msgspec
import pytest

from callcenter.basics import clock
from callcenter.basics.errors import BadQueue, BadRequest, NotFound
from callcenter.replay import store
from callcenter.replay.figures import ALL
from callcenter.replay.service import AS_IT_WAS, CHANGED, SAME
from tests.replay.a_day import DAY, ZONE, Call, Oracle
from tests.replay.conftest import Lay, Replay

TWO = ("1001", "1002")


def busy_morning(calls: int = 60, seed: int = 7) -> list[Call]:
    """More callers than two agents can serve at once; some go away."""
    dice = random.Random(seed)
    at_s, found = 0.0, []
    for index in range(calls):
        at_s += dice.randrange(5_000, 40_000) / 1000
        patience_s = dice.randrange(15_000, 90_000) / 1000 if dice.random() < 0.3 else None
        number = f"139{index:08d}"
        found.append(Call(at_s, dice.randrange(20_000, 80_000) / 1000, patience_s, dice.choice(("sales", "support")), number, 5))
    return found


async def test_each_query_fits_the_schema(postgres_dsn: str) -> None:
    queries = [text for name, text in vars(store).items() if name.isupper() and isinstance(text, str) and not name.startswith("_")]
    connection = await asyncpg.connect(postgres_dsn)
    try:
        for text in queries:
            await connection.prepare(text)
    finally:
        await connection.close()
    assert len(queries) >= 6


async def test_the_same_rules_give_the_same_day(lay: Lay, replayed: Replay) -> None:
    calls = busy_morning()
    await lay(Oracle(TWO, calls).events())
    found = await replayed()
    was, same = found.columns[AS_IT_WAS], found.columns[SAME]
    assert was.queues[ALL].calls == len(calls) and was.queues[ALL].abandoned > 3
    assert was.queues[ALL].longest_wait_ms == max(call.waited_ms or 0 for call in calls)
    assert same.queues == was.queues
    assert same.agents == was.agents
    assert not found.notes


async def test_another_agent_makes_waits_shorter(lay: Lay, replayed: Replay) -> None:
    await lay(Oracle(TWO, busy_morning()).events())
    found = await replayed(changes={"agent": {"1003": {"like": "1001"}}})
    before, after = found.columns[SAME].queues[ALL], found.columns[CHANGED].queues[ALL]
    assert after.asa_ms is not None and before.asa_ms is not None and after.asa_ms < before.asa_ms / 2
    assert after.abandoned < before.abandoned and (after.service_level or 0) > (before.service_level or 0)
    assert found.columns[CHANGED].agents["1003"].calls > 5
    assert (found.columns[CHANGED].agents["1001"].occupancy or 1) < (found.columns[SAME].agents["1001"].occupancy or 0)
    lazy = await replayed(changes={"agent": {"1003": {"hours": [["22:00", "23:00"]]}}, "member": {"sales": {"1003": {}}}})
    assert lazy.columns[CHANGED].queues == found.columns[SAME].queues


async def test_without_an_agent_callers_wait_longer(lay: Lay, replayed: Replay) -> None:
    await lay(Oracle(TWO, busy_morning()).events())
    found = await replayed(changes={"agent": {"1002": {"away": True}}})
    before, after = found.columns[SAME], found.columns[CHANGED]
    assert (after.queues[ALL].asa_ms or 0) > (before.queues[ALL].asa_ms or 0) and "1002" not in after.agents


async def test_a_head_start_moves_callers_forward(lay: Lay, replayed: Replay) -> None:
    await lay(Oracle(TWO, [Call(at, 60, None, name) for at, name in ((0, "sales"), (1, "sales"), (2, "sales"), (3, "support"))]).events())
    found = await replayed(changes={"queue": {"support": {"head_start_s": 30}}})
    waits = {name: [found.columns[column].queues[name].longest_wait_ms for column in (SAME, CHANGED)] for name in ("sales", "support")}
    assert waits == {"sales": [62_000, 63_000], "support": [62_000, 61_000]}


async def test_overflow_and_the_longest_wait_are_replayed(lay: Lay, replayed: Replay) -> None:
    await lay(Oracle(("1001",), [Call(at, 100) for at in (0, 1, 2)]).events())
    found = await replayed(changes={"queue": {"sales": {"max_wait_s": 30}}})
    sales = found.columns[CHANGED].queues["sales"]
    assert (sales.answered, sales.other, sales.longest_wait_ms) == (1, 2, 30_000)
    rule = {"when": "waited", "than": 10, "to": "queue", "target": "support"}
    moved = await replayed(changes={"queue": {"sales": {"rules": {"overflow": [rule]}}}})
    queues = moved.columns[CHANGED].queues
    assert (queues["sales"].other, queues["support"].calls, queues["support"].answered) == (2, 2, 2)


async def test_a_seed_gives_one_replay(lay: Lay, replayed: Replay) -> None:
    await lay(Oracle(TWO, busy_morning()).events())
    wish = {"draws_patience": True, "changes": {"agent": {"1002": {"away": True}}, "queue": {"sales": {"strategy": "random"}}}}
    first, second, other = [msgspec.json.encode(await replayed(seed=seed, **wish)) for seed in (5, 5, 6)]
    assert first == second and first != other
    impatient = msgspec.json.decode(first)["columns"][CHANGED]["queues"][ALL]
    endless = (await replayed(changes=wish["changes"])).columns[CHANGED].queues[ALL]
    assert impatient["abandoned"] > endless.abandoned


async def test_what_cannot_be_replayed_is_told(lay: Lay, replayed: Replay) -> None:
    await lay(Oracle(TWO, busy_morning(3)).events())
    today = clock.utc_now().astimezone(ZONE).date()
    with pytest.raises(BadRequest, match="is not over in Asia/Shanghai"):
        await replayed(day=today)
    with pytest.raises(NotFound, match="nobody came to any queue on 2025-03-13"):
        await replayed(day=DAY + timedelta(days=1))
    with pytest.raises(NotFound, match="there is no queue 'nowhere'"):
        await replayed(queue="nowhere")
    with pytest.raises(BadRequest, match="formula: 'best' is none of"):
        await replayed(formula="best")
    with pytest.raises(BadQueue, match=r"queue\.sales\.strategy"):
        await replayed(changes={"queue": {"sales": {"strategy": "nearest"}}})


async def test_the_command_prints_the_columns(lay: Lay, postgres_dsn: str) -> None:
    await lay(Oracle(TWO, busy_morning(20)).events())
    code, out, err = await command(postgres_dsn, "2025-03-12", "--set", "agent.1003.like=1001", "--json")
    assert code == 0 and err.count("20 callers replayed in") == 2, err
    assert set(json.loads(out)["columns"]) == {AS_IT_WAS, SAME, CHANGED}
    code, out, err = await command(postgres_dsn, "2025-03-12", "--queue", "sales")
    assert code == 0 and "queue sales" in out and "service level" in out and "support" not in out
    code, out, err = await command(postgres_dsn, "2025-03-12", "--set", "queue.sales.wrap_up_s=-1")
    assert (code, out) == (1, "") and err == "✗ queue.sales.wrap_up_s: -1 is not within 0 and 3600\n"


async def command(dsn: str, *words: str) -> tuple[int | None, str, str]:
    environment = {**os.environ, "CALLCENTER_POSTGRES_DSN": dsn, "CALLCENTER_TIMEZONE": "Asia/Shanghai"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "callcenter", "replay", *words,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), err.decode()
