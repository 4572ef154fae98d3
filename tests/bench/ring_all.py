"""Twenty phones ring for one caller, one is picked up: when are the others told to stop, and that the call was taken elsewhere?"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench import wire
from tests.bench.results import below, holds, run_of, spread
from tests.bench.stage import Line, everyone_ready, lay
from tests.parts.centre import private_centre
from tests.parts.sipp import Sipp, sipp

PHONES = 20
LINE = Line("bench", "4900", [str(7001 + n) for n in range(PHONES)], strategy="ring_all")
RING_MS, STAY_MS, EVERY_MS = 600, 1300, 2000
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@dataclass(frozen=True)
class Taken:
    """One call that one of the phones took; milliseconds."""

    rang: int
    stopped: int
    last_cancel_ms: float
    """From the answer to the last of the others' CANCELs."""
    all_ring_ms: float
    """From the first INVITE to the last."""
    told_why: bool
    """Every CANCEL said that the call was completed elsewhere."""


def taken(messages: Sequence[wire.Seen], *, server: int, phones: Sequence[int]) -> list[Taken]:
    """Each caller's call, as it went over the wire."""
    found = []
    for caller in dict.fromkeys(message.caller for message in messages if message.start == "INVITE" and message.target in phones):
        mine = [message for message in messages if message.caller == caller]
        rings: dict[str, int] = {}
        cancels: dict[str, wire.Seen] = {}
        for message in mine:
            if message.target in phones and message.start == "INVITE" and message.called:
                rings.setdefault(message.called, message.at_ns)
            if message.target in phones and message.start == "CANCEL":
                cancels.setdefault(message.called, message)
        answer = next(
            (message for message in mine if message.target == server and message.start == "200" and message.method == "INVITE"), None
        )
        if answer is None or not cancels:
            found.append(Taken(len(rings), len(cancels), float("inf"), 0, False))
            continue
        last = max(cancel.at_ns for cancel in cancels.values())
        found.append(
            Taken(
                rang=len(rings),
                stopped=len(cancels),
                last_cancel_ms=(last - answer.at_ns) / 1e6,
                all_ring_ms=(max(rings.values()) - min(rings.values())) / 1e6,
                told_why=all(cancel.reason == ELSEWHERE for cancel in cancels.values()),
            )
        )
    return found


async def measure(quick: bool) -> dict[str, Any]:
    """One call after another to a private centre."""
    before, calls = os.getloadavg()[0], 10 if quick else 60
    async with private_centre(LOG_LEVEL="warning", LAY_DEMO="true") as centre, contextlib.AsyncExitStack() as stack:
        passwords = await lay(centre, LINE)
        phones = []
        for name, agents in (("agent_rings_a_while_and_answers", LINE.agents[:1]), ("agent_rings_out", LINE.agents[1:])):
            folder = centre.folder / name
            folder.mkdir()
            theirs = {agent: passwords[agent] for agent in agents}
            arguments = ("-timeout", "900", "-d", str(RING_MS))
            phones.append(await stack.enter_async_context(sipp(name, folder, arguments, server=centre.sip, agents=theirs)))
        await everyone_ready(centre, LINE.agents)
        notes, ports = centre.folder / "wire", [phone.port for phone in phones]
        callers = Sipp("caller_talks_and_hangs_up", phones[0].folder)
        host, port = centre.trunk
        async with wire.listening(notes, centre.sip[1], *ports):
            await callers.start(
                "-r", "1", "-rp", str(EVERY_MS), "-m", str(calls), "-d", str(STAY_MS), "-s", LINE.number, "-timeout", "900",
                f"{host}:{port}",                 caller="1380[call_number]",
            )  # fmt: skip
            await callers.ended(calls * EVERY_MS / 1000 + 30)
            await centre.is_empty(30)
        found = taken(wire.seen(notes), server=centre.sip[1], phones=ports)
    return _report(found, calls, before)


def _report(found: Sequence[Taken], calls: int, before: float) -> dict[str, Any]:
    last = spread([one.last_cancel_ms for one in found])
    whole = sum(one.rang == PHONES and one.stopped == PHONES - 1 for one in found)
    told = sum(one.told_why for one in found)
    return run_of(
        "All ring, one answers, the others stop",
        f"On the wire, by the kernel's clock: {PHONES} phones ring for one caller; from the 200 OK of the one that is picked up to the last"
        f" CANCEL at the others. Each CANCEL must say Reason: {ELSEWHERE}, so that no phone shows a missed call.",
        load={"phones": PHONES, "calls": calls, "rings_ms": RING_MS, "one_call_every_ms": EVERY_MS},
        figures={"answer_to_last_cancel_ms": last, "first_to_last_invite_ms": spread([one.all_ring_ms for one in found])},
        goals=[
            below("last CANCEL at most", last["max"], 50),
            holds("all phones rang and all losers stopped", whole == calls, f"{calls} calls", whole),
            holds("every CANCEL said why", told == calls, f"{calls} calls", told),
        ],
        before=before,
    )
