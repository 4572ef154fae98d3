"""A conference of fifty: what Asterisk spends on it, and whether anybody hears a gap; our bridge against ConfBridge in the same Asterisk.

One speaks a steady tone, one listens, all others murmur; the tone that arrives is compared with the one that was sent.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any, Final

import numpy as np

from tests.bench.results import holds, run_of
from tests.parts import machine
from tests.parts.centre import Centre, private_centre
from tests.parts.hearing import share_of_tone
from tests.parts.rtp import FRAME, RATE, Samples, tone
from tests.parts.sipp import Sipp
from tests.parts.waiting import until

_OURS, _THEIRS = "4020", "4999"
_MEMBERS: Final = 50
_SPOKEN_HZ: Final = 1000.0
_MURMUR: Final = 60
"""Of 32767: not silence, so that everybody's voice has to be mixed."""
_PER_S: Final = 10
_SETTLE_S: Final = 3.0
_PROFILES: Final = "[general]\n[default_user]\ntype=user\nquiet=yes\nannounce_user_count=no\n[default_bridge]\ntype=bridge\n"


async def measure(quick: bool) -> dict[str, Any]:
    """Both conferences, one after the other, twice each way round."""
    for_s, before = (5.0 if quick else 20.0), os.getloadavg()[0]
    async with private_centre(LOG_LEVEL="warning", LAY_DEMO="true") as centre:
        await centre.api("PUT", "conferences/bench", {"number": _OURS, "announces": "off", "most_members": 100})
        (centre.var / "asterisk" / "etc" / "confbridge.conf").write_text(_PROFILES)
        await centre.asterisk("module load app_confbridge.so")
        await centre.asterisk(f"dialplan add extension {_THEIRS},1,ConfBridge,bench into from-trunk")
        runs: dict[str, list[dict[str, float]]] = {_OURS: [], _THEIRS: []}
        for number in (_OURS, _THEIRS) if quick else (_OURS, _THEIRS, _THEIRS, _OURS):
            runs[number].append(await _conference(centre, number, for_s))
    ours, theirs = (_together(runs[number]) for number in (_OURS, _THEIRS))
    return run_of(
        f"A conference of {_MEMBERS}",
        f"{_MEMBERS} members with G.711 and audio from all of them; processor time of Asterisk (and of our service) while it goes on. One"
        f" speaks {_SPOKEN_HZ:.0f} Hz: a gap is a 20 ms frame at the listener in which that tone is not at least half as strong as usual."
        " ConfBridge, from the dialplan of the same Asterisk, has its own defaults.",
        load={"members": _MEMBERS, "for_s": for_s, "rounds": len(runs[_OURS])},
        figures={"ours": ours, "confbridge": theirs, "ours_to_confbridge": round(ours["asterisk_core"] / theirs["asterisk_core"], 2)},
        goals=[
            holds("Asterisk on one core", ours["asterisk_core"] < 0.6, "< 0.6", f"{ours['asterisk_core']}"),
            holds("no audible gap", ours["gaps"] == 0, "0 frames", f"{ours['gaps']:.0f} frames"),
            holds("everything arrived", ours["arrived"] > 0.99, "> 0.99 of the time", f"{ours['arrived']}"),
        ],
        before=before,
    )


def _together(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.median([one[name] for one in rounds])), 3) for name in rounds[0]}


async def _conference(centre: Centre, number: str, for_s: float) -> dict[str, float]:
    """Fill a conference, listen for a while, and empty it."""
    scratch = centre.folder / f"conference-{time.monotonic_ns()}"
    scratch.mkdir()
    crowd = Sipp("caller_joins_and_talks", scratch)
    host, port = centre.trunk
    async with centre.caller() as speaker, centre.caller() as listener:
        speaks, hears = await speaker.dial(number), await listener.dial(number)
        await speaks.answered()
        await hears.answered()
        speaks.say(tone(_SPOKEN_HZ))
        count = str(_MEMBERS - 2)
        await crowd.start(
            "-r", str(_PER_S), "-m", count, "-l", count, "-s", number, f"{host}:{port}",
            caller="1390[call_number]", seconds=for_s + 30, loudness=_MURMUR,
        )  # fmt: skip
        await until("everybody in", lambda: _all_in(centre), 30)
        await asyncio.sleep(_SETTLE_S)
        house = machine.household(centre.supervisor_pid, centre.worker_pid)
        spent, since = house.cpu_s(), time.monotonic()
        await asyncio.sleep(for_s)
        after, took = house.cpu_s(), time.monotonic() - since
        heard = hears.voice.ear.heard(since)
        await crowd.stop()
        await speaks.hang_up()
        await hears.hang_up()
    for channel in await centre.channels():
        await centre.asterisk(f"channel request hangup {channel}")
    await centre.is_empty(60)
    return {
        "asterisk_core": (after["asterisk"] - spent["asterisk"]) / took,
        "service_core": (after["worker"] - spent["worker"]) / took,
        "arrived": len(heard) / (took * RATE),
        "gaps": float(_gaps(heard)),
        "tone": share_of_tone(heard[-RATE:], _SPOKEN_HZ),
    }


async def _all_in(centre: Centre) -> bool:
    return len(await centre.channels()) >= _MEMBERS


def _gaps(heard: Samples) -> int:
    """Frames in which the tone is weaker than half of its usual strength."""
    frames = heard[: len(heard) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    wave = np.exp(-2j * np.pi * _SPOKEN_HZ / RATE * np.arange(FRAME))
    strength = np.abs(frames @ wave)
    return int((strength < np.median(strength) / 2).sum())
