"""Every Redis key and channel name. Redis holds only what can be rebuilt."""

from __future__ import annotations

PREFIX = "cc:"
BOARD_CHANNEL = PREFIX + "board"


def board(topic: str) -> str:
    """Hash of what the live screens show: field = id, value = JSON."""
    return f"{PREFIX}board:{topic}"


CONFERENCES = PREFIX + "conferences"
"""Hash of the conferences that are going on: field = name, value = JSON."""
CALL_RECORDS = PREFIX + "records"
"""Hash of the call records, all that is needed to go on with a call after a crash: field = call, value = JSON."""


def session(token_hash: str) -> str:
    """A console session."""
    return f"{PREFIX}session:{token_hash}"


def sign_in_failures(who: str) -> str:
    """How often somebody failed to sign in lately."""
    return f"{PREFIX}sign-in:failures:{who}"


def sign_in_wait(who: str) -> str:
    """There while somebody must wait before the next try."""
    return f"{PREFIX}sign-in:wait:{who}"


def known_device(token_hash: str) -> str:
    """The user who signed in from this browser before."""
    return f"{PREFIX}device:{token_hash}"
