"""Less power for the children: another user, no capabilities, and a host name that resolves.

A uid of our own for Asterisk is not used when the supervisor is root: its configuration and recordings pass between it
and the worker, both of which own them. It keeps root's files but none of root's powers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import socket
from typing import Final

from callcenter.basics.errors import SetupFailed

_RESOLVES_WITHIN_S: Final = 1.5


def as_user(user: str | None, *, dying_by: str = "keep") -> tuple[str, ...]:
    """The words before a command that run it as ``user``, who may pass through folders that are root's alone.

    A checkout below /root is closed to everyone else; reading and passing through is all that is granted.
    ``dying_by`` names the signal the kernel sends when the parent dies: a change of user forgets the one set before.
    """
    if user is None:
        return ()
    entry = pwd.getpwnam(user)
    ids = (f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", f"--pdeathsig={dying_by}")
    caps = "-all,+dac_read_search"
    return ("setpriv", *ids, f"--inh-caps={caps}", f"--ambient-caps={caps}", f"--bounding-set={caps}", "--no-new-privs", "--")


def humbly() -> tuple[str, ...]:
    """The words before a command that take root's powers from it, all but reading everywhere and low ports."""
    if os.geteuid() != 0:
        return ("setpriv", "--no-new-privs", "--")
    caps = "-all,+dac_read_search,+net_bind_service"
    return ("setpriv", "--inh-caps=-all", f"--bounding-set={caps}", "--no-new-privs", "--")


async def name_sandbox(name: str | None = None) -> tuple[str, ...]:
    """The words before Asterisk's command that give it a host name that resolves; none where the machine's own does.

    Asterisk looks its host name up in every call, and an answer that never comes stalls the call for seconds.
    SetupFailed when the name does not resolve and no sandbox can be made.
    """
    own = socket.gethostname() if name is None else name
    if await resolves(own):
        return ()
    if await resolves("localhost"):
        for words in _renaming():
            if await _succeeds((*words, "true")):
                return words
    what = f"This machine's own name, {own}, does not resolve, which would stall every call, and Asterisk can't be given another"
    raise SetupFailed(what, f"Add it to /etc/hosts: echo '127.0.1.1 {own}' >> /etc/hosts")


def _renaming() -> list[tuple[str, ...]]:
    """Ways to run a command under the host name ``localhost``: root simply enters a namespace, others need bubblewrap."""
    ways: list[tuple[str, ...]] = []
    if os.geteuid() == 0:
        ways.append(("unshare", "--uts", "--", "sh", "-c", 'echo localhost > /proc/sys/kernel/hostname && exec "$@"', "sh"))
    user = () if os.geteuid() == 0 else ("--unshare-user",)
    ways.append(("bwrap", "--dev-bind", "/", "/", *user, "--unshare-uts", "--hostname", "localhost", "--die-with-parent", "--"))
    return ways


async def resolves(name: str) -> bool:
    """Whether the name has an address by the hosts file or, within a moment, by DNS."""
    return await _succeeds(("getent", "-s", "files", "ahosts", name)) or await _succeeds(("getent", "-s", "dns", "ahosts", name))


async def _succeeds(command: tuple[str, ...]) -> bool:
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
    except OSError:
        return False
    try:
        async with asyncio.timeout(_RESOLVES_WITHIN_S):
            return await process.wait() == 0
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
