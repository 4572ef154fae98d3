"""A served console for each test that asks for ``site``; one browser for all."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.console.site import Site, served


@pytest.fixture
async def site(postgres_dsn: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """A console with two queues, three agents and a user of each role."""
    async with served(postgres_dsn, redis_url, tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The machine's Chromium, silent towards the outside."""
    program = shutil.which("chromium") or "/usr/bin/chromium"
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-background-networking"])
        yield started
        await started.close()
