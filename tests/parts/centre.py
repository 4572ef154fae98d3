"""A whole private centre: the real ``python -m callcenter run`` with its own Postgres, Redis and Asterisk, on its own ports.

    async def test_a_call(centre: Centre) -> None:
        async with centre.ready_agent("1001") as agent, centre.caller() as caller:
            talk = await centre.given_talking(caller, agent)

Its words are those of the trade; what Asterisk thinks is asked of Asterisk itself, what is written of Postgres itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
import asyncpg
from redis.asyncio import Redis

from callcenter.live import keys
from tests.parts.phone_call import PhoneCall
from tests.parts.ports import free_port, rtp_range
from tests.parts.softphone import Phone
from tests.parts.waiting import until

REPOSITORY = Path(__file__).parents[2]
_caller_numbers = itertools.count(13900000001)


class Refused(Exception):
    """The API answered with an error status."""

    def __init__(self, status: int, problem: Any) -> None:
        super().__init__(f"{status} {problem}")
        self.status, self.problem = status, problem


@dataclass
class Talk:
    """Two who talk: each one's side of the call."""

    caller: PhoneCall
    agent: PhoneCall


class Centre:
    """A running centre and what a test wants of it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.var = folder / "var"
        self.log = folder / "centre.log"
        first, last = rtp_range()
        self.settings = {
            "VAR_DIR": str(self.var), "CONSOLE_PORT": str(free_port()), "SIP_PORT": str(free_port()), "TRUNK_PORT": str(free_port()),
            "ASTERISK_HTTP_PORT": str(free_port()), "AMI_PORT": str(free_port()), "RTP_START": str(first), "RTP_END": str(last),
            "LOG_LEVEL": "info", "CONFIG_FILE": str(folder / "none.toml"), **asterisk_root(), **settings,
        }  # fmt: skip
        self.demo: dict[str, Any] = {}
        self.db: asyncpg.Pool
        self.redis: Redis
        self._http: aiohttp.ClientSession
        self._supervisor: asyncio.subprocess.Process | None = None

    # Life

    async def start(self, timeout_s: float = 90.0) -> Self:
        """Start it and wait until it is ready and its demo data are there."""
        share_prompts(self.var)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLCENTER_")}
        environment |= {f"CALLCENTER_{name}": value for name, value in self.settings.items()}
        with self.log.open("ab") as log:
            self._supervisor = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "callcenter", "run",
                cwd=REPOSITORY, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))
        await self.is_ready(timeout_s)
        # The worker is well a moment before the supervisor sees it: killed in between it counts as one that can't start.
        await until("the supervisor says so too", lambda: b"Ready in " in self.log.read_bytes(), 10)
        self.demo = json.loads((self.var / "demo.json").read_text())
        self.db = await asyncpg.create_pool(f"postgresql://callcenter@/callcenter?host={self.var / 'postgres' / 'run'}", min_size=1)
        self.redis = Redis.from_url(f"unix://{self.var / 'redis' / 'redis.sock'}")
        return self

    async def stop(self) -> int:
        """End it as Ctrl-C does; returns the supervisor's exit code. What doesn't end in 30 s is killed and reported."""
        if hasattr(self, "db"):
            await self.db.close()
            await self.redis.aclose()
        if hasattr(self, "_http"):
            await self._http.close()
        supervisor = self._supervisor
        if supervisor is None or supervisor.returncode is not None:
            return -1 if supervisor is None else supervisor.returncode or 0
        supervisor.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(30):
                return await supervisor.wait()
        except TimeoutError:
            os.killpg(supervisor.pid, signal.SIGKILL)
            await supervisor.wait()
            raise AssertionError(f"the centre did not end in 30 s\n{self.log_tail()}") from None

    async def is_ready(self, timeout_s: float = 30.0) -> None:
        """Wait until every part is well, by /healthz."""

        async def well() -> bool:
            if self._supervisor is not None and self._supervisor.returncode is not None:
                raise AssertionError(f"the centre ended with {self._supervisor.returncode}\n{self.log_tail()}")
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with self._http.get(f"{self.url}/healthz", timeout=aiohttp.ClientTimeout(total=2)) as answer:
                    return answer.status == 200
            return False

        try:
            await until("a healthy centre", well, timeout_s, every_s=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_tail()}") from None

    def log_tail(self, lines: int = 40) -> str:
        """The last words of the supervisor and of each part."""
        logs = [*sorted((self.var / "log").glob("*.log"), key=lambda log: log.stem != "postgres"), self.log]
        ends = {log: log.read_text(errors="replace").splitlines()[-lines:] for log in logs if log.exists()}
        return "\n".join(f"--- {log.name}\n" + "\n".join(end) for log, end in ends.items() if end)

    # Addresses

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['CONSOLE_PORT']}"

    @property
    def sip(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.settings["SIP_PORT"])

    @property
    def trunk(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.settings["TRUNK_PORT"])

    # People

    def agent(self, number: str = "1001") -> Phone:
        """An agent's phone; it registers when entered."""
        return Phone(number, server=self.sip, password=self.demo["agents"][number]["sip_password"])

    def caller(self, number: str | None = None, display_name: str = "") -> Phone:
        """Somebody outside, with a number nobody else has."""
        return Phone(number or str(next(_caller_numbers)), server=self.trunk, display_name=display_name)

    @contextlib.asynccontextmanager
    async def ready_agent(self, number: str = "1001") -> AsyncIterator[Phone]:
        """An agent at the phone, ready for calls; offline afterwards."""
        async with self.agent(number) as phone:
            await self.set_state(number, "ready")
            await self.agent_is(number, "ready", "ringing")
            try:
                yield phone
            except BaseException:
                with contextlib.suppress(aiohttp.ClientError, AssertionError):
                    await self.set_state(number, "offline")
                raise
            await self.set_state(number, "offline")

    async def set_state(self, number: str, state: str, reason: str = "") -> None:
        await self.api("PUT", f"agents/{number}/state", {"state": state, "reason": reason})

    async def agent_now(self, number: str) -> dict[str, Any]:
        agents: list[dict[str, Any]] = (await self.api("GET", "live"))["agents"]
        return next(agent for agent in agents if agent["number"] == number)

    async def agent_is(self, number: str, *states: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """Wait until the live screen shows the agent in one of these states."""

        seen: dict[str, Any] = {}

        async def asked() -> bool:
            seen.update(await self.agent_now(number))
            return seen["state"] in states

        try:
            await until(f"agent {number} {' or '.join(states)}", asked, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; the agent: {seen}") from None
        return seen

    async def given_talking(self, caller: Phone, agent: Phone, dialled: str = "4001") -> Talk:
        """The caller dials a queue and talks to the agent, announcement over."""
        call = await caller.dial(dialled)
        ringing = await agent.rings()
        await ringing.answer()
        await call.answered()
        await self.phase_of(caller.number, "conversation")
        return Talk(call, ringing)

    # What the centre says

    async def api(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Ask /api/v1 with the token; Refused when it answers an error."""
        headers = {"Authorization": f"Bearer {self.demo['api_token']}"}
        async with self._http.request(method, f"{self.url}/api/v1/{path}", json=body, params=query, headers=headers) as answer:
            if answer.status >= 400:
                raise Refused(answer.status, await answer.text())
            return await answer.json() if "json" in answer.content_type else await answer.read()

    async def metrics(self) -> str:
        """What /metrics says."""
        async with self._http.get(f"{self.url}/metrics") as answer:
            return await answer.text()

    async def live_call(self, caller: str) -> dict[str, Any] | None:
        """The call of a caller as the live screen shows it now."""
        calls: list[dict[str, Any]] = (await self.api("GET", "live"))["calls"]
        return next((call for call in calls if call["caller"] == caller), None)

    async def phase_of(self, caller: str, phase: str, timeout_s: float = 15.0) -> dict[str, Any]:
        """Wait until the call is in a phase (a conversation: until the two are connected); returns it as the live screen shows it."""

        async def asked() -> dict[str, Any] | None:
            call = await self.live_call(caller)
            there = call and call["phase"] == phase and (phase != "conversation" or call["connected"])
            return call if there else None

        return await until(f"the call of {caller} in {phase}", asked, timeout_s)  # type: ignore[return-value]

    async def story(self, caller: str, timeout_s: float = 15.0) -> dict[str, Any]:
        """The caller's call as the API tells it when it has ended: the call, its legs, segments and events."""
        number = None if caller == "anonymous" else caller

        async def ended() -> str | None:
            query = "select id from calls where caller = $1 and ended_at is not null order by started_at desc limit 1"
            found: str | None = await self.db.fetchval(query, number or "anonymous")
            return found

        call_id = await until(f"the ended call of {caller}", ended, timeout_s)
        told: dict[str, Any] = await self.api("GET", f"calls/{call_id}")
        return told

    # What Asterisk says

    async def asterisk(self, command: str) -> str:
        """Ask Asterisk's own command line."""
        words = [*_loader(Path(self.settings["ASTERISK_ROOT"])), "-C", str(self.var / "asterisk" / "etc" / "asterisk.conf"), "-rx", command]
        asked = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        async with asyncio.timeout(10):
            answer, _ = await asked.communicate()
        return answer.decode(errors="replace")

    async def channels(self) -> list[str]:
        """Names of all channels that Asterisk has."""
        return [line.split("!")[0] for line in (await self.asterisk("core show channels concise")).splitlines() if "!" in line]

    async def bridges(self) -> list[str]:
        """Ids of all bridges that Asterisk has."""
        lines = (await self.asterisk("bridge show all")).splitlines()
        return [line.split()[0] for line in lines if re.match(r"\S+\s+\d+\s+\S+", line)]

    # Trouble

    @property
    def supervisor_pid(self) -> int:
        assert self._supervisor is not None
        return self._supervisor.pid

    @property
    def worker_pid(self) -> int:
        return int((self.var / "worker.pid").read_text())

    @contextlib.asynccontextmanager
    async def worker_stopped(self) -> AsyncIterator[None]:
        """Kill the worker without warning, keep the supervisor from starting another one, and let it go on at the end."""
        assert self._supervisor is not None
        killed = self.worker_pid
        self._supervisor.send_signal(signal.SIGSTOP)
        try:
            os.kill(killed, signal.SIGKILL)
            await until("a dead worker", lambda: _is_dead(killed))
            yield
        finally:
            self._supervisor.send_signal(signal.SIGCONT)
        await until("a new worker", lambda: (self.var / "worker.pid").exists() and self.worker_pid != killed, 15)
        await self.is_ready()

    async def worker_killed(self) -> None:
        """Kill the worker without warning and wait until another one is at work."""
        async with self.worker_stopped():
            pass

    # The house is empty

    async def traces_of_life(self) -> list[str]:
        """What is still there of calls, in words; empty when the house is."""
        left = [f"channel {name}" for name in await self.channels()]
        left += [f"bridge {name}" for name in await self.bridges()]
        left += [f"call record {name.decode()}" for name in await self.redis.hkeys(keys.CALL_RECORDS)]
        left += [f"open call {row['id']}" for row in await self.db.fetch("select id from calls where ended_at is null")]
        left += [f"live call {call['id']}" for call in (await self.api("GET", "live"))["calls"]]
        return left

    async def is_empty(self, timeout_s: float = 10.0) -> None:
        """Wait until no call has left a trace; AssertionError naming what is left."""
        left: list[str] = ["not asked yet"]

        async def empty() -> bool:
            left[:] = await self.traces_of_life()
            return not left

        try:
            await until("an empty house", empty, timeout_s, every_s=0.2)
        except AssertionError:
            for channel in await self.channels():
                await self.asterisk(f"channel request hangup {channel}")
            raise AssertionError(f"left behind: {left}") from None

    async def send_everyone_home(self) -> None:
        """Every agent offline."""
        for agent in (await self.api("GET", "live"))["agents"]:
            if agent["mode" if "mode" in agent else "state"] != "offline":
                await self.set_state(agent["number"], "offline")


def asterisk_root() -> dict[str, str]:
    """The private root with Asterisk: the environment's, or the one that set-up laid under var/."""
    root = os.environ.get("CALLCENTER_ASTERISK_ROOT") or str(REPOSITORY / "var" / "asterisk-root")
    return {"ASTERISK_ROOT": root}


def _loader(root: Path) -> list[str]:
    return [
        str(root / "lib64" / "ld-linux-x86-64.so.2"), "--library-path", str(root / "usr" / "lib" / "x86_64-linux-gnu"),
        str(root / "usr" / "sbin" / "asterisk"),
    ]  # fmt: skip


def share_prompts(var: Path) -> None:
    """Copy the prompts that set-up has made, to save the minute that making them takes."""
    made = REPOSITORY / "var" / "prompts"
    if made.is_dir() and not (var / "prompts").exists():
        var.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, var / "prompts", symlinks=True)


def _is_dead(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


@contextlib.asynccontextmanager
async def private_centre(**settings: str) -> AsyncIterator[Centre]:
    """A centre in a folder of its own, gone afterwards unless CALLCENTER_TEST_KEEP is set."""
    folder = Path(tempfile.mkdtemp(prefix=f"centre-{int(time.time()) % 100000}-"))
    folder.chmod(0o755)
    centre = Centre(folder, **settings)
    try:
        yield await centre.start()
    finally:
        try:
            await centre.stop()
        finally:
            if not os.environ.get("CALLCENTER_TEST_KEEP"):
                shutil.rmtree(folder, ignore_errors=True)
