"""The composition root: every part is built, started and stopped here, in named stages with limits."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import uvloop
from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.acd import store as acd_store
from callcenter.acd.last_talks import LastTalks
from callcenter.acd.matching import Matching
from callcenter.acd.service import Acd
from callcenter.asterisk import Ari
from callcenter.asterisk.ami import Ami
from callcenter.asterisk.music import music_classes
from callcenter.asterisk.render import FallbackQueue, Phone, TrunkIn, TrunkOut, centre_facts, prepare_folders, reloads, render
from callcenter.asterisk.render_values import plain_person
from callcenter.asterisk.trunk_facts import endpoint_out
from callcenter.basics import clock
from callcenter.basics.errors import AsteriskAway, BadRequest, Bug
from callcenter.basics.logs import get_logger
from callcenter.basics.secrets import secret
from callcenter.basics.settings import Settings
from callcenter.basics.tasks import Tasks
from callcenter.basics.vocabulary import Kind, new_id
from callcenter.calls.callbacks import Callbacks
from callcenter.calls.conference_control import ConferenceControl
from callcenter.calls.conference_rooms import Rooms
from callcenter.calls.fallback_intake import FallbackIntake
from callcenter.calls.feature import PinTries
from callcenter.calls.feature_codes import FeatureCodes
from callcenter.calls.house import House
from callcenter.calls.phones import PhoneWatch
from callcenter.calls.service import Calls
from callcenter.calls.store import CallRecords
from callcenter.conferences.service import Conferences
from callcenter.console.app import build_app
from callcenter.console.parts import Parts
from callcenter.database import pool as database
from callcenter.ivr import prompts
from callcenter.ivr.hours import is_holiday
from callcenter.ivr.lookup import Lookups
from callcenter.ivr.store import Flows
from callcenter.ledger.service import Ledger
from callcenter.lines import store as lines_store
from callcenter.lines import trunk_store
from callcenter.lines.callers import Callers, key_of
from callcenter.lines.service import Lines
from callcenter.lines.trunks import MAIN
from callcenter.live import connection as live
from callcenter.live.board import Board, Topic
from callcenter.recordings.policy_store import RecordingRules
from callcenter.recordings.service import Recordings

_log = get_logger(__name__)
_STAGE_LIMIT_S: Final = 30.0
_STOP_LIMIT_S: Final = 8.0
_LAST_TALKS_EVERY_S: Final = 60.0
_YOUNG_OBJECTS: Final = 10_000


async def render_asterisk(settings: Settings, pool: asyncpg.Pool, asterisk: Any) -> set[str]:
    """Write Asterisk's configuration from the database; returns the files that changed.

    ``asterisk`` says where modules and data of the Asterisk to run are (``module_dir``, ``data_dir``).
    """
    agents = await acd_store.read_agents(pool)
    members = await acd_store.read_members(pool)
    numbers = await lines_store.read_numbers(pool)
    queues = tuple(
        FallbackQueue(
            name=queue.name,
            members=tuple(member.agent for member in members if member.queue == queue.name),
            numbers=tuple(number.number for number in numbers if number.kind == "queue" and number.target == queue.name),
        )
        for queue in await acd_store.read_queues(pool)
    )
    ways_out, ways_in = await _trunks(pool)
    facts = centre_facts(
        settings,
        module_dir=asterisk.module_dir,
        data_dir=asterisk.data_dir,
        ari_password=secret(settings, "ari"),
        ami_password=secret(settings, "ami"),
        phones=tuple(Phone(number=agent.number, name=plain_person(agent.name), sip_password=agent.sip_password) for agent in agents),
        queues=queues,
        ways_out=ways_out,
        ways_in=ways_in,
        music=await asyncio.to_thread(music_classes, settings.music_dir),
    )
    prepare_folders(facts)
    changed = await asyncio.to_thread(render, settings.asterisk_dir / "etc", facts)
    await prompts.render_job_numbers(settings.prompts_dir, [agent.number for agent in agents])
    return changed


async def _trunks(pool: asyncpg.Pool) -> tuple[tuple[TrunkOut, ...], tuple[TrunkIn, ...]]:
    """The trunks in use, out and in; one that can't stand in Asterisk's configuration takes no calls, and all else goes on."""
    ways_out: list[TrunkOut] = []
    ways_in: list[TrunkIn] = []
    for trunk in await trunk_store.read_trunks(pool):
        if not trunk.enabled:
            continue
        try:
            way_out, way_in = trunk.way_out(), trunk.way_in()
        except BadRequest as error:
            _log.error("a trunk can't stand in Asterisk's configuration", trunk=trunk.name, reason=str(error))
            continue
        ways_out += [way_out] if way_out else []
        ways_in += [way_in] if way_in and trunk.name != MAIN else []
    return tuple(ways_out), tuple(ways_in)


class _Worker:
    """The parts of one worker process, held together."""

    def __init__(self, settings: Settings, asterisk: Any, tasks: Tasks) -> None:
        self.settings = settings
        self.asterisk = asterisk
        self.tasks = tasks
        self.stop = asyncio.Event()
        self.failed = False
        self.pool: asyncpg.Pool
        self.redis: Redis
        self.board: Board
        self.ledger: Ledger
        self.recordings: Recordings
        self.acd: Acd
        self.ari: Ari
        self.ami: Ami
        self.calls: Calls
        self.callbacks: Callbacks
        self.recording_rules: RecordingRules
        self.conferences: Conferences
        self.rooms: Rooms
        self.lines: Lines
        self.callers: Callers
        self.flows: Flows

    async def connected(self) -> None:
        """Asterisk is there (again): the calls look what became of them."""
        await self.calls.on_connected()

    def part_ended(self, task: asyncio.Task[Any]) -> None:
        """A part that every call needs has died: stop, so that a whole worker takes the calls over."""
        if not task.cancelled():
            _log.error("a part of the worker has ended; the worker stops", part=task.get_name())
            self.failed = True
            self.stop.set()

    async def render_phones(self) -> None:
        """Make phones of what the database says, without a restart."""
        changed = await render_asterisk(self.settings, self.pool, self.asterisk)
        for module in reloads(changed):
            await self.ami.reload(module)

    async def load(self) -> None:
        """Take over numbers, trunks, callers and flows as the database has them."""
        await self.lines.load()
        await self.callers.load()
        await self.flows.load()
        await self.recording_rules.load()
        await self.conferences.load()
        self.rooms.configured = self.conferences.all

    async def changed(self) -> None:
        """Numbers, trunks, callers or flows were changed: take them over for new calls."""
        before = self.lines.trunks
        await self.load()
        if self.lines.trunks != before:
            kept = {trunk.name: trunk.registered_as for trunk in self.lines.trunks}
            try:
                for trunk in before:
                    # With its password gone Asterisk could not take it back any more: the provider would go on sending calls.
                    if trunk.registers and kept.get(trunk.name) != trunk.registered_as:
                        await self.ami.unregister(endpoint_out(trunk.name))
                await self.render_phones()
            except AsteriskAway as error:
                _log.warning("changed trunks wait for Asterisk's next start", reason=str(error))

    async def health(self) -> dict[str, Any]:
        """Each part's state: ``ok`` and, where not, what is wrong."""
        return {
            "postgres": await _state(self.pool.fetchval("select 1")),
            "redis": await _state(self.redis.ping()),
            "ari": {"ok": self.ari.connected},
            "ami": {"ok": self.ami.connected},
            "ledger": {"ok": not self.ledger.delayed, "backlog": self.ledger.backlog()},
            "calls": {"ok": True, "up": len(self.calls.sessions)},
        }


async def _state(question: Awaitable[Any]) -> dict[str, Any]:
    try:
        async with asyncio.timeout(2):
            await question
    except Exception as error:  # whatever is wrong with a part is what is asked for here
        return {"ok": False, "error": f"{type(error).__name__}: {error}"[:200]}
    return {"ok": True}


@asynccontextmanager
async def _stage(name: str) -> AsyncIterator[None]:
    started_s = clock.monotonic_s()
    async with asyncio.timeout(_STAGE_LIMIT_S):
        yield
    _log.debug("a stage is up", stage=name, took_s=round(clock.monotonic_s() - started_s, 3))


async def _start(worker: _Worker, stack: AsyncExitStack) -> None:
    settings, tasks = worker.settings, worker.tasks

    def background(work: Coroutine[Any, Any, Any], name: str) -> None:
        tasks.start(work, name).add_done_callback(worker.part_ended)

    async with _stage("stores"):
        worker.pool = await database.connect(settings.dsn)
        stack.push_async_callback(worker.pool.close)
        worker.redis = await live.connect(settings.redis)
        stack.push_async_callback(worker.redis.aclose)
        worker.board = Board(worker.redis)
        background(worker.board.relay(), "board relay")
        background(worker.board.send_shown(), "board sender")
        for topic in Topic:
            await worker.board.clear(topic)
    async with _stage("ledger"):
        worker.ledger = Ledger(worker.pool, settings.ledger_spool)
        background(worker.ledger.run(), "ledger")
    async with _stage("recordings"):
        worker.recordings = Recordings(worker.pool, settings.recording_spool, settings.secrets_dir)
        background(worker.recordings.run(), "recordings")
    async with _stage("what is set up"):
        worker.lines = Lines(worker.pool)
        worker.callers = Callers(worker.pool)
        worker.flows = Flows(worker.pool)
        worker.recording_rules = RecordingRules(worker.pool)
        worker.conferences = Conferences(worker.pool)
        worker.rooms = Rooms(worker.redis)
        await worker.load()
        worker.acd = Acd(
            matching=Matching(worker.redis, new_id(Kind.NODE, clock.utc_ms())), pool=worker.pool, ledger=worker.ledger, board=worker.board
        )
        worker.acd.on_agents_changed = worker.render_phones
        await worker.acd.start()
        stack.push_async_callback(worker.acd.close)
    await _start_calls(worker, stack, background)
    async with _stage("console"):
        await _serve_console(worker, stack)


async def _start_calls(worker: _Worker, stack: AsyncExitStack, background: Callable[[Coroutine[Any, Any, Any], str], None]) -> None:
    settings = worker.settings
    zone = ZoneInfo(settings.timezone)
    prefix = f"cc-{settings.node}-"
    app = prefix + new_id(Kind.NODE, clock.utc_ms())[:13]
    worker.ari = Ari(
        base_url=f"http://{settings.asterisk_host}:{settings.asterisk_http_port}",
        user=settings.ari_user,
        password=secret(settings, "ari"),
        app=app,
        on_connected=worker.connected,
    )
    worker.ami = Ami(settings.asterisk_host, settings.ami_port, settings.ami_user, secret(settings, "ami"))
    lookups = Lookups(settings.lookup_hosts)
    calls_tasks = Tasks("calls")
    records = CallRecords(worker.redis)
    background(records.run(), "call records")
    callbacks = worker.callbacks = Callbacks(worker.pool, worker.acd, worker.lines, tuple(settings.outside_allowed))
    phones = PhoneWatch(worker.ami, worker.acd)
    last_talks = LastTalks(worker.redis, key_of)
    background(_know_the_last_talks(last_talks, worker.pool), "last talks")
    house = House(
        node=settings.node,
        ari=worker.ari,
        ami=worker.ami,
        acd=worker.acd,
        phones=phones,
        lines=worker.lines,
        flows=worker.flows,
        ledger=worker.ledger,
        recordings=worker.recordings,
        records=records,
        board=worker.board,
        tasks=calls_tasks,
        prompts_dir=settings.prompts_dir,
        now=partial(datetime.now, zone),
        is_holiday=is_holiday,
        look_up=lookups.look_up,
        outside_allowed=tuple(settings.outside_allowed),
        callbacks=callbacks,
        last_talks=last_talks,
        codes=FeatureCodes(settings.feature_codes),
        pin_tries=PinTries(),
        conferences=worker.rooms,
        bridge_recordings=settings.asterisk_dir / "spool" / "recording",
        recording_rules=lambda: worker.recording_rules.all,
        caller_facts=worker.callers.facts,
    )
    worker.calls = Calls(house, app=app, app_prefix=prefix, witness_file=settings.witness_file, language=settings.language)
    worker.acd.on_forgotten = worker.calls.save_all
    async with _stage("asterisk"):
        await stack.enter_async_context(worker.ami)
        background(phones.run(), "phones")
        intake = FallbackIntake(worker.calls, witness_file=settings.witness_file, messages=settings.message_spool)
        background(intake.run(), "fallback intake")
        background(callbacks.run(worker.calls), "callbacks")
        background(worker.rooms.watch(), "conferences")
        await stack.enter_async_context(worker.ari)
        stack.push_async_callback(calls_tasks.close)
        try:
            await worker.ari.wait_connected(_STAGE_LIMIT_S / 2)
        except AsteriskAway:
            _log.warning("Asterisk is not there yet; the console comes up without it")
    await worker.changed()


async def _know_the_last_talks(talks: LastTalks, pool: asyncpg.Pool) -> None:
    """Rebuild them whenever Redis has lost them."""
    while True:
        try:
            if found := await talks.rebuild(pool):
                _log.info("who talked with whom last was read from the ledger", talks=found)
        except (RedisError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            _log.info("who talked with whom last can't be read now", reason=str(error))
        await asyncio.sleep(_LAST_TALKS_EVERY_S)


async def _serve_console(worker: _Worker, stack: AsyncExitStack) -> None:
    settings = worker.settings
    parts = Parts(
        settings=settings,
        pool=worker.pool,
        redis=worker.redis,
        board=worker.board,
        ledger=worker.ledger,
        acd=worker.acd,
        calls=worker.calls,
        callbacks=worker.callbacks,
        conferences=ConferenceControl(worker.calls),
        recordings=worker.recordings,
        health=worker.health,
        render_phones=worker.render_phones,
        changed=worker.changed,
        registrations=worker.ami.registrations,
    )
    runner = web.AppRunner(build_app(parts), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, settings.console_host, settings.console_port, reuse_address=True).start()
    _log.info("the worker is ready", console=f"http://{settings.console_host}:{settings.console_port}")


async def worker(settings: Settings, asterisk: Any) -> None:
    """Run a worker until SIGTERM or SIGINT; calls that are up stay up for the next worker."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(Tasks("worker"))
        parts = _Worker(settings, asterisk, tasks)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, parts.stop.set)
        await _start(parts, stack)
        _spare_the_collector()
        await parts.stop.wait()
        _log.info("the worker stops; calls stay up", calls=len(parts.calls.sessions))
        try:
            async with asyncio.timeout(_STOP_LIMIT_S):
                await parts.ledger.settle(_STOP_LIMIT_S)
        except TimeoutError:
            _log.warning("the ledger's last entries wait in the spool", backlog=parts.ledger.backlog())
    if parts.failed:
        raise Bug("a part of the worker died; see the log above")


def _spare_the_collector() -> None:
    """What is loaded now stays: looking through it for garbage, again and again, would hold calls up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 100)


def run_worker(settings: Settings, asterisk: Any) -> None:
    """Run a worker in this process until it is told to stop."""
    uvloop.run(worker(settings, asterisk))
