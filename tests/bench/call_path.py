"""Calls arriving at a queue of free agents: from the caller's INVITE to the agent's, without menu, announcement, recording, audio.

The goal of the project: 40 calls/s for 60 s on 2 cores with everything on one machine, none failed, p99 under 20 ms, the service's own
processor time under 5 ms a call.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import wire
from tests.bench.results import below, holds, run_of, spread
from tests.bench.stage import Line, everyone_ready, lay
from tests.parts import machine
from tests.parts.centre import Centre, private_centre
from tests.parts.sipp import Sipp, sipp

LINE = Line("bench", "4900", [str(7001 + n) for n in range(200)])


@dataclass(frozen=True)
class Load:
    """What is asked of the centre."""

    calls_per_s: int = 40
    for_s: int = 60
    talk_ms: int = 1000

    @property
    def calls(self) -> int:
        return self.calls_per_s * self.for_s


async def measure(quick: bool) -> dict[str, Any]:
    """Run the load against a private centre and report."""
    load, before = Load(for_s=10 if quick else 60), os.getloadavg()[0]
    async with private_centre(LOG_LEVEL="warning", LAY_DEMO="true") as centre:
        agents = await lay(centre, LINE)
        scratch = centre.folder / "bench"
        scratch.mkdir()
        async with sipp("agent_answers", scratch, server=centre.sip, agents=agents) as phones:
            await everyone_ready(centre, list(agents))
            return await _under_load(centre, phones, load, scratch, before)


async def _under_load(centre: Centre, phones: Sipp, load: Load, scratch: Path, before: float) -> dict[str, Any]:
    callers = Sipp("caller_talks_and_hangs_up", scratch)
    notes = scratch / "wire.jsonl"
    house = machine.household(centre.supervisor_pid, centre.worker_pid)
    host, port = centre.trunk
    async with wire.listening(notes, port, phones.port):
        spent, began = house.cpu_s(), datetime.now(UTC)
        await callers.start(
            "-r", str(load.calls_per_s), "-m", str(load.calls), "-l", "1000", "-d", str(load.talk_ms), "-s", LINE.number, f"{host}:{port}",
            caller="1380[call_number]",
        )  # fmt: skip
        code = await callers.ended(load.for_s + 60)
        after = house.cpu_s()
        await centre.is_empty(30)
    counts = callers.counts()
    booked = await _booked(centre, began)
    delays = wire.delays_ms(notes, port, phones.port)
    used = {name: after[name] - spent[name] for name in after}
    return _report(load, counts=counts | {"sipp_exit": code}, delays=delays, used=used, booked=booked, before=before)


async def _booked(centre: Centre, began: datetime) -> dict[str, Any]:
    """What the ledger holds of the load: each call once, each talked; and how long arrival to bridge took by Asterisk's own clock."""
    row = await centre.db.fetchrow(
        "select count(*) as calls, count(*) filter (where outcome = 'answered' and ended_at is not null) as answered from calls"
        " where started_at >= $1 and dialled = $2",
        began,
        LINE.number,
    )
    assert row is not None
    return dict(row)


def _report(
    load: Load, *, counts: dict[str, int], delays: list[float], used: dict[str, float], booked: dict[str, Any], before: float
) -> dict[str, Any]:
    made = max(counts["made"], 1)
    per_call = {name: round(seconds * 1000 / made, 3) for name, seconds in used.items()}
    took = spread(delays)
    failures = load.calls - counts["succeeded"]
    return run_of(
        "A call arrives, a free agent's phone rings",
        "On the wire, by the kernel's clock: from the caller's INVITE to the agent's; no menu, announcement, recording or audio. Everything"
        " on one machine: callers, phones, Asterisk, the service, Postgres, Redis. Processor time by process, arrival to books.",
        load={"calls_per_s": load.calls_per_s, "for_s": load.for_s, "talk_ms": load.talk_ms, "agents": len(LINE.agents)},
        figures={"arrival_to_agents_invite_ms": took, "cpu_ms_per_call": per_call, "calls": counts, "in_the_ledger": booked},
        goals=[
            holds("no call failed", failures == 0, "0 failed", f"{failures} failed"),
            holds("all measured", len(delays) == load.calls, str(load.calls), len(delays)),
            holds("all in the ledger as answered", booked["answered"] == load.calls, str(load.calls), booked["answered"]),
            below("p99", took["p99"], 20),
            below("the service's processor time per call", per_call["worker"], 5),
        ],
        before=before,
    )
