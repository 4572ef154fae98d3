"""The demo centre's main menu."""

from __future__ import annotations

from typing import Any, Final

DEMO_FLOW: Final[dict[str, Any]] = {
    "name": "main",
    "title": "Main menu",
    "start": "welcome",
    "nodes": {
        "welcome": {"type": "play", "prompt": ["welcome"], "next": "choose"},
        "choose": {
            "type": "menu",
            "prompt": ["main-menu"],
            "options": {"1": "sales", "2": "support", "0": "operator", "9": "other-language"},
            "repeat_key": "#",
            "retries": 2,
            "timeout_s": 5,
            "otherwise": "operator",
        },
        "other-language": {"type": "language", "language": "other", "next": "choose"},
        "sales": {"type": "queue", "queue": "sales"},
        "support": {"type": "queue", "queue": "support"},
        "operator": {"type": "queue", "queue": "support"},
    },
}
"""1 sales, 2 support, 0 operator, # repeat, 9 the other language; who presses nothing right reaches the operator."""
