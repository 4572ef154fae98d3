"""Which ports the centre needs, whether they are free, and who has those that are not."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callcenter.basics.errors import SetupFailed
from callcenter.basics.settings import Settings

_RTP_LEAST: Final = 100
"""Ports of the RTP range that must be free: Asterisk passes over those that are not."""


@dataclass(frozen=True)
class Port:
    """An address that the centre listens at, and the setting that names it."""

    what: str
    host: str
    number: int
    kinds: tuple[socket.SocketKind, ...]
    setting: str


def needed(settings: Settings) -> list[Port]:
    """Every address the centre listens at with these settings, RTP apart."""
    tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
    ports = [Port("the console", settings.console_host, settings.console_port, (tcp,), "console_port")]
    if settings.asterisk_embedded:
        ports += [
            Port("agents' phones", settings.sip_host, settings.sip_port, (udp, tcp), "sip_port"),
            Port("the provider's calls", settings.trunk_host, settings.trunk_port, (udp,), "trunk_port"),
            Port("Asterisk's HTTP", "127.0.0.1", settings.asterisk_http_port, (tcp,), "asterisk_http_port"),
            Port("Asterisk's manager", "127.0.0.1", settings.ami_port, (tcp,), "ami_port"),
        ]
    return ports


def check(settings: Settings) -> None:
    """SetupFailed, with the setting to change and who is in the way, when a port can't be had."""
    for fault in faults(settings):
        raise fault


def faults(settings: Settings) -> Iterator[SetupFailed]:
    """What is wrong with each port."""
    ports = needed(settings)
    taken: dict[int, Port] = {}
    for port in ports:
        if (other := taken.get(port.number)) is not None:
            yield _fault(port, f"is also {other.what}'s")
        taken[port.number] = port
        for kind in port.kinds:
            if (error := _refused(port.host, port.number, kind)) is not None:
                yield _fault(port, _why(error, port.number))
                break
    if settings.asterisk_embedded:
        yield from _rtp_faults(settings, ports)


def _rtp_faults(settings: Settings, ports: list[Port]) -> Iterator[SetupFailed]:
    span = range(settings.rtp_start, settings.rtp_end + 1)
    for port in ports:
        if port.number in span:
            yield _fault(port, f"lies in the audio range {span.start}–{span.stop - 1}")
    free = 0
    for number in span:
        free += _refused("0.0.0.0", number, socket.SOCK_DGRAM) is None  # noqa: S104 - audio is taken at every address
        if free >= _RTP_LEAST:
            return
    if free < min(_RTP_LEAST, len(span)):
        what = f"Only {free} ports of the audio range {span.start}–{span.stop - 1} are free"
        yield SetupFailed(what, "End what uses them, or set CALLCENTER_RTP_START and CALLCENTER_RTP_END.")


def _fault(port: Port, why: str) -> SetupFailed:
    other = f"set CALLCENTER_{port.setting.upper()} (or {port.setting} in callcenter.toml) to another port"
    return SetupFailed(f"Port {port.number} for {port.what} {why}", f"End what uses it, or {other}.")


def _why(error: OSError, number: int) -> str:
    if isinstance(error, PermissionError):
        return "may not be used by this user (below 1024)"
    owner = _owner(number)
    return f"can't be had at this address ({error.strerror})" if error.errno in {99, 22} else f"is in use{f' by {owner}' if owner else ''}"


def _refused(host: str, number: int, kind: socket.SocketKind) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            # As servers do: connections of the run before, waiting to be forgotten, are no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
            if kind is socket.SOCK_STREAM:
                probe.listen(1)
        except OSError as error:
            return error
    return None


def _owner(number: int) -> str | None:
    """The process that has the port, as ``name (process 123)``, where this user may know it."""
    inodes = {
        fields[9]
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in _lines(Path("/proc/net") / table)[1:]
        if (fields := line.split()) and int(fields[1].rpartition(":")[2], 16) == number and fields[3] in {"0A", "07"}
    }
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in wanted for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return None


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").splitlines() if path.exists() and os.access(path, os.R_OK) else []
