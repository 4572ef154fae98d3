"""One real Asterisk for this folder's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.asterisk_conf.private_asterisk import ROOT, PrivateAsterisk


@pytest.fixture(scope="session")
async def asterisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PrivateAsterisk]:
    """Started once; each test leaves it without calls, its globals as they were."""
    if not (ROOT / "usr" / "sbin" / "asterisk").exists():
        pytest.fail(f"there is no Asterisk in {ROOT}: make setup lays it, or point CALLCENTER_ASTERISK_ROOT at one")
    async with PrivateAsterisk(tmp_path_factory.mktemp("asterisk")) as running:
        yield running


@pytest.fixture
async def idle(asterisk: PrivateAsterisk) -> AsyncIterator[PrivateAsterisk]:
    """Asterisk without a service: no app name, a short hold."""
    await asterisk.set_global("CC_APP", "")
    await asterisk.set_global("CC_HOLD_SECONDS", "1")
    await asterisk.set_global("CC_ROUND_SECONDS", "4")
    yield asterisk
    for channel in await asterisk.ari("GET", "/channels"):
        await asterisk.console(f"channel request hangup {channel['name']}")
