"""What the kernel knows of processes: who is alive, whose child it is, and how children die with their parent."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_libc: Final = ctypes.CDLL(None, use_errno=True)


def die_with_parent(supervisor: int, how: signal.Signals) -> None:
    """Have the kernel send ``how`` to this process when its parent dies. Called in the child, before exec."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(how))
    if os.getppid() != supervisor:
        os._exit(1)


def born(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when there is no such living process.

    Pid and birth together name a process for ever: pids are used again.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def innermost(pid: int) -> int:
    """The last of a chain of only children: the program inside its sandbox."""
    while True:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        except (FileNotFoundError, ProcessLookupError):
            return pid
        if len(children) != 1:
            return pid
        pid = int(children[0])


def send(pid: int, how: signal.Signals) -> None:
    """Send a signal; a process that is gone already is fine."""
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return


def send_to_group(pid: int, how: signal.Signals) -> None:
    """Send a signal to the process group that ``pid`` leads; one that is gone already is fine."""
    try:
        os.killpg(pid, how)
    except ProcessLookupError:
        return
