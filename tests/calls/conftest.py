"""Before each call the house is empty, and after it too."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.parts.centre import Centre


@pytest.fixture(autouse=True)
async def empty_house(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """After each test: no channel, no bridge, no call record, no open call; no caller ever waited beside a free agent; everyone offline."""
    yield
    if "centre" not in request.fixturenames:
        return
    centre: Centre = request.getfixturevalue("centre")
    await centre.is_ready()
    assert "callcenter_pairs_standing 0.0" in (await centre.metrics())
    try:
        await centre.is_empty()
    finally:
        await centre.send_everyone_home()
