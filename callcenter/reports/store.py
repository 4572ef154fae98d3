"""SQL of reports: the sums are made in Postgres, so that a year's report costs the worker, which has calls to look after, nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from callcenter.database.pool import store_away
from callcenter.ledger.events import Event, decode
from callcenter.reports.model import FLOW_OUTS, Counts, Terms
from callcenter.reports.queue_log import KNOWN_FOR_MS

_LIMIT_S: Final = 60
"""How long one report may take."""
_PREFETCH: Final = 100
_MISSED: Final = "('declined', 'busy', 'timed_out', 'unreachable', 'failed')"


def _ms(interval: str) -> str:
    """An interval as milliseconds, exact."""
    return f"round(extract(epoch from {interval}) * 1000)::bigint"


_FLOW_OUTS: Final = ", ".join(f"'{how}'" for how in FLOW_OUTS)

VISITS: Final = f"""with told as (
  select e.call, e.at, e.kind, substr(e.id, 11) as turn, e.body->>'queue' as queue, e.body->>'why' as why, e.body->>'end' as ending,
    e.body->>'offer' as offer,
    (e.body->>'lasted_ms')::bigint as lasted,
    case e.kind when 'call_ended' then 1 when 'wrap_up_ended' then 2 else 0 end as rank
  from call_events e
  where e.call <> '' and e.kind in ('queued', 'left_queue', 'bridged', 'offered', 'offer_ended', 'wrap_up_ended', 'call_ended')
  and e.call in (select call from call_events where kind = 'queued' and at >= $1 and at < $2 and ($3::text is null or body->>'queue' = $3))
), steps as (
  select *, kind = 'queued' and not coalesce(lag(queue) over before = queue
      and (lag(kind) over before = 'queued' or lag(why) over before = 'answered'), false) as begins
  from told window before as (partition by call, kind in ('queued', 'left_queue', 'bridged') order by at, turn)
), numbered as (
  select *, count(*) filter (where begins) over (partition by call order by at, rank, turn rows unbounded preceding) as visit from steps
), visits as (
  select call, visit, min(at) filter (where begins) as entered_at, min(queue) filter (where begins) as queue,
    (array_agg(why order by at desc, turn desc) filter (where kind = 'left_queue'))[1] as why,
    max(at) filter (where kind = 'left_queue') as left_at, min(at) filter (where kind = 'bridged') as bridged_at,
    min(at) filter (where kind = 'call_ended') as ended_at,
    count(distinct offer) filter (where kind = 'offered') as offers, count(*) filter (where ending in {_MISSED}) as missed,
    count(*) filter (where ending = 'caller_gone') as offers_lost, count(*) filter (where ending = 'elsewhere') as offers_elsewhere,
    coalesce(sum(lasted), 0) as wrap_ms
  from numbered where visit > 0 group by call, visit
), followed as (
  select *, lead(entered_at) over (partition by call order by visit) as next_at from visits
), ended as (
  select *, case when why <> 'answered' then why when bridged_at is not null then 'answered'
      when ended_at is not null then 'abandoned' when next_at is not null then 'overflow' else '' end as how
  from followed where entered_at >= $1 and entered_at < $2 and ($3::text is null or queue = $3)
), told_visits as (
  select *, case when how = 'answered' then coalesce(left_at, bridged_at) when why <> 'answered' then left_at
      else coalesce(ended_at, next_at) end as gone_at, ended_at is not null or next_at is not null as is_over
  from ended
)
select v.call, v.queue, v.entered_at, v.how, greatest(coalesce({_ms("v.gone_at - v.entered_at")}, 0), 0) as wait_ms,
  case when v.how = 'answered' then greatest({_ms("v.bridged_at - v.gone_at")}, 0) else 0 end as announce_ms,
  coalesce(s.talk_ms, 0) as talk_ms, coalesce(s.hold_ms, 0) as hold_ms, v.wrap_ms::bigint as wrap_ms, v.is_over,
  v.offers, v.missed, v.offers_lost, v.offers_elsewhere
from told_visits v left join lateral (
  select sum({_ms("ended_at - started_at")}) filter (where kind = 'talking')::bigint as talk_ms,
    sum({_ms("ended_at - started_at")}) filter (where kind = 'held')::bigint as hold_ms
  from segments where v.how = 'answered' and segments.call = v.call and kind in ('talking', 'held')
  and started_at >= v.entered_at and (v.next_at is null or started_at < v.next_at)
) s on true"""  # noqa: S608 - fixed names
"""Visits that began from $1 until before $2, of a queue ($3) or all: how each ended, and its times.

An offer is counted once: the worker that takes a call over notes it again when it lets the phone ring."""

DEFAULT_MS: Final = 20_000
"""T of a queue that is no longer set up."""
_IN_TIME: Final = f"how <> '' and wait_ms <= coalesce($4, queues.service_level_s * 1000, {DEFAULT_MS})"
_HANDLED: Final = "how = 'answered' and is_over"
COUNT_QUEUES: Final = f"""with visits as materialized ({VISITS})
select queue, width_bucket(entered_at, $6::timestamptz[]) as period, count(*) as entered,
  count(*) filter (where how = '') as waiting,
  count(*) filter (where how = 'answered') as answered, count(*) filter (where how = 'answered' and {_IN_TIME}) as answered_within,
  count(*) filter (where {_HANDLED}) as handled,
  count(*) filter (where how = 'abandoned') as abandoned, count(*) filter (where how = 'abandoned' and {_IN_TIME}) as abandoned_within,
  count(*) filter (where how = 'abandoned' and wait_ms <= $5) as abandoned_short,
  count(*) filter (where {_IN_TIME}) as left_within,
  {", ".join(f"count(*) filter (where how = '{how}') as {how}" for how in FLOW_OUTS if how != "other")},
  count(*) filter (where how not in ('', 'answered', 'abandoned', {_FLOW_OUTS}) or how = 'other') as other,
  sum(wait_ms) filter (where how = 'answered') as wait_answered_ms, sum(wait_ms) filter (where how = 'abandoned') as wait_abandoned_ms,
  max(wait_ms) filter (where how <> '') as longest_wait_ms, sum(announce_ms) as announce_ms,
  sum(talk_ms) filter (where {_HANDLED}) as talk_ms, sum(hold_ms) filter (where {_HANDLED}) as hold_ms,
  sum(wrap_ms) filter (where {_HANDLED}) as wrap_ms, sum(offers) as offers, sum(missed) as missed, sum(offers_lost) as offers_lost,
  sum(offers_elsewhere) as offers_elsewhere
from visits left join queues on queues.name = queue group by queue, period order by queue, period"""  # noqa: S608 - fixed names
"""The sums of visits by queue and period ($6: where periods begin); $4 the threshold, none: each queue's own; $5 the short-abandon limit;
milliseconds."""

COUNT_OFFERS: Final = f"""select o.body->>'agent' as agent, width_bucket(o.at, $4::timestamptz[]) as period, count(*) as offers,
  count(*) filter (where e.ending = 'answered') as answered, count(*) filter (where e.ending in {_MISSED}) as missed,
  count(*) filter (where e.ending = 'caller_gone') as offers_lost, count(*) filter (where e.ending = 'elsewhere') as offers_elsewhere
from call_events o left join lateral (
  select body->>'end' as ending from call_events where call = o.call and call <> '' and kind = 'offer_ended' and at >= o.at
  and body->>'offer' = o.body->>'offer' order by at limit 1
) e on true
where o.kind = 'offered' and o.at >= $1 and o.at < $2 and ($3::text is null or o.body->>'agent' = $3)
and not exists (select from call_events b where b.call = o.call and b.call <> '' and b.kind = 'offered'
  and b.body->>'offer' = o.body->>'offer' and (b.at, b.id) < (o.at, o.id))
group by agent, period"""  # noqa: S608 - fixed names
"""What agents were offered, each offer once, and how it ended."""
COUNT_SPOKEN: Final = f"""select coalesce(nullif(s.agent, ''), c.agent) as agent, width_bucket(s.started_at, $4::timestamptz[]) as period,
  count(distinct s.call) filter (where s.kind = 'talking') as handled,
  sum({_ms("s.ended_at - s.started_at")}) filter (where s.kind = 'talking')::bigint as talk_ms,
  sum({_ms("s.ended_at - s.started_at")}) filter (where s.kind = 'held')::bigint as hold_ms
from segments s join calls c on c.id = s.call
where s.kind in ('talking', 'held') and s.started_at >= $1 and s.started_at < $2 and c.ended_at is not null
and ($3::text is null or coalesce(nullif(s.agent, ''), c.agent) = $3)
group by 1, 2"""  # noqa: S608 - fixed names
"""Conversations of agents that are over, a queue's and others, counted where their talk begins."""
COUNT_WRAP_UPS: Final = """select body->>'agent' as agent, width_bucket(at, $4::timestamptz[]) as period,
  sum((body->>'lasted_ms')::bigint)::bigint as wrap_ms
from call_events where kind = 'wrap_up_ended' and at >= $1 and at < $2 and ($3::text is null or body->>'agent' = $3)
group by agent, period"""
"""Agents' work after calls, counted where it ends."""
COUNT_STATES: Final = f"""with wanted as (select number from agents where $3::text is null or number = $3),
changes as (
  select w.number as agent, c.* from wanted w cross join lateral (
    (select state, reason, started_at, event from agent_states where agent = w.number and started_at < $1
      order by started_at desc, event desc limit 1)
    union all select state, reason, started_at, event from agent_states
      where agent = w.number and started_at >= $1 and started_at < $2) c
), spans as (
  select agent, state, reason, started_at, lead(started_at, 1, $2) over (partition by agent order by started_at, event) as until
  from changes
), periods as (
  select number, begins, lead(begins, 1, $2) over (order by number) as ends
  from unnest($4::timestamptz[]) with ordinality as period(begins, number)
)
select agent, periods.number as period, state, reason, sum({_ms("least(until, ends) - greatest(started_at, begins)")})::bigint as lasted_ms
from spans join periods on started_at < ends and until > begins
group by agent, periods.number, state, reason"""  # noqa: S608 - fixed names
"""How long agents were in each state, from $1 until $2; before the first thing known of an agent there is nothing."""
THRESHOLDS: Final = "select name, service_level_s from queues"
"""Within how long each queue's callers should be answered."""
AGENTS: Final = "select number, name from agents where $1::text is null or number = $1 order by number"
"""Agents, those who left included."""


async def _fetch(pool: asyncpg.Pool, query: str, *given: Any) -> list[asyncpg.Record]:
    with store_away():
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(f"set local statement_timeout = '{_LIMIT_S}s'")
            return await connection.fetch(query, *given, timeout=_LIMIT_S + 1)


async def read_thresholds(pool: asyncpg.Pool) -> dict[str, int]:
    """Each queue's own T, milliseconds."""
    return {row["name"]: row["service_level_s"] * 1000 for row in await _fetch(pool, THRESHOLDS)}


async def count_queues(pool: asyncpg.Pool, edges: Sequence[datetime], queue: str | None, terms: Terms) -> dict[tuple[str, int], Counts]:
    """The sums of the visits that began between the first edge and the last, by queue and period (0: the first)."""
    rows = await _fetch(pool, COUNT_QUEUES, edges[0], edges[-1], queue, terms.threshold_ms, terms.short_ms, list(edges[:-1]))
    return {(row["queue"], row["period"] - 1): _counts(row) for row in rows}


def _counts(row: asyncpg.Record) -> Counts:
    return Counts(**{name: int(value or 0) for name, value in row.items() if name not in ("queue", "period")})


class AgentPeriod(msgspec.Struct, kw_only=True):
    """What an agent did in a period."""

    sums: dict[str, int] = msgspec.field(default_factory=dict)
    """By the names of Counts."""
    states: dict[str, int] = msgspec.field(default_factory=dict)
    """Milliseconds by state."""
    pauses: dict[str, int] = msgspec.field(default_factory=dict)
    """Milliseconds by reason."""


async def count_agents(
    pool: asyncpg.Pool, edges: Sequence[datetime], until: datetime, agent: str | None
) -> dict[tuple[str, int], AgentPeriod]:
    """What agents did between the first edge and the last, by agent and period; states are known only ``until`` now."""
    found: dict[tuple[str, int], AgentPeriod] = {}
    begins = list(edges[:-1])
    for query in (COUNT_OFFERS, COUNT_SPOKEN, COUNT_WRAP_UPS):
        for row in await _fetch(pool, query, edges[0], edges[-1], agent, begins):
            sums = found.setdefault((row["agent"], row["period"] - 1), AgentPeriod()).sums
            sums |= {name: int(value or 0) for name, value in row.items() if name not in ("agent", "period")}
    if until > edges[0]:
        known = [begin for begin in begins if begin < until]
        for row in await _fetch(pool, COUNT_STATES, edges[0], min(until, edges[-1]), agent, known):
            period = found.setdefault((row["agent"], row["period"] - 1), AgentPeriod())
            period.states[row["state"]] = period.states.get(row["state"], 0) + row["lasted_ms"]
            if row["state"] == "paused":
                period.pauses[row["reason"]] = period.pauses.get(row["reason"], 0) + row["lasted_ms"]
    return found


async def read_agents(pool: asyncpg.Pool, agent: str | None) -> dict[str, str]:
    """Names by job number, those who left included."""
    return {row["number"]: row["name"] for row in await _fetch(pool, AGENTS, agent)}


LOOK_BACK: Final = timedelta(milliseconds=KNOWN_FOR_MS)
"""So long before a queue_log's time its calls may have begun."""
_LOGGED: Final = (
    "'call_arrived', 'leg_started', 'queued', 'left_queue', 'offered', 'offer_ended', 'digits_pressed', 'bridged', 'call_ended'"
)
LOGGED: Final = f"""with wanted as (
  select id from calls where started_at >= $1::timestamptz - $4::interval and started_at < $2 and (ended_at is null or ended_at >= $3)
), told as (
  select at, id, kind, body from call_events where call in (select id from wanted) and call <> '' and at >= $1 and at < $2
    and kind in ({_LOGGED})
  union all
  select at, id, kind, body from call_events where call = '' and kind = 'agent_changed' and at >= $1 and at < $2 and at >= $3
)
select body::text from told
order by at, case kind when 'call_arrived' then -2 when 'leg_started' then -1 when 'call_ended' then 1 else 0 end, substr(id, 11)"""  # noqa: S608 - fixed names
"""What a queue_log tells of from $1 until before $2, in the order in which it happened: of calls that had not ended before $3."""
STATES_BEFORE: Final = """select number as agent, state, reason from agents cross join lateral (
  select state, reason from agent_states where agent = number and started_at < $1 order by started_at desc, event desc limit 1) s"""
"""What agents were just before a moment."""
PRIORITY_STEPS: Final = "select name, priority_step_s from queues"
"""What a point of a caller's priority counts."""
MEMBERS: Final = "select agent, queue from queue_members order by agent, queue"
"""Who serves what now."""


async def read_priority_steps(pool: asyncpg.Pool) -> dict[str, int]:
    """What a point of priority counts in each queue, milliseconds of waiting."""
    return {row["name"]: row["priority_step_s"] * 1000 for row in await _fetch(pool, PRIORITY_STEPS)}


async def logged(pool: asyncpg.Pool, begin: datetime, end: datetime, since: datetime) -> AsyncGenerator[Event, None]:
    """Events for a queue_log from ``begin`` until before ``end``, a few hundred in memory at once; of calls up at ``since`` or later."""
    with store_away():
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(f"set local statement_timeout = '{_LIMIT_S}s'")
            async for row in connection.cursor(LOGGED, begin, end, since, LOOK_BACK, prefetch=_PREFETCH, timeout=_LIMIT_S + 1):
                yield decode(row[0])


async def states_before(pool: asyncpg.Pool, moment: datetime) -> list[tuple[str, str, str]]:
    """Agent, state and reason of every agent of whom something is known before the moment."""
    return [(row["agent"], row["state"], row["reason"]) for row in await _fetch(pool, STATES_BEFORE, moment)]


async def read_members(pool: asyncpg.Pool) -> dict[str, list[str]]:
    """Which queues each agent serves now."""
    found: dict[str, list[str]] = {}
    for row in await _fetch(pool, MEMBERS):
        found.setdefault(row["agent"], []).append(row["queue"])
    return found
