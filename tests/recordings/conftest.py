"""The machine's browser, to hear what people will."""

from __future__ import annotations

from tests.console.conftest import browser

__all__ = ["browser"]
