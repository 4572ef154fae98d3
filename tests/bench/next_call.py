"""An agent hangs up: when does the phone get the next waiting caller's INVITE? Ours and app_queue, in one Asterisk, in turns.

The same phones, the same callers: always more than fifty wait. From the agent's BYE to the INVITE at the same agent's phone, on the wire.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import wire
from tests.bench.results import at_least, below, holds, run_of, spread
from tests.bench.stage import Line, everyone_gone, everyone_ready, lay
from tests.parts.centre import Centre, private_centre
from tests.parts.sipp import Sipp, sipp

AGENTS, WAITING = 15, 60
LEAST_WAITING = 50
OURS = Line("bench", "4900", [str(7001 + n) for n in range(AGENTS)])
PLAIN_NUMBER = "4901"
_PLAIN = """
[plain]
strategy = leastrecent
musicclass = default
timeout = 15
retry = 1
ringinuse = no
autofill = yes
wrapuptime = 0
announce-frequency = 0
joinempty = yes
leavewhenempty = no
"""
_FILL_S = 4


@dataclass(frozen=True)
class Passed:
    """One hang-up and what came of it."""

    delay_ms: float
    waiting: int
    """Callers who had come and whom no phone had been rung for."""


async def _add_app_queue(centre: Centre) -> None:
    """A plain app_queue of the same agents in the same Asterisk, with nothing that slows it down, behind a number of its own."""
    config = centre.var / "asterisk" / "etc" / "queues.conf"
    config.write_text(config.read_text() + _PLAIN + "".join(f"member => PJSIP/{agent}\n" for agent in OURS.agents))
    await centre.asterisk("queue reload all")
    for priority, step in enumerate(("Answer()", "Queue(plain)"), 1):
        told = await centre.asterisk(f"dialplan add extension {PLAIN_NUMBER},{priority},{step} into from-trunk")
        assert "added into" in told, told


async def _round(centre: Centre, phones: Sipp, number: str, for_s: float, notes: Path) -> list[Passed]:
    callers = Sipp("caller_waits_until_hung_up", phones.folder)
    host, port = centre.trunk
    async with wire.listening(notes, port, centre.sip[1], phones.port):
        await callers.start("-r", "40", "-l", str(AGENTS + WAITING), "-s", number, f"{host}:{port}", caller="1380[call_number]")
        await asyncio.sleep(_FILL_S + for_s)
    await callers.stop()
    await everyone_gone(centre)
    return passed(wire.seen(notes), trunk=port, server=centre.sip[1], phones=phones.port)


def passed(messages: Sequence[wire.Seen], *, trunk: int, server: int, phones: int) -> list[Passed]:
    """Each agent's hang-up with the INVITE at the same agent's phone that followed, while enough callers waited."""
    came: set[str] = set()
    rung: set[str] = set()
    over: set[str] = set()
    hung_up: dict[str, tuple[int, int]] = {}
    found = []
    for message in messages:
        match message.start, message.target:
            case "INVITE", port if port == trunk:
                came.add(message.caller)
            case "BYE", port if port == server and message.call_id not in over:
                over.add(message.call_id)
                hung_up[message.caller] = message.at_ns, len(came - rung)
            case "INVITE", port if port == phones:
                rung.add(message.caller)
                if begun := hung_up.pop(message.called, None):
                    found.append(Passed((message.at_ns - begun[0]) / 1e6, begun[1]))
    return [one for one in found if one.waiting >= LEAST_WAITING]


async def measure(quick: bool) -> dict[str, Any]:
    """Rounds in turns, against a private centre."""
    before, rounds, for_s = os.getloadavg()[0], 1 if quick else 4, 10 if quick else 14
    ours: list[Passed] = []
    plain: list[Passed] = []
    async with private_centre(LOG_LEVEL="warning", LAY_DEMO="true") as centre:
        passwords = await lay(centre, OURS)
        await _add_app_queue(centre)
        scratch = centre.folder / "bench"
        scratch.mkdir()
        arguments = ("-timeout", "900")
        async with sipp("agent_talks_and_hangs_up", scratch, arguments, server=centre.sip, agents=passwords) as phones:
            await everyone_ready(centre, list(passwords))
            for n in range(rounds):
                ours += await _round(centre, phones, OURS.number, for_s, scratch / f"ours-{n}")
                plain += await _round(centre, phones, PLAIN_NUMBER, for_s, scratch / f"plain-{n}")
    return _report(ours, plain, before)


def _report(ours: Sequence[Passed], plain: Sequence[Passed], before: float) -> dict[str, Any]:
    our, their = spread([one.delay_ms for one in ours]), spread([one.delay_ms for one in plain])
    least = min((one.waiting for one in [*ours, *plain]), default=0)
    return run_of(
        "An agent hangs up, the next caller's call is there",
        "On the wire, by the kernel's clock: from the agent's BYE to the INVITE at the same agent's phone; no wrap-up. Ours and a plain"
        " app_queue (leastrecent, autofill, no wrap-up, retry 1 s, the least it knows) take turns in the same Asterisk with the same"
        " phones and callers.",
        load={"agents": AGENTS, "waiting_least": least, "talk_s": "1 to 3"},
        figures={"ours_ms": our, "app_queue_ms": their, "times_faster_at_the_median": round(their["p50"] / our["p50"], 1)},
        goals=[
            below("p99", our["p99"], 20),
            at_least("times faster than app_queue at the median", their["p50"] / our["p50"], 50),
            holds("200 hang-ups of each with 50 or more waiting", min(len(ours), len(plain)) >= 200, "200", f"{len(ours)}, {len(plain)}"),
        ],
        before=before,
    )
