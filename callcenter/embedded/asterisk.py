"""An Asterisk of our own: the program from its private root, everything else below ``var/asterisk``."""

from __future__ import annotations

import asyncio
import contextlib

from callcenter.basics.settings import Settings
from callcenter.embedded.child import Part
from callcenter.embedded.locate import AsteriskPlace
from callcenter.embedded.sandbox import humbly, name_sandbox


async def prepare(settings: Settings, place: AsteriskPlace) -> Part:
    """How to run it with the configuration rendered before. SetupFailed when this machine's name would stall its calls."""
    etc = settings.asterisk_dir / "etc" / "asterisk.conf"
    program = (*place.program, "-C", str(etc))
    sandbox = await name_sandbox()
    return Part(
        name="asterisk",
        command=(*sandbox, *humbly(), *program, "-f"),
        is_ready=lambda: _is_booted(program),
        log=settings.var / "log" / "asterisk.log",
        start_limit_s=40,
        stop_limit_s=10,
    )


async def _is_booted(program: tuple[str, ...]) -> bool:
    """Ask Asterisk's own console; it answers when every module is up."""
    process = await asyncio.create_subprocess_exec(
        *program, "-rx", "core waitfullybooted",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        said, _ = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return process.returncode == 0 and b"fully booted" in said
