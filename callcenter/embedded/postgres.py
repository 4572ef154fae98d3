"""A Postgres cluster of our own below ``var/postgres``, reached by its socket only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
from pathlib import Path
from typing import Final

import asyncpg

from callcenter.basics.clock import monotonic_s
from callcenter.basics.errors import SetupFailed
from callcenter.basics.settings import Settings
from callcenter.embedded.child import Part, last_lines, put_aside
from callcenter.embedded.locate import postgres_bin
from callcenter.embedded.processes import born, send
from callcenter.embedded.sandbox import as_user

_CLUSTER_SQL: Final = Path(__file__).with_name("cluster.sql")
_CLUSTER_LIMIT_S: Final = 120.0
_ORPHAN_LIMIT_S: Final = 15.0
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "log_min_duration_statement": "1000",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m ",
    "jit": "off",
}
"""For a small box that records calls: commits wait for the disk, nothing listens on the network."""


def postgres_user() -> str | None:
    """The system user Postgres must run as: none but ours, or an unprivileged one when we are root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise SetupFailed("Postgres must not run as root, and there is no user 'postgres' or 'nobody'", "Add one: adduser --system postgres")


async def prepare(settings: Settings) -> Part:
    """Make the cluster where there is none, and say how to run it. SetupFailed when it can't be made."""
    base = settings.var / "postgres"
    user = postgres_user()
    for folder in (base, base / "run"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if user is not None:
        _own(base, user)
    await _end_orphan(base)
    if not (base / "data").exists():
        await _make(base, user, settings.var / "log" / "postgres.log")
    options = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    program = postgres_bin(base / "data") / "postgres"
    return Part(
        name="postgres",
        command=(*as_user(user, dying_by="INT"), str(program), "-D", str(base / "data"), "-k", str(base / "run"), *options),
        is_ready=lambda: _answers(settings.dsn),
        log=settings.var / "log" / "postgres.log",
        # Fast shutdown: open sessions are ended, everything committed is on disk.
        stop_by=signal.SIGINT,
        start_limit_s=60,
        stop_limit_s=20,
    )


async def _end_orphan(base: Path) -> None:
    """End a server that still has our data though its supervisor is gone, and forget one that is dead.

    After a restart of the machine the noted process id may be anybody's, which Postgres would take for its own.
    """
    noted = base / "data" / "postmaster.pid"
    try:
        pid = int(noted.read_text(encoding="ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    deadline = monotonic_s() + _ORPHAN_LIMIT_S
    while _serves(pid, base / "data") and monotonic_s() < deadline:
        send(pid, signal.SIGINT)
        await asyncio.sleep(0.2)
    if _serves(pid, base / "data"):
        raise SetupFailed(f"Postgres (process {pid}) of an earlier run does not end", f"End it: kill -QUIT {pid}")
    for left in (noted, *(base / "run").glob(".s.PGSQL.*")):
        left.unlink(missing_ok=True)


def _serves(pid: int, data: Path) -> bool:
    """Whether the living process is a Postgres server of this data."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return os.fsencode(data) in words and words[0].endswith(b"postgres") and born(pid) is not None


def _own(base: Path, user: str) -> None:
    """Give the folder to the user who runs Postgres, with all below it where it was somebody else's."""
    entry = pwd.getpwnam(user)
    if base.stat().st_uid == entry.pw_uid and (base / "run").stat().st_uid == entry.pw_uid:
        return
    for path in (base, *base.rglob("*")):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


async def _make(base: Path, user: str | None, log: Path) -> None:
    """Make the cluster under another name and rename it when it is whole."""
    fresh = base / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    programs = postgres_bin(fresh)
    put_aside(log)
    initdb = (str(programs / "initdb"), "-D", str(fresh), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    await _run((*as_user(user), *initdb), b"", base, log)
    alone = (str(programs / "postgres"), "--single", "-D", str(fresh), "postgres")
    await _run((*as_user(user), *alone), _CLUSTER_SQL.read_bytes(), base, log)
    fresh.rename(base / "data")


async def _run(command: tuple[str, ...], told: bytes, folder: Path, log: Path) -> None:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )
        try:
            async with asyncio.timeout(_CLUSTER_LIMIT_S):
                await process.communicate(told)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
    if process.returncode != 0:
        raise SetupFailed("The Postgres cluster can't be made", f"See {log}, which ends:\n    " + "\n    ".join(last_lines(log, 8)))


async def _answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=3)
    except asyncpg.PostgresError:
        return False
    await connection.close()
    return True
