"""Looks the machine over: each finding says what is well, or what is missing and how to cure it."""

from __future__ import annotations

import os
import resource
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callcenter.basics.clock import utc_now
from callcenter.basics.errors import CallCenterError, SetupFailed
from callcenter.basics.settings import Settings
from callcenter.embedded import leftovers, locate, machine, ports, sandbox

_PROGRAMS: Final = {"ffmpeg": "ffmpeg", "sox": "sox", "espeak-ng": "espeak-ng", "setpriv": "util-linux"}
"""Programs the centre calls, and the Debian package that holds each."""
_EARLIEST_YEAR: Final = 2026
_FEW_FILES: Final = 16_384


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    cure: str | None = None
    """What to do; None: it is well."""
    is_fatal: bool = False
    """Whether the centre can't start like this."""

    def __str__(self) -> str:
        if self.cure is None:
            return f"✓ {self.what}"
        return f"{'✗' if self.is_fatal else '!'} {self.what}. {self.cure}"


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; nothing is changed but that folders below var are made."""
    findings = [_tried(f"Folder {settings.var} is writable", lambda: machine.check_folder(settings.var))]
    findings.append(_tried("Enough disk space is free", lambda: machine.check_space(settings.var)))
    findings.append(_tried("Socket names are short enough", lambda: machine.check_socket_names(settings)))
    findings += _programs(settings)
    findings += _ports(settings)
    findings.append(await _host_name())
    findings.append(_clock())
    findings.append(_open_files())
    findings.append(_privileges())
    return findings


def _tried(well: str, check: Callable[[], object]) -> Finding:
    try:
        check()
    except SetupFailed as fault:
        return Finding(fault.what, fault.remedy, is_fatal=True)
    except CallCenterError as fault:
        return Finding(str(fault), "See above.", is_fatal=True)
    return Finding(well)


def _programs(settings: Settings) -> Iterator[Finding]:
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            yield Finding(f"{program} is not installed", f"Run 'make setup', or install the package {package}.", is_fatal=True)
        else:
            yield Finding(f"{program} is installed")
    if settings.asterisk_embedded:
        try:
            yield Finding(f"Asterisk {locate.asterisk(settings).version}")
        except SetupFailed as fault:
            yield Finding(fault.what, fault.remedy, is_fatal=True)
    if settings.postgres_dsn is None:
        yield _tried("Postgres is installed", lambda: locate.postgres_bin(settings.var / "postgres" / "data"))
    if settings.redis_url is None:
        yield _tried("Redis is installed", locate.has_redis)


def _ports(settings: Settings) -> Iterator[Finding]:
    if not (settings.var / "run").is_dir():
        return
    try:
        with leftovers.only_one(settings.var):
            faults = list(ports.faults(settings))
    except SetupFailed as running:
        yield Finding(running.what + "; its ports are not looked at")
        return
    for fault in faults:
        yield Finding(fault.what, fault.remedy, is_fatal=True)
    if not faults:
        yield Finding("Every port is free")


async def _host_name() -> Finding:
    name = socket.gethostname()
    if await sandbox.resolves(name):
        return Finding(f"The host name {name} resolves")
    try:
        await sandbox.name_sandbox(name)
    except SetupFailed as fault:
        return Finding(fault.what, fault.remedy, is_fatal=True)
    cure = f"Asterisk is given another; better: echo '127.0.1.1 {name}' >> /etc/hosts"
    return Finding(f"The host name {name} does not resolve", cure)


def _clock() -> Finding:
    now = utc_now()
    if now.year < _EARLIEST_YEAR:
        return Finding(
            f"The clock says {now:%Y-%m-%d %H:%M} UTC", "Set it (timedatectl set-ntp true): every record carries it.", is_fatal=True
        )
    synced = Path("/run/systemd/timesync/synchronized").exists() or shutil.which("chronyd") or shutil.which("ntpd")
    what = f"The clock says {now:%Y-%m-%d %H:%M} UTC"
    return Finding(what) if synced else Finding(f"{what}; nothing seen that keeps it right", "Install chrony or systemd-timesyncd.")


def _open_files() -> Finding:
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if allowed == resource.RLIM_INFINITY or allowed >= _FEW_FILES:
        return Finding(f"Enough files may be open ({'any number' if allowed == resource.RLIM_INFINITY else allowed})")
    return Finding(
        f"Only {allowed} files may be open, about {allowed // 10} calls", "Raise it: ulimit -Hn 65536, or LimitNOFILE= in the unit."
    )


def _privileges() -> Finding:
    if os.geteuid() == 0:
        return Finding("Runs as root: Postgres gets a user of its own, Asterisk and Redis lose root's powers")
    return Finding(f"Runs as an ordinary user ({os.geteuid()})")
