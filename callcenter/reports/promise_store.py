"""SQL of promised and actual waits: was the expected wait what it became?"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from callcenter.database.pool import store_away

PROMISES: Final = """with promised as (
  select call, at, body->>'queue' as queue, (body->>'low_s')::bigint as low_s, (body->>'high_s')::bigint as high_s,
    coalesce((body->>'said')::boolean, false) as said
  from call_events where kind = 'wait_promised' and call <> '' and at >= $1 and at < $2 and ($3::text is null or body->>'queue' = $3)
    and call in (select call from call_events where kind = 'queued' and at >= $1::timestamptz - interval '1 day' and at < $2)
), became as (
  select queue, said, low_s, high_s, left_queue.why, extract(epoch from left_queue.at - promised.at) as waited_s
  from promised cross join lateral (
    select at, body->>'why' as why from call_events
    where call = promised.call and call <> '' and kind = 'left_queue' and body->>'queue' = promised.queue and at >= promised.at
    order by at, substr(id, 11) limit 1
  ) left_queue
)
select coalesce(queue, '') as queue, said, count(*) as promised,
  count(*) filter (where why = 'answered') as answered,
  count(*) filter (where why = 'answered' and waited_s between low_s and high_s) as within,
  count(*) filter (where why = 'answered' and waited_s < low_s) as sooner,
  count(*) filter (where why = 'answered' and waited_s > high_s) as later,
  round(1000 * percentile_cont(0.5) within group (order by abs(waited_s - (low_s + high_s) / 2.0)::float8)
    filter (where why = 'answered'))::bigint as median_error_ms
from became group by grouping sets ((queue, said), (said)) order by 1, 2"""
"""Promises from $1 until before $2, of a queue ($3) or all, against the wait from then on; of all queues together under ''."""


class Promises(msgspec.Struct, frozen=True, kw_only=True):
    """Promised waits of a queue (empty: all queues), and what became of them."""

    queue: str
    said: bool
    """True: what callers heard; False: what was expected when each caller came."""
    promised: int
    """Those whose wait is over."""
    answered: int
    """Only these have an actual wait: who gave up or was sent on might have waited any time."""
    within: int
    """Waited a time within the range."""
    sooner: int
    later: int
    median_error_ms: int | None
    """Half of the answered waited at most this far from the middle of the range; None without any."""

    @property
    def share_within(self) -> float | None:
        """Within ÷ answered; None without any."""
        return self.within / self.answered if self.answered else None


async def count_promises(pool: asyncpg.Pool, begin: datetime, end: datetime, queue: str | None = None) -> list[Promises]:
    """Promised against actual waits, by queue and in all; StoreAway."""
    with store_away():
        rows = await pool.fetch(PROMISES, begin, end, queue)
    return [Promises(**dict(row)) for row in rows]
