"""A console served for real: Postgres, Redis, ACD, ledger and recordings are the real ones; only no Asterisk is there to call."""

from __future__ import annotations

import asyncio
import json
import math
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiohttp import web
from redis.asyncio import Redis

from callcenter.acd import store as acd_store
from callcenter.acd.matching import Matching
from callcenter.acd.model import Agent, Member, Queue
from callcenter.acd.service import Acd
from callcenter.basics import clock
from callcenter.basics.errors import NotFound, TooLate
from callcenter.basics.settings import Settings
from callcenter.basics.tasks import Tasks
from callcenter.basics.vocabulary import Direction, EndedBy, Kind, Language, LegRole, new_id
from callcenter.calls.callbacks import Callbacks
from callcenter.conferences.model import Role
from callcenter.console import accounts
from callcenter.console.app import build_app
from callcenter.console.parts import Parts
from callcenter.database import pool as database
from callcenter.ledger import events as e
from callcenter.ledger.service import Ledger
from callcenter.lines import store as lines
from callcenter.lines.model import Number
from callcenter.lines.service import Lines
from callcenter.live import connection as live
from callcenter.live.board import Board
from callcenter.recordings.service import Recordings
from tests.parts.waiting import until

PASSWORD = "correct horse battery"
TOKENS = {role: f"{role}-token-".ljust(40, "x") for role in ("admin", "supervisor", "agent")}


class NoCalls:
    """No call is up here: answers as the calls' room does then."""

    async def control(self, call: str, action: str, params: Mapping[str, Any], by: str) -> dict[str, Any]:
        if action == "hold":
            raise TooLate("the call is in menu, not in conversation", phase="menu")
        if action != "hangup":
            raise NotFound(f"there is no control {action!r:.40}")
        return {"id": call, "phase": "done", "by": by}

    async def originate(self, agent: str, to: str, by: str) -> dict[str, Any]:
        return {"agent": agent, "to": to, "by": by}


class NoConferences:
    """Nobody is in a conference here."""

    async def control(self, name: str, action: str, member: str, by: str) -> None:
        raise NotFound(f"nobody is in the conference {name}")

    async def invite(self, name: str, to: str, role: Role, by: str) -> str:
        return "invited"


@dataclass(frozen=True)
class Answered:
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    content_type: str

    async def read(self) -> bytes:
        return self.content

    async def json(self, content_type: str | None = None) -> Any:
        assert content_type in (None, self.content_type)
        return json.loads(self.content)


@dataclass
class Site:
    """The running console and what stands behind it."""

    parts: Parts
    http: aiohttp.ClientSession
    acd: Acd
    recordings: Recordings
    well: dict[str, Any]
    rendered: list[str] = field(default_factory=list)
    port: int = 0
    runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pool(self) -> asyncpg.Pool:
        return self.parts.pool

    @property
    def redis(self) -> Redis:
        return self.parts.redis

    @property
    def board(self) -> Board:
        return self.parts.board

    @property
    def ledger(self) -> Ledger:
        assert isinstance(self.parts.ledger, Ledger)
        return self.parts.ledger

    async def serve(self) -> None:
        """Begin to answer; on the same port as before."""
        self.runner = web.AppRunner(build_app(self.parts), access_log=None, shutdown_timeout=0.2)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self.runner.addresses[0][1]

    async def stop_serving(self) -> None:
        """As when the worker goes away."""
        if self.runner is not None:
            await self.runner.cleanup()

    async def ask(self, method: str, path: str, body: Any = None, *, role: str = "admin", **options: Any) -> Answered:
        """Ask with a role's token; the answer is read."""
        headers = {"Authorization": f"Bearer {TOKENS[role]}"} | options.pop("headers", {})
        async with self.http.request(method, self.url + path, json=body, headers=headers, allow_redirects=False, **options) as answer:
            return Answered(answer.status, answer.headers, await answer.read(), answer.content_type)

    @asynccontextmanager
    async def signed_in(self, name: str = "admin", password: str = PASSWORD) -> AsyncIterator[Visitor]:
        """A browser's cookies, without the browser."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            visitor = Visitor(self.url, http)
            answer = await visitor.sign_in(name, password)
            assert answer.status == 303, await answer.text()
            yield visitor


class Visitor:
    """Somebody with cookies."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self.http = url, http

    async def get(self, path: str, **options: Any) -> aiohttp.ClientResponse:
        async with self.http.get(self.url + path, allow_redirects=False, **options) as answer:
            await answer.read()
            return answer

    async def post(self, path: str, form: Any, **options: Any) -> aiohttp.ClientResponse:
        async with self.http.post(self.url + path, data=form, allow_redirects=False, **options) as answer:
            await answer.read()
            return answer

    async def sign_in(self, name: str, password: str) -> aiohttp.ClientResponse:
        page = await (await self.get("/signin")).text()
        return await self.post("/signin", {"csrf": hidden(page, "csrf"), "name": name, "password": password})

    async def csrf(self) -> str:
        return hidden(await (await self.get("/agents")).text(), "csrf")


def hidden(page: str, name: str) -> str:
    """The value of a form's hidden field."""
    return page.split(f'name="{name}" value="', 1)[1].split('"', 1)[0]


async def lay(pool: asyncpg.Pool) -> None:
    """Two queues, three agents, a number, a user of each role and a token of each role."""
    for name, title in (("sales", "销售"), ("support", "客户服务")):
        await acd_store.add_queue(pool, Queue(name=name, title=title))
    for number, name in (("1001", "李娜"), ("1002", "Ben Carter"), ("1003", "王伟")):
        await acd_store.add_agent(pool, Agent(number=number, name=name, language=Language.ZH, sip_password="s" * 20, pin="123456"))
        await acd_store.add_member(pool, Member(queue="sales", agent=number, penalty=0))
    await lines.add_number(pool, Number(number="4001", title="Sales", kind="queue", target="sales"))
    await accounts.add_user(pool, name="admin", role="admin", password=PASSWORD)
    await accounts.add_user(pool, name="supervisor", role="supervisor", password=PASSWORD)
    await accounts.add_user(pool, name="1001", role="agent", password=PASSWORD, agent="1001")
    for role, token in TOKENS.items():
        await accounts.add_token(pool, title=role, role=role, token=token)


@asynccontextmanager
async def served(dsn: str, redis_url: str, folder: Path, **given: Any) -> AsyncIterator[Site]:
    """A console of its own on a free port."""
    async with AsyncExitStack() as stack:
        pool = await database.connect(dsn)
        stack.push_async_callback(pool.close)
        redis = await live.connect(redis_url)
        stack.push_async_callback(redis.aclose)
        await redis.flushall()
        await lay(pool)
        settings = Settings(var_dir=folder, postgres_dsn=dsn, redis_url=redis_url, **given)
        settings.secrets_dir.mkdir(parents=True, exist_ok=True)
        board, ledger = Board(redis), Ledger(pool, settings.ledger_spool)
        recordings = Recordings(pool, settings.recording_spool, settings.secrets_dir)
        tasks = await stack.enter_async_context(Tasks("site"))
        for work, name in (
            (board.relay(), "relay"),
            (board.send_shown(), "sender"),
            (ledger.run(), "ledger"),
            (recordings.run(), "recordings"),
        ):
            tasks.start(work, name)
        acd = Acd(matching=Matching(redis), pool=pool, ledger=ledger, board=board)
        await acd.start()
        stack.push_async_callback(acd.close)
        well: dict[str, Any] = {"postgres": {"ok": True}, "ari": {"ok": True}}
        rendered: list[str] = []

        async def render_phones() -> None:
            rendered.append("phones")

        async def health() -> dict[str, Any]:
            return well

        acd.on_agents_changed = render_phones
        outside = Lines(pool)
        await pool.execute("insert into trunks (name, outbound_host) values ('mobile', '192.0.2.1') on conflict do nothing")
        await outside.load()
        callbacks = Callbacks(pool, acd, outside, ("137",))
        stack.push_async_callback(callbacks.close)
        parts = Parts(
            settings=settings, pool=pool, redis=redis, board=board, ledger=ledger, acd=acd, calls=NoCalls(), recordings=recordings,
            callbacks=callbacks, conferences=NoConferences(),
            health=health, render_phones=render_phones,
        )  # fmt: skip
        http = await stack.enter_async_context(aiohttp.ClientSession())
        site = Site(parts, http, acd, recordings, well, rendered)
        stack.push_async_callback(site.stop_serving)
        await site.serve()
        yield site


@dataclass
class Told:
    """A call that was written into the books."""

    call: str
    recording: str


class Teller:
    """Writes one call's life into the ledger."""

    def __init__(self, ledger: Ledger, start_ms: int) -> None:
        self.ledger, self.now = ledger, start_ms
        self.call = new_id(Kind.CALL, start_ms)

    def tell(self, kind: Any, after_ms: int = 0, **fields: Any) -> None:
        self.now += after_ms
        self.ledger.note(kind(id=new_id(Kind.EVENT, self.now), at_ms=self.now, call=self.call, **fields))


async def tell_answered(site: Site, *, caller: str = "13900000001", name: str = "张三", agent: str = "1001", start_ms: int = 0) -> Told:
    """4000, key 1, sales, rings 3 s, announced 4 s, talks 20 s with 5 s on hold; recorded: 440 Hz left, 880 Hz right."""
    t = Teller(site.ledger, start_ms or clock.utc_ms() - 60_000)
    own, other, bridge, recording = (new_id(kind, t.now) for kind in (Kind.LEG, Kind.LEG, Kind.BRIDGE, Kind.RECORDING))
    t.tell(e.CallArrived, direction=Direction.INBOUND, caller=caller, caller_name=name, dialled="4000", trunk="demo", node="node1")
    t.tell(e.LegStarted, leg=own, channel="1764.1", role=LegRole.CALLER, party=caller)
    t.tell(e.PhaseEntered, phase="greeting")
    t.tell(e.LegAnswered, 120, leg=own)
    t.tell(e.LanguageChosen, language=Language.ZH)
    t.tell(e.PhaseEntered, 80, phase="menu")
    t.tell(e.NodeEntered, flow="main", version=1, node="welcome")
    t.tell(e.DigitsPressed, 6200, node="welcome", digits="7", valid=False)
    t.tell(e.DigitsPressed, 3100, node="welcome", digits="1", valid=True)
    t.tell(e.PhaseEntered, 30, phase="queue")
    t.tell(e.Queued, queue="sales")
    t.tell(e.Offered, 8500, offer="o1", queue="sales", agent=agent, leg=other, because=("longest idle: 4 min", "1002: paused"))
    t.tell(e.LegStarted, leg=other, channel=other, role=LegRole.AGENT, party=agent)
    t.tell(e.LegAnswered, 3000, leg=other)
    t.tell(e.OfferEnded, offer="o1", agent=agent, end="answered")
    t.tell(e.LeftQueue, queue="sales", why="answered")
    t.tell(e.PhaseEntered, phase="announcing")
    t.tell(e.Announced, 4000, agent=agent, complete=True)
    t.tell(e.PhaseEntered, phase="conversation")
    t.tell(e.Bridged, bridge=bridge, legs=(own, other))
    t.tell(e.RecordingStarted, recording=recording, leg=own)
    began = t.now
    t.tell(e.Held, 9000, leg=own, by=f"agent:{agent}")
    t.tell(e.Retrieved, 5000, leg=own, by=f"agent:{agent}")
    t.tell(e.LegEnded, 11000, leg=own, by=EndedBy.CALLER, cause=16, cause_text="Normal Clearing")
    t.tell(e.RecordingEnded, recording=recording)
    t.tell(e.CallEnded, by=EndedBy.CALLER, cause=16, outcome="answered")
    t.tell(e.LegEnded, 20, leg=other, by=EndedBy.SYSTEM, cause=16, cause_text="Normal Clearing")
    t.tell(e.WrapUpEnded, 5000, agent=agent, lasted_ms=5000)
    site.recordings.begin(recording, call=t.call, leg=own, started_ms=began).write_bytes(two_tones(25))
    await site.recordings.finished(recording, began + 25_000)
    await site.ledger.settle(10)

    async def stored() -> bool:
        info = await site.recordings.describe(recording)
        return info is not None and info.state == "stored"

    await until("the recording in the store", stored, 20)
    return Told(t.call, recording)


async def tell_abandoned(site: Site, *, caller: str = "02188886666", start_ms: int = 0) -> str:
    """The caller waits 40 s in support and leaves."""
    t = Teller(site.ledger, start_ms or clock.utc_ms() - 120_000)
    own = new_id(Kind.LEG, t.now)
    t.tell(e.CallArrived, direction=Direction.INBOUND, caller=caller, dialled="4002", node="node1")
    t.tell(e.LegStarted, leg=own, channel="1764.9", role=LegRole.CALLER, party=caller)
    t.tell(e.PhaseEntered, 100, phase="queue")
    t.tell(e.Queued, queue="support")
    t.tell(e.LeftQueue, 40_000, queue="support", why="abandoned")
    t.tell(e.LegEnded, leg=own, by=EndedBy.CALLER, cause=16)
    t.tell(e.CallEnded, by=EndedBy.CALLER, cause=16, outcome="abandoned_queue")
    await site.ledger.settle(10)
    return t.call


def two_tones(seconds: int) -> bytes:
    """Raw 16-bit 8 kHz stereo: the caller hums in bursts on the left, the agent answers on the right."""
    frames = bytearray()
    for n in range(seconds * 8000):
        turn = (n // 8000) % 4
        swell = 0.35 + 0.65 * abs(math.sin(n / 8000 * 5.3))
        left = 9000 * swell * math.sin(2 * math.pi * 440 * n / 8000) if turn < 2 else 0
        right = 9000 * swell * math.sin(2 * math.pi * 880 * n / 8000) if turn >= 2 else 0
        frames += struct.pack("<hh", int(left), int(right))
    return bytes(frames)


async def show_call(site: Site, call: str, **fields: Any) -> None:
    """Put a call on the live board, as the calls' room does."""
    now = clock.utc_ms()
    card = {
        "id": call, "phase": "queue", "direction": "inbound", "caller": "13800138000", "caller_name": "", "dialled": "4000",
        "queue": "sales", "agent": "", "held": False, "recording": False, "since_ms": now - 12_000, "started_ms": now - 31_000,
    } | fields  # fmt: skip
    await site.board.put("calls", call, card)  # type: ignore[arg-type]


async def stream_of(visitor: Visitor) -> AsyncIterator[tuple[str, Any]]:
    """The live stream's events as they come."""
    async with visitor.http.get(visitor.url + "/live/stream") as answer:
        assert answer.content_type == "text/event-stream"
        kind = ""
        async for raw in answer.content:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                yield kind, json.loads(line[6:])


async def next_row(stream: AsyncIterator[tuple[str, Any]], key: str, timeout_s: float = 5.0) -> dict[str, Any]:
    """The next change of one row."""
    async with asyncio.timeout(timeout_s):
        async for kind, data in stream:
            if kind == "row" and data["key"] == key:
                return dict(data)
    raise AssertionError("the stream ended")
