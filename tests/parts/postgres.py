"""A private Postgres on a unix socket: one cluster a session, a fresh migrated database for each test that asks."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from callcenter.database.migrate import migrate
from callcenter.embedded.locate import postgres_bin
from callcenter.embedded.postgres import postgres_user
from callcenter.embedded.sandbox import as_user

SQL_DIR = Path(__file__).resolve().parents[2] / "sql"
_START_LIMIT_S = 60
_OPTIONS = {"listen_addresses": "", "fsync": "off", "max_connections": "100", "timezone": "UTC", "jit": "off", "max_wal_size": "1GB"}
_names = itertools.count(1)


class Cluster:
    """A cluster in a folder of its own; it can be stopped and started in the middle of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._user = postgres_user()
        self._programs = postgres_bin(folder / "data")
        self._server: subprocess.Popen[bytes] | None = None

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    @property
    def socket(self) -> Path:
        return self.folder / ".s.PGSQL.5432"

    def make(self) -> None:
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        command = [
            self._programs / "initdb",
            "-D",
            self.folder / "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-N",
        ]
        made = subprocess.run([*as_user(self._user), *map(str, command)], cwd=self.folder, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr

    def start(self) -> None:
        options = [word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")]
        command = [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *options]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [*as_user(self._user, dying_by="INT"), *map(str, command)], cwd=self.folder, stdout=log, stderr=log
            )
        ready = [str(self._programs / "pg_isready"), "-q", "-h", str(self.folder)]
        until = time.monotonic() + _START_LIMIT_S
        while subprocess.run(ready, check=False).returncode != 0:
            assert self._server.poll() is None and time.monotonic() < until, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def stop(self, how: int = signal.SIGINT) -> None:
        """SIGINT: sessions are ended and all is written; SIGQUIT: as after a crash."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(30)
            self._server = None


@contextmanager
def private_cluster() -> Iterator[Cluster]:
    """A running cluster that is gone with all its files afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cc-pg-"))
    cluster = Cluster(folder)
    try:
        cluster.make()
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """The session's cluster; a test that stops it takes a private_cluster of its own instead."""
    with private_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
async def postgres_template(postgres_cluster: Cluster) -> str:
    """Name of a migrated database that is copied for each test."""
    await execute(postgres_cluster.dsn(), "create database migrated")
    await migrate(postgres_cluster.dsn("migrated"), SQL_DIR)
    return "migrated"


@pytest.fixture
async def postgres_dsn(postgres_cluster: Cluster, postgres_template: str) -> AsyncIterator[str]:
    """A fresh migrated database."""
    async with fresh_database(postgres_cluster, postgres_template) as dsn:
        yield dsn


@pytest.fixture
async def postgres_empty_dsn(postgres_cluster: Cluster) -> AsyncIterator[str]:
    """A fresh database with nothing in it."""
    async with fresh_database(postgres_cluster, "template0") as dsn:
        yield dsn


class fresh_database:  # noqa: N801 - reads as a function
    """A database copied from a template, dropped at the end."""

    def __init__(self, cluster: Cluster, template: str) -> None:
        self._cluster, self._template, self._name = cluster, template, f"t{next(_names)}"

    async def __aenter__(self) -> str:
        await execute(self._cluster.dsn(), f"create database {self._name} template {self._template}")
        return self._cluster.dsn(self._name)

    async def __aexit__(self, *_: object) -> None:
        await execute(self._cluster.dsn(), f"drop database {self._name} with (force)")


async def execute(dsn: str, command: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(command)
    finally:
        await connection.close()
