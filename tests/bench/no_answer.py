"""A phone is busy, refuses, or is not answered: when does the next agent's phone get the same caller's INVITE? On the wire.

Nobody ever answers: each caller goes from phone to phone. There are so many agents that somebody is always free, though
each who did not take a call rests for some seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from typing import Any

from callcenter.acd.agent_state import REST_S
from tests.bench import wire
from tests.bench.results import Goal, below, holds, run_of, spread
from tests.bench.stage import Line, everyone_gone, everyone_ready, lay
from tests.parts.centre import Centre, private_centre
from tests.parts.sipp import Sipp, sipp

REFUSALS = {"486": "486 Busy Here", "603": "603 Decline", "480": "480 Temporarily Unavailable", "408": "408 Request Timeout"}
RING_MS, RING_TIMEOUT_S = 300, 3
EACH, CALLERS = 16, 4
UNANSWERED = "not answered"
GROUPS = {habit: [str(7001 + 100 * n + m) for m in range(EACH)] for n, habit in enumerate([*REFUSALS, UNANSWERED])}
LINE = Line("bench", "4900", [agent for agents in GROUPS.values() for agent in agents], ring_timeout_s=RING_TIMEOUT_S)


def delays(messages: Sequence[wire.Seen], *, server: int, phones: Sequence[int]) -> tuple[dict[str, list[float]], int]:
    """Per habit: milliseconds from the end of one agent's ringing to the caller's next INVITE; and how often nobody else was free."""
    found: dict[str, list[float]] = {habit: [] for habit in [*REFUSALS, UNANSWERED]}
    ended: dict[str, tuple[int, str]] = {}
    over: set[str] = set()
    free_at = dict.fromkeys(LINE.agents, 0.0)
    nobody = 0
    for message in messages:
        now = message.at_ns / 1e9
        if message.start == "INVITE" and message.target in phones:
            free_at[message.called] = float("inf")
            if begun := ended.pop(message.caller, None):
                found[begun[1]].append((message.at_ns - begun[0]) / 1e6)
            continue
        refused = message.target == server and message.method == "INVITE" and message.start in REFUSALS
        cancelled = message.target in phones and message.start == "CANCEL"
        if (refused or cancelled) and message.call_id not in over:
            over.add(message.call_id)
            free_at[message.called] = now + REST_S + 0.1
            if any(moment <= now for moment in free_at.values()):
                ended[message.caller] = message.at_ns, UNANSWERED if cancelled else message.start
            else:
                nobody += 1
    return found, nobody


async def measure(quick: bool) -> dict[str, Any]:
    """Let callers go from phone to phone in a private centre."""
    before, for_s = os.getloadavg()[0], 20 if quick else 90
    async with private_centre(LOG_LEVEL="warning", LAY_DEMO="true") as centre, contextlib.AsyncExitStack() as stack:
        passwords = await lay(centre, LINE)
        phones = []
        for habit, agents in GROUPS.items():
            folder = centre.folder / f"bench-{habit.replace(' ', '-')}"
            folder.mkdir()
            name = "agent_rings_out" if habit == UNANSWERED else "agent_rings_a_while_and_refuses"
            theirs = {agent: passwords[agent] for agent in agents}
            arguments = ("-timeout", "900", "-d", str(RING_MS))
            refusal = REFUSALS.get(habit, "")
            phones.append(await stack.enter_async_context(sipp(name, folder, arguments, server=centre.sip, agents=theirs, refusal=refusal)))
        await everyone_ready(centre, LINE.agents)
        found, nobody = await _under_load(centre, phones, for_s)
    return _report(found, nobody, before)


async def _under_load(centre: Centre, phones: Sequence[Sipp], for_s: float) -> tuple[dict[str, list[float]], int]:
    notes = centre.folder / "wire"
    callers = Sipp("caller_waits_until_hung_up", phones[0].folder)
    host, port = centre.trunk
    ports = [phone.port for phone in phones]
    async with wire.listening(notes, centre.sip[1], *ports):
        await callers.start("-r", "1", "-m", str(CALLERS), "-s", LINE.number, f"{host}:{port}", caller="1380[call_number]")
        await asyncio.sleep(for_s)
    await everyone_gone(centre)
    await callers.stop()
    return delays(wire.seen(notes), server=centre.sip[1], phones=ports)


def _report(found: dict[str, list[float]], nobody: int, before: float) -> dict[str, Any]:
    every = [delay for delays in found.values() for delay in delays]
    goals: list[tuple[str, Goal]] = [below(f"{REFUSALS.get(habit, habit)}: p99", spread(of)["p99"], 20) for habit, of in found.items()]
    return run_of(
        "A phone is not answered, the next one rings",
        "On the wire, by the kernel's clock: from the phone's refusal (486, 603, 480, 408), or our CANCEL when the ringing has lasted"
        " long enough, to the INVITE for the same caller at the next agent's phone. Counted where another agent was free.",
        load={"agents": len(LINE.agents), "callers": CALLERS, "rings_before_refusal_ms": RING_MS, "ring_timeout_s": RING_TIMEOUT_S},
        figures={f"{REFUSALS.get(habit, habit)}, ms": spread(of) for habit, of in found.items()} | {"nobody_was_free": nobody},
        goals=[*goals, holds("200 measured, each kind among them", len(every) >= 200 and all(found.values()), "200", len(every))],
        before=before,
    )
