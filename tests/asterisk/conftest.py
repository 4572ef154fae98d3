"""One real Asterisk with the rendered configuration for this folder, and ways to reach it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callcenter.asterisk import Ari
from callcenter.asterisk.ami import Ami
from tests.asterisk.reach import ami_of, ari_of
from tests.asterisk_conf.private_asterisk import PrivateAsterisk


@pytest.fixture(scope="session")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PrivateAsterisk]:
    """Started once; killed at the end, whatever the tests left in it (that it ends by itself is asterisk_conf's to show)."""
    running = PrivateAsterisk(tmp_path_factory.mktemp("asterisk"))
    await running.__aenter__()
    try:
        yield running
    finally:
        await running.die()


@pytest.fixture
async def ari(asterisk: PrivateAsterisk) -> AsyncIterator[Ari]:
    """Connected; leaves no channel behind."""
    async with ari_of(asterisk) as connected:
        await connected.wait_connected(5)
        yield connected
        for channel in await connected.list_channels():
            await asterisk.console(f"channel request hangup {channel.name}")


@pytest.fixture
async def ami(asterisk: PrivateAsterisk) -> AsyncIterator[Ami]:
    """Connected."""
    async with ami_of(asterisk) as connected:
        await connected.wait_connected(5)
        yield connected
