"""What the ledger costs: calls of 26 events at a steady rate into a Postgres. ``python -m scripts.bench_ledger DSN [calls/s] [seconds]``

Prints JSON: CPU of this process per call (noting, spool, shipping; what making the events costs is taken off), and the
time from a call's end noted until its row is committed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from callcenter.basics.tasks import Tasks
from callcenter.database.migrate import migrate
from callcenter.database.pool import connect
from callcenter.ledger.service import Ledger
from tests.ledger.histories import answered_call


async def bench(dsn: str, rate: float, seconds: float) -> dict[str, float]:
    await migrate(dsn)
    pool = await connect(dsn)
    count = int(rate * seconds)
    stories = [answered_call(int(time.time() * 1000) + number) for number in range(count)]
    waits: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with Tasks("bench") as tasks:
            ledger = Ledger(pool, Path(folder))
            tasks.start(ledger.run(), "ledger")
            loop = asyncio.get_running_loop()
            began, cpu = loop.time(), time.process_time()
            for number, story in enumerate(stories):
                await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
                ledger.note(*story.events)
                if number % 20 == 0:
                    tasks.start(_wait(ledger, waits), "wait")
            await ledger.settle(30)
            cpu = time.process_time() - cpu
        rows = await pool.fetchval("select count(*) from calls where ended_at is not null")
    await pool.close()
    waits.sort()
    return {
        "calls": count,
        "rows": rows,
        "cpu_ms_per_call": round(cpu * 1000 / count, 3),
        "visible_p50_ms": round(waits[len(waits) // 2] * 1000, 1),
        "visible_p99_ms": round(waits[int(len(waits) * 0.99)] * 1000, 1),
    }


async def _wait(ledger: Ledger, waits: list[float]) -> None:
    started = time.monotonic()
    await ledger.settle(30)
    waits.append(time.monotonic() - started)


if __name__ == "__main__":
    words = [*sys.argv[1:], "40", "20"][:3] if len(sys.argv) == 2 else [*sys.argv[1:], "20"][:3]
    print(json.dumps(uvloop.run(bench(words[0], float(words[1]), float(words[2])))))
