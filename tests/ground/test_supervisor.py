"""The supervisor as a process of its own, with real Postgres and Redis."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from callcenter.basics.errors import SetupFailed
from callcenter.embedded import leftovers
from callcenter.embedded.child import Child, Part
from callcenter.embedded.processes import born
from callcenter.embedded.supervisor import Growth, Supervisor, back_off_s
from tests.parts.waiting import until

pytestmark = pytest.mark.parts

_PROJECT = Path(__file__).parents[2]


class TwoStores:
    """A supervisor of Postgres and Redis below a folder."""

    def __init__(self, folder: Path) -> None:
        self.var = folder / "var"
        self.said = folder / "said.txt"
        self.process: asyncio.subprocess.Process

    async def start(self) -> None:
        with self.said.open("wb") as said:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, str(Path(__file__).with_name("two_stores.py")), str(self.var),
                env={**os.environ, "PYTHONPATH": str(_PROJECT)}, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip

    async def ready(self) -> None:
        await until("two stores ready", lambda: "READY" in self.said.read_text() or self.process.returncode is not None, 60)
        assert "READY" in self.said.read_text(), self.said.read_text()

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.returncode is None:
            self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), 30)

    def pid(self, name: str) -> int:
        text = (self.var / "run" / f"{name}.json").read_text()
        return int(text.partition('"pid":')[2].partition(",")[0])

    async def postgres_answers(self) -> bool:
        try:
            connection = await asyncpg.connect(f"postgresql://callcenter@/callcenter?host={self.var / 'postgres' / 'run'}", timeout=3)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async def redis_answers(self) -> bool:
        client = Redis.from_url(f"unix://{self.var / 'redis' / 'redis.sock'}")
        try:
            return bool(await client.ping())
        except OSError:
            return False
        finally:
            await client.aclose()


@contextlib.asynccontextmanager
async def two_stores() -> AsyncIterator[TwoStores]:
    with tempfile.TemporaryDirectory(prefix="ground-") as folder:
        stores = TwoStores(Path(folder))
        await stores.start()
        try:
            await stores.ready()
            yield stores
        finally:
            await stores.end()


async def test_brings_up_and_leaves_nothing_behind() -> None:
    async with two_stores() as stores:
        assert await stores.postgres_answers()
        assert await stores.redis_answers()
        children = [stores.pid("postgres"), stores.pid("redis")]
        assert await stores.end(signal.SIGINT) == 0
        assert [born(pid) for pid in children] == [None, None]
        assert not list((stores.var / "run").glob("*.json"))


async def test_a_killed_child_comes_back() -> None:
    async with two_stores() as stores:
        for name in ("redis", "postgres"):
            killed = stores.pid(name)
            os.kill(killed, signal.SIGKILL)
            await until(f"another {name}", lambda name=name, killed=killed: stores.pid(name) != killed, 20)  # type: ignore[misc]
        await until("postgres answers", stores.postgres_answers, 20)
        await until("redis answers", stores.redis_answers, 20)


async def test_children_of_a_killed_supervisor_are_gone_when_the_next_is_ready() -> None:
    async with two_stores() as stores:
        children = [stores.pid("postgres"), stores.pid("redis")]
        stores.process.kill()
        await stores.process.wait()
        await stores.start()
        await stores.ready()
        assert [born(pid) for pid in children] == [None, None]
        assert await stores.postgres_answers()


async def test_two_at_once_is_one_clear_line() -> None:
    async with two_stores() as stores:
        second = TwoStores(stores.var.parent)
        second.said = stores.var.parent / "second.txt"
        await second.start()
        assert await asyncio.wait_for(second.process.wait(), 20) == 1
        said = second.said.read_text().splitlines()
        assert len(said) == 1
        assert f"already (process {stores.process.pid})" in said[0]
        assert await stores.postgres_answers()


async def test_a_cluster_whose_making_was_interrupted_is_made_anew() -> None:
    with tempfile.TemporaryDirectory(prefix="ground-") as folder:
        half = Path(folder) / "var" / "postgres" / "data.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("nonsense")
        stores = TwoStores(Path(folder))
        await stores.start()
        try:
            await stores.ready()
            assert await stores.postgres_answers()
            assert not half.exists()
        finally:
            await stores.end()


async def test_a_pid_file_that_names_somebody_else_is_no_hindrance() -> None:
    """After a restart of the machine the process id that Postgres noted may be anybody's."""
    async with two_stores() as stores:
        await stores.end()
        (stores.var / "postgres/data/postmaster.pid").write_text(f"{os.getpid()}\n{stores.var}/postgres/data\n")
        await stores.start()
        await stores.ready()
        assert await stores.postgres_answers()


async def test_ctrl_c_while_starting_ends_all() -> None:
    with tempfile.TemporaryDirectory(prefix="ground-") as folder:
        stores = TwoStores(Path(folder))
        await stores.start()
        await until("the cluster being made", lambda: (stores.var / "postgres" / "data.new").exists(), 20, every_s=0.005)
        assert await stores.end(signal.SIGINT) == 0
        await until("nobody at work there", lambda: not at_work_in(stores.var), 10)
        await stores.start()
        await stores.ready()
        await stores.end()


def at_work_in(folder: Path) -> list[str]:
    """Processes whose command line names the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes()
            if os.fsencode(folder) in words:
                found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


async def test_a_stage_that_the_machine_fails_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()

    async def no_database() -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(SetupFailed, match=r"Database schema: .*refused"):
        await Supervisor(tmp_path, lambda line: None).run([("Database schema", no_database)], lambda: None)


async def test_a_child_that_ends_at_its_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    part = Part(name="broken", command=("sh", "-c", "echo no licence; exit 3"), is_ready=never, log=tmp_path / "broken.log")
    child = await Child.start(part)
    with pytest.raises(SetupFailed, match=r"(?s)broken ended at its start with 3.*no licence"):
        await child.ready()


async def test_a_child_that_ignores_its_signal_is_killed(tmp_path: Path) -> None:
    deaf = "trap '' TERM; echo deaf; while :; do sleep 1; done"
    log = tmp_path / "deaf.log"

    async def is_deaf() -> bool:
        return "deaf" in log.read_text()

    child = await Child.start(Part(name="deaf", command=("sh", "-c", deaf), is_ready=is_deaf, log=log, stop_limit_s=0.3))
    await child.ready()
    await child.stop()
    assert child.process.returncode == -signal.SIGKILL


async def test_what_a_note_names_is_not_killed_when_the_pid_is_another_process_now(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "worker.json").write_text(f'{{"name":"worker","pid":{os.getpid()},"born":1}}')
    assert await leftovers.clean(tmp_path) == []


@given(st.integers(1, 10_000), st.booleans())
def test_back_off_grows_and_has_a_limit(deaths: int, at_first: bool) -> None:
    assert 0 <= back_off_s(deaths, at_first=at_first) <= back_off_s(deaths + 1, at_first=at_first) <= 30
    assert back_off_s(1, at_first=True) == 0


def test_growth_tells_whole_lines_and_notices_a_log_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("before\n")
    growth = Growth(log)
    with log.open("a") as file:
        file.write("one\ntwo\nhal")
    assert growth.lines() == ["one", "two"]
    with log.open("a") as file:
        file.write("f\n")
    assert growth.lines() == ["half"]
    log.write_text("new\n")
    assert growth.lines() == ["new"]
