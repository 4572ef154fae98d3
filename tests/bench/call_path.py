"""Calls arriving at a queue of free agents: from the caller's INVITE to the agent's, without menu, announcement, recording, audio.

The goal of the project: 40 calls/s for 60 s on 2 cores with everything on one machine, none failed, p99 under 20 ms, the service's own
processor time under 5 ms a call.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import wire
from tests.parts import machine
from tests.parts.centre import REPOSITORY, Centre, private_centre
from tests.parts.sipp import Sipp, sipp
from tests.parts.waiting import until

AGENTS = 200
QUEUE, NUMBER = "bench", "4900"


@dataclass(frozen=True)
class Load:
    """What is asked of the centre."""

    calls_per_s: int = 40
    for_s: int = 60
    talk_ms: int = 1000

    @property
    def calls(self) -> int:
        return self.calls_per_s * self.for_s


async def lay_bench(centre: Centre) -> dict[str, str]:
    """Add the bench's agents, queue and number, and start the centre again with them; returns the agents' SIP passwords."""
    passwords = {str(7001 + n): secrets.token_hex(12) for n in range(AGENTS)}
    async with centre.db.acquire() as db, db.transaction():
        await db.executemany(
            "insert into agents (number, name, sip_password, pin) values ($1, 'bench', $2, $3)",
            [(number, password, number) for number, password in passwords.items()],
        )
        await db.execute(
            "insert into queues (name, title, announce_agent, record_calls, wrap_up_s) values ($1, 'bench', false, false, 0)", QUEUE
        )
        await db.executemany("insert into queue_members (queue, agent) values ($1, $2)", [(QUEUE, number) for number in passwords])
        await db.execute("insert into numbers (number, title, kind, target) values ($1, 'bench', 'queue', $2)", NUMBER, QUEUE)
    await centre.stop()
    await centre.start()
    return passwords


async def everyone_ready(centre: Centre, numbers: list[str]) -> None:
    """Make all agents ready and wait until the centre sees them so."""
    for first in range(0, len(numbers), 20):
        await asyncio.gather(*(centre.set_state(number, "ready") for number in numbers[first : first + 20]))

    async def ready() -> bool:
        agents = (await centre.api("GET", "live"))["agents"]
        return sum(agent["state"] == "ready" for agent in agents) >= len(numbers)

    await until("all agents ready", ready, 30, every_s=0.5)


async def measure(load: Load) -> dict[str, Any]:
    """Run the load against a private centre and report."""
    async with private_centre(LOG_LEVEL="warning", LAY_DEMO="true") as centre:
        agents = await lay_bench(centre)
        scratch = centre.folder / "bench"
        scratch.mkdir()
        async with sipp("agent_answers", scratch, server=centre.sip, agents=agents) as phones:
            await everyone_ready(centre, list(agents))
            return await _under_load(centre, phones, load, scratch)


async def _under_load(centre: Centre, phones: Sipp, load: Load, scratch: Path) -> dict[str, Any]:
    callers = Sipp("caller_talks_and_hangs_up", scratch)
    notes = scratch / "wire.jsonl"
    listener = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.wire", str(centre.trunk[1]), str(phones.port), str(notes),
        cwd=REPOSITORY, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert listener.stdout is not None and listener.stdin is not None
    if await asyncio.wait_for(listener.stdout.readline(), 10) != b"listening\n":
        raise SystemExit("The wire can't be listened to: run the benchmark as root (CAP_NET_RAW).")
    house = machine.household(centre.supervisor_pid, centre.worker_pid)
    before, began = house.cpu_s(), datetime.now(UTC)
    host, port = centre.trunk
    await callers.start(
        "-r", str(load.calls_per_s), "-m", str(load.calls), "-l", "1000", "-d", str(load.talk_ms), "-s", NUMBER, f"{host}:{port}",
        caller="1380[call_number]",
    )  # fmt: skip
    code = await callers.ended(load.for_s + 60)
    after = house.cpu_s()
    await centre.is_empty(30)
    listener.stdin.close()
    await asyncio.wait_for(listener.wait(), 10)
    counts = callers.counts()
    booked = await _booked(centre, began)
    delays = wire.delays_ms(notes, port, phones.port)
    return _report(load, counts=counts, code=code, delays=delays, used={k: after[k] - before[k] for k in after}, booked=booked)


async def _booked(centre: Centre, began: datetime) -> dict[str, Any]:
    """What the ledger holds of the load: each call once, each talked; and how long arrival to bridge took by Asterisk's own clock."""
    row = await centre.db.fetchrow(
        "select count(*) as calls, count(*) filter (where outcome = 'answered' and ended_at is not null) as answered from calls"
        " where started_at >= $1 and dialled = $2",
        began,
        NUMBER,
    )
    assert row is not None
    return dict(row)


def _report(
    load: Load, *, counts: dict[str, int], code: int, delays: list[float], used: dict[str, float], booked: dict[str, Any]
) -> dict[str, Any]:
    made = max(counts["made"], 1)
    p99 = machine.percentile(delays, 99)
    per_call = {f"{name}_ms_per_call": round(seconds * 1000 / made, 3) for name, seconds in used.items()}
    failures = load.calls - counts["succeeded"]
    return {
        "what": "call path: arrival at a queue with a free agent, no menu, announcement, recording or audio",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.facts(),
        "load": {"calls_per_s": load.calls_per_s, "for_s": load.for_s, "talk_ms": load.talk_ms, "agents": AGENTS},
        "calls": counts | {"sipp_exit": code},
        "failures": failures,
        "in_the_ledger": booked,
        "arrival_to_agents_invite_ms": {
            "measured": len(delays), "p50": round(machine.percentile(delays, 50), 2), "p90": round(machine.percentile(delays, 90), 2),
            "p99": round(p99, 2), "max": round(max(delays, default=float("nan")), 2),
        },
        "cpu": per_call,
        "goal": {
            "no_failure": failures == 0,
            "all_measured": len(delays) == load.calls,
            "all_in_the_ledger": booked["answered"] == load.calls,
            "p99_under_20_ms": p99 < 20,
            "service_under_5_ms_cpu_per_call": per_call["worker_ms_per_call"] < 5,
        },
    }  # fmt: skip
