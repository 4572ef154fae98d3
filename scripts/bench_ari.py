"""What the ARI client costs, as JSON: python scripts/bench_ari.py [--requests N] [--events N]

Requests go to a private, real Asterisk that is started for it; events are decoded and dispatched from frames it really sent.
Each figure is the median of the rounds, with the least and the most of them: on an otherwise idle machine a request that waits
for its answer costs between one and four times as much, by how the two processes happen to fall on the processors.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from callcenter.asterisk import Ari  # noqa: E402
from callcenter.asterisk.protocol import decode, mentioned  # noqa: E402
from tests.asterisk.reach import ari_of, call  # noqa: E402
from tests.asterisk_conf.private_asterisk import PrivateAsterisk  # noqa: E402

ROUNDS = 9
AT_ONCE = 32
CHANNELS: list[str] = []
"""The ids that the noted events speak of."""


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def asterisk_cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spread(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 2), "least": round(min(values), 2), "most": round(max(values), 2)}


async def requests(ari: Ari, pid: int, number: int) -> dict[str, Any]:
    """One after another, then many at once."""
    report: dict[str, Any] = {}

    async def some(count: int) -> None:
        for _ in range(count):
            await ari.request("GET", "/asterisk/ping")

    for name, lanes in (("one_at_a_time", 1), (f"{AT_ONCE}_at_once", AT_ONCE)):
        costs, theirs, rates = [], [], []
        each = number // lanes
        for _ in range(ROUNDS):
            cpu, their_cpu, began = cpu_s(), asterisk_cpu_s(pid), time.perf_counter()
            async with asyncio.TaskGroup() as group:
                for _ in range(lanes):
                    group.create_task(some(each))
            rates.append(each * lanes / (time.perf_counter() - began))
            costs.append((cpu_s() - cpu) / (each * lanes) * 1e6)
            theirs.append((asterisk_cpu_s(pid) - their_cpu) / (each * lanes) * 1e6)
        report[name] = {"us_cpu": spread(costs), "asterisk_us_cpu": spread(theirs), "per_s": spread(rates)}
    return report


async def frames_of_a_call(ari: Ari) -> list[str]:
    """What Asterisk sends for one call with a playback and a bridge."""
    frames: list[str] = []
    take: Callable[[str], None] = ari._take

    def noting(text: str) -> None:
        frames.append(text)
        take(text)

    setattr(ari, "_take", noting)  # noqa: B010 - the bench alone looks over its shoulder
    with ari.subscribe() as events:
        channel = await call(ari, events)
        bridge = await ari.create_bridge(f"{channel.id}-bridge")
        await bridge.add(channel.id)
        playback = await channel.play(["tone:1004"], f"{channel.id}-playback")
        await playback.stop()
        await bridge.destroy()
        await channel.hangup()
        await asyncio.sleep(0.3)
    setattr(ari, "_take", take)  # noqa: B010
    kept = [frame for frame in frames if '"RESTResponse"' not in frame]
    CHANNELS[:] = {each for frame in kept for each in mentioned(decode(frame))}  # type: ignore[arg-type]
    return kept


async def events(ari: Ari, frames: list[str], number: int) -> dict[str, Any]:
    """Decoding, dispatching among the listeners of a busy centre, and being read by the one they are for."""
    costs = []
    rounds = max(1, number // len(frames))
    others = [ari.subscribe(f"other-{n}") for n in range(500)]
    with ari.subscribe(*CHANNELS) as listener:
        for _ in range(ROUNDS):
            heard, cpu = 0, cpu_s()
            for _ in range(rounds):
                for frame in frames:
                    ari._take(frame)
                while listener._events:
                    await listener.next()
                    heard += 1
            costs.append((cpu_s() - cpu) / (rounds * len(frames)) * 1e6)
            assert heard == rounds * len(frames), "every event must have been read"
    for other in others:
        other.close()
    kinds = [json.loads(frame)["type"] for frame in frames]
    return {"us_cpu": spread(costs), "frames_of_a_call": len(frames), "bytes_each": sum(map(len, frames)) // len(frames), "kinds": kinds}


async def main(asked: argparse.Namespace) -> dict[str, Any]:
    """Start Asterisk, measure, and kill it."""
    folder = tempfile.TemporaryDirectory(prefix="cc-bench-ari-")
    asterisk = PrivateAsterisk(Path(folder.name))
    await asterisk.__aenter__()
    try:
        async with ari_of(asterisk) as ari:
            await ari.wait_connected(10)
            report: dict[str, Any] = {"requests": await requests(ari, asterisk.pid, asked.requests)}
            frames = await frames_of_a_call(ari)
            report["events"] = await events(ari, frames, asked.events)
        async with Ari(
            base_url=ari._url.removesuffix("/ari/events"), user="callcenter", password="ari-secret-for-tests", app="unfiltered", unread=()
        ) as bare:
            await bare.wait_connected(10)
            report["frames_of_a_call_without_filter"] = len(await frames_of_a_call(bare))
            report["strange_frames"] = ari.strange_frames + bare.strange_frames
    finally:
        await asterisk.die()
        folder.cleanup()
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=16_000)
    parser.add_argument("--events", type=int, default=50_000)
    print(json.dumps(uvloop.run(main(parser.parse_args())), indent=2))
