"""A past day's calls, replayed by the rules as they are and by changed ones: reads the ledger, drives the match in a Redis of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.acd.matching import Matching
from callcenter.acd.opening import HOLIDAY, WEEKDAYS
from callcenter.basics import clock
from callcenter.basics.errors import BadRequest, NotFound, StoreAway
from callcenter.ivr.hours import is_holiday, working_weekday
from callcenter.replay import store
from callcenter.replay.changes import Changed, Tree, apply
from callcenter.replay.day import Rows, build
from callcenter.replay.dice import Dice
from callcenter.replay.figures import ALL, Figures, figures
from callcenter.replay.model import Day, Result, SetUp
from callcenter.replay.simulate import Simulation
from callcenter.reports.periods import midnight
from callcenter.reports.service_level import FORMULAS, SERVICE_LEVELS

_AFTER: Final = timedelta(hours=4)
"""So long after the day's end its last callers are still served."""
AS_IT_WAS: Final = "as it was"
SAME: Final = "same rules"
CHANGED: Final = "changed rules"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be replayed, and how."""

    day: date
    """In the centre's zone."""
    changes: Tree = {}
    """Nothing: only the rules as they are."""
    queue: str | None = None
    """Show this queue only; every queue is replayed, for they share agents."""
    seed: int = 1
    draws_patience: bool = False
    """Callers who were answered have a patience drawn from the day's; otherwise they wait until they are answered."""
    formula: str = "genesys_sl"
    threshold_s: int | None = None
    """T for every queue; None: each queue's own as it is set up now."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The columns by their titles, and what must be known to read them."""

    day: str
    zone: str
    seed: int
    patience: str
    formula: str
    columns: dict[str, Figures]
    notes: tuple[str, ...]


async def replay(
    pool: asyncpg.Pool, redis: Redis, zone: ZoneInfo, wish: Wish, told: Callable[[int, float], None] = lambda calls, seconds: None
) -> Comparison:
    """The comparison; BadRequest, NotFound, BadQueue, StoreAway. ``redis`` is emptied: never the centre's own.

    ``told``: after each replay, how many callers it had and how many seconds it took.
    """
    if wish.formula not in SERVICE_LEVELS:
        raise BadRequest(f"formula: {wish.formula!r:.40} is none of {', '.join(SERVICE_LEVELS)}", field="formula")
    day, set_up, skills = await _read(pool, zone, wish)
    begin = datetime.combine(wish.day, time(), zone)
    thresholds_ms = {name: (wish.threshold_s or queue.service_level_s) * 1000 for name, queue in set_up.queues.items()}
    dice = Dice(day, wish.seed, draws_patience=wish.draws_patience)

    async def run(changed: Changed) -> Result:
        return await _replayed(redis, day, changed, dice, zone=zone, set_up=set_up, told=told)

    def shown(found: Day | Result) -> Figures:
        agents = sorted({*found.states, *(one.agent for one in found.served if one.agent)})
        return figures(
            found.served, found.states, (day.begin_ms, day.end_ms),
            thresholds_ms=thresholds_ms, formula=FORMULAS[wish.formula], agents=agents,
        )  # fmt: skip

    changed = apply(wish.changes, set_up, begin, skills) if wish.changes else None
    same = await run(Changed(set_up=set_up))
    columns, notes = {AS_IT_WAS: shown(day), SAME: shown(same)}, [*day.notes, *same.notes]
    if changed:
        other = await run(changed)
        columns[CHANGED] = shown(other)
        notes += [note for note in other.notes if note not in notes]
    return Comparison(
        day=wish.day.isoformat(),
        zone=zone.key,
        seed=wish.seed,
        patience="day" if wish.draws_patience else "own",
        formula=wish.formula,
        columns=_same_queues(columns, wish.queue),
        notes=tuple(notes),
    )


async def _read(pool: asyncpg.Pool, zone: ZoneInfo, wish: Wish) -> tuple[Day, SetUp, list[str]]:
    noon = datetime.combine(wish.day, time(12), zone)
    begin, end, now = midnight(noon, zone), midnight(noon, zone, 1), clock.utc_now()
    if now < end:
        raise BadRequest(f"day: {wish.day} is not over in {zone.key}; choose an earlier day", field="day")
    until = min(now, end + _AFTER)
    set_up = await store.read_set_up(pool, begin, end)
    if wish.queue is not None and wish.queue not in set_up.queues:
        raise NotFound(f"there is no queue {wish.queue!r:.60}")
    visits = await store.read_visits(pool, begin, end)
    rows = Rows(
        begin_ms=clock.to_ms(begin),
        end_ms=clock.to_ms(end),
        until_ms=clock.to_ms(until),
        visits=visits,
        stories=await store.read_stories(pool, (told.call for told in visits)),
        conversations=await store.read_conversations(pool, begin, until),
        states=await store.read_states(pool, begin, until),
    )
    day = build(rows, set_up.queues)
    came = any(caller.queue == wish.queue for caller in day.callers) if wish.queue else bool(day.callers)
    if not came:
        where = f"the queue {wish.queue}" if wish.queue else "any queue"
        raise NotFound(f"nobody came to {where} on {wish.day} ({zone.key}): there is nothing to replay")
    return day, set_up, await store.read_skills(pool)


async def _replayed(
    redis: Redis, day: Day, changed: Changed, dice: Dice, *, zone: ZoneInfo, set_up: SetUp, told: Callable[[int, float], None]
) -> Result:
    matching = Matching(redis, "replay", offset_ms=lambda: 0)
    wraps_ms = {name: queue.wrap_up_s * 1000 for name, queue in set_up.queues.items()}
    await _emptied(redis.flushall)
    begun_s = clock.monotonic_s()
    result = await Simulation(matching, day, changed, dice, zone=zone, calendar=kind_of_day, wraps_ms=wraps_ms).run()
    told(len(day.callers), clock.monotonic_s() - begun_s)
    return result


async def _emptied(flush: Callable[[], Awaitable[Any]]) -> None:
    try:
        await flush()
    except (RedisError, OSError) as error:
        raise StoreAway(f"Redis: {error}"[:300]) from error


def kind_of_day(moment: datetime) -> str:
    """What kind of day opening hours take a moment's day for, as in a call."""
    return HOLIDAY if is_holiday(moment) else WEEKDAYS[working_weekday(moment.date()) - 1]


def _same_queues(columns: dict[str, Figures], only: str | None) -> dict[str, Figures]:
    """Every column has every queue that any has, or the one asked for: where nobody came, there are zeros."""
    names = [only] if only else [*sorted({name for column in columns.values() for name in column.queues} - {ALL}), ALL]
    nobody = figures((), {}, (0, 1), thresholds_ms={}, formula=FORMULAS["asa"], agents=()).queues[ALL]
    return {
        title: msgspec.structs.replace(column, queues={name: column.queues.get(name, nobody) for name in names})
        for title, column in columns.items()
    }
