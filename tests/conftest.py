"""For every room: the category of each test, and the one private centre that the end-to-end tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.parts.centre import Centre, private_centre
from tests.parts.postgres import postgres_cluster, postgres_dsn, postgres_empty_dsn, postgres_template
from tests.parts.redis import redis_server, redis_url

__all__ = ["centre", "postgres_cluster", "postgres_dsn", "postgres_empty_dsn", "postgres_template", "redis_server", "redis_url"]

_SERVERS = ("centre", "postgres", "redis", "asterisk", "ari", "ami", "pool", "dsn", "database", "cluster", "browser", "site")
"""A test that asks for a fixture with one of these words in its name is in the category ``parts``, any other in ``rules``."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test, and let the quick ones go first, the whole centre last."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if not any(item.iter_markers("parts")) and not any(item.iter_markers("rules")):
            needs_parts = any(word in name for name in fixtures for word in _SERVERS)
            item.add_marker(pytest.mark.parts if needs_parts else pytest.mark.rules)
    items.sort(key=lambda item: ("centre" in getattr(item, "fixturenames", ()), any(item.iter_markers("parts"))))


@pytest.fixture(scope="session")
async def centre() -> AsyncIterator[Centre]:
    """A whole centre with quick queues: phones ring 3 s, wrap-up lasts 1 s. At 4011 all phones ring, at 4012 one more every second."""
    async with private_centre() as running:
        for number, name, strategy in (("4011", "everybody", "ring_all"), ("4012", "one-by-one", "ring_progressive")):
            await running.db.execute("insert into queues (name, title, strategy, widen_s) values ($1, $1, $2, 1)", name, strategy)
            await running.db.execute("insert into queue_members (queue, agent) select $1, number from agents where number <= '1004'", name)
            await running.db.execute("insert into numbers (number, kind, target) values ($1, 'queue', $2)", number, name)
        await running.db.execute("update queues set ring_timeout_s = 3, wrap_up_s = 1")
        await running.worker_killed()
        yield running
