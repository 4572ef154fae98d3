"""SIPp as callers and agents: a scenario by name, ports of its own (``-mp`` too: two SIPps on one media port echo into each other).

Scenarios stand in ``tests/calls/scenarios``, named by person and deed. ``@{file KEY=value}`` in them takes in a message,
``@NAME@`` a value; the rest is SIPp's own language.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tests.parts import pcap
from tests.parts.ports import free_port
from tests.parts.softphone import register_for
from tests.parts.waiting import until

SCENARIOS = Path(__file__).parents[1] / "calls" / "scenarios"


def render(name: str, folder: Path, **values: str) -> Path:
    """The scenario with its messages and values filled in, written into ``folder``."""

    def message(match: re.Match[str]) -> str:
        file, *settings = re.split(r"\s+(?=[A-Z_]+=)", match.group(1))
        text = (SCENARIOS / file).read_text().rstrip("\n")
        for setting in settings:
            key, _, value = setting.partition("=")
            text = text.replace(f"@{key}@", value)
        return text

    text = re.sub(r"@\{([^}]+)\}", message, (SCENARIOS / f"{name}.xml").read_text())
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    if left := re.search(r"@[A-Z_0-9]+@", text):
        raise ValueError(f"{name}: nothing given for {left.group(0)}")
    path = folder / f"{name}.xml"
    path.write_text(text)
    return path


class Sipp:
    """One running SIPp."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.port = free_port()
        self.media_port = free_port()
        self.statistics = folder / f"{name}.csv"
        self.errors = folder / f"{name}.errors"
        self._process: asyncio.subprocess.Process | None = None

    async def start(
        self,
        *arguments: str,
        caller: str = "1380013[call_number]",
        refusal: str = "486 Busy Here",
        hertz: int = 440,
        seconds: float = 10.0,
        loudness: int = 8000,
    ) -> None:
        """Begin the scenario; ``arguments`` are SIPp's own, ``refusal`` is status and words of a phone that refuses."""
        tone, key = self.folder / f"tone-{hertz}.pcap", self.folder / "key-1.pcap"
        pcap.write(tone, pcap.tone_packets(hertz, seconds, loudness))
        pcap.write(key, pcap.key_packets("1"))
        media = "[media_port]"
        values = {"CALLER": caller, "TONE": str(tone), "KEY_1": str(key), "MEDIA_PORT": media, "REFUSAL": refusal}
        scenario = render(self.name, self.folder, **values)
        sipp = shutil.which("sipp")
        assert sipp, "sipp is not installed"
        self._process = await asyncio.create_subprocess_exec(
            sipp, "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(self.port), "-mi", "127.0.0.1", "-mp", str(self.media_port),
            "-nostdin", "-trace_err", "-error_file", str(self.errors), "-trace_stat", "-stf", str(self.statistics), "-fd", "1",
            "-timeout", "170", *arguments,
            cwd=self.folder, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        bound = f"0100007F:{self.port:04X}"
        await until(f"SIPp at port {self.port}", lambda: bound in Path("/proc/net/udp").read_text() or self._is_over(), 5, every_s=0.02)
        assert not self._is_over(), f"{self.name} did not start\n{self.complaints()}"

    def _is_over(self) -> bool:
        return self._process is not None and self._process.returncode is not None

    async def ended(self, timeout_s: float = 60.0) -> int:
        """Wait until it has played its calls; 0: each went as the scenario says."""
        assert self._process is not None
        async with asyncio.timeout(timeout_s):
            return await self._process.wait()

    async def went_well(self, timeout_s: float = 60.0) -> None:
        """Wait until it has played its calls; AssertionError with SIPp's own words when one went otherwise."""
        code = await self.ended(timeout_s)
        assert code == 0, f"{self.name} ended with {code}\n{self.complaints()}"

    def complaints(self) -> str:
        return self.errors.read_text(errors="replace")[-3000:] if self.errors.exists() else ""

    def counts(self) -> dict[str, int]:
        """Calls made, succeeded and failed so far, from SIPp's own statistics."""
        if not self.statistics.exists():
            return {"made": 0, "succeeded": 0, "failed": 0}
        with self.statistics.open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        return {"made": int(last["TotalCallCreated"]), "succeeded": int(last["SuccessfulCall(C)"]), "failed": int(last["FailedCall(C)"])}

    async def stop(self) -> None:
        """End it now."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def sipp(
    name: str,
    folder: Path,
    arguments: Sequence[str] = (),
    *,
    server: tuple[str, int] | None = None,
    agents: dict[str, str] | None = None,
    **options: object,
) -> AsyncIterator[Sipp]:
    """A SIPp that runs as long as the block; it takes the calls of ``agents`` (number: SIP password), registered at ``server``."""
    one = Sipp(name, folder)
    if agents and server:
        await register_for(one.port, server, agents)
    await one.start(*arguments, **options)  # type: ignore[arg-type]
    try:
        yield one
    finally:
        await one.stop()
