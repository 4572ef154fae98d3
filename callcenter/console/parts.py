"""What the console is built from. Protocols name what it asks of rooms below, so that it can be tested without Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg
from redis.asyncio import Redis

from callcenter.acd.model import AgentNow, Explanation, QueueNow
from callcenter.basics.settings import Settings
from callcenter.calls.callback_store import Callback
from callcenter.calls.callbacks import Wish
from callcenter.conferences.model import Role
from callcenter.live.board import Board
from callcenter.recordings.service import RecordingInfo


class AsksAcd(Protocol):
    """What the console asks of the ACD."""

    async def agents(self) -> Sequence[AgentNow]:
        """Every agent as they are now."""

    async def queues(self) -> Sequence[QueueNow]:
        """Every queue as it is now."""

    async def set_state(self, number: str, state: object, reason: str, by: str) -> AgentNow:
        """Make an agent ready, paused or offline; NotFound, BadRequest."""

    async def agents_changed(self) -> None:
        """Agents were added or retired: load them and let their phones be set up."""

    async def extend_wrap_up(self, number: str) -> AgentNow:
        """More time for the after-call work; TooLate when it is over."""

    async def explain(self, call: str) -> Explanation:
        """A waiting caller as the match sees them."""

    async def broken_pairs(self) -> Sequence[str]:
        """Classes in which a caller waits beside a free agent."""


class AsksCalls(Protocol):
    """What the console asks of the calls that are up."""

    async def control(self, call: str, action: str, params: Mapping[str, Any], by: str) -> dict[str, Any]:
        """Do something with a call; NotFound, TooLate, BadRequest."""

    async def prioritise(self, call: str, priority: int, by: str) -> None:
        """Another priority for a caller who waits; NotFound, TooLate."""

    async def sign_on_at(self, agent: str, where: str, *, confirms: bool) -> None:
        """Let an agent's calls ring elsewhere; NotFound, BadRequest, TooLate."""

    async def originate(self, agent: str, to: str, by: str) -> dict[str, Any]:
        """Click to dial; NotFound, TooLate, BadRequest."""


class AsksCallbacks(Protocol):
    """What the console asks of the callbacks."""

    async def ask(self, wish: Wish) -> Callback:
        """Call somebody back; TooLate, BadRequest, NotFound."""

    async def cancel(self, callback: str) -> Callback:
        """Call nobody back; NotFound, TooLate."""


class AsksConferences(Protocol):
    """What the console asks of the conferences that are going on."""

    async def control(self, name: str, action: str, member: str, by: str) -> None:
        """Do something with a conference or a member; NotFound, BadRequest."""

    async def invite(self, name: str, to: str, role: Role, by: str) -> str:
        """Call somebody in; NotFound, BadRequest, TooLate."""


class AsksRecordings(Protocol):
    """What the console asks of the recordings."""

    async def describe(self, recording: str) -> RecordingInfo | None:
        """The recording's facts, or None."""

    def backlog(self) -> int:
        """How many recordings are not yet in the store."""

    def stream(self, recording: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to, not including, ``end``."""


class AsksLedger(Protocol):
    """What the console asks of the ledger's writer."""

    @property
    def delayed(self) -> bool:
        """Whether Postgres can't be written just now."""

    def backlog(self) -> int:
        """How many events Postgres doesn't have yet."""


async def _nothing() -> None:
    return None


async def _not_asked() -> dict[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything the console needs, given once."""

    settings: Settings
    pool: asyncpg.Pool
    redis: Redis
    board: Board
    ledger: AsksLedger
    acd: AsksAcd
    calls: AsksCalls
    callbacks: AsksCallbacks
    conferences: AsksConferences
    recordings: AsksRecordings
    health: Callable[[], Awaitable[dict[str, Any]]]
    """Each part's state: name → {ok, …}."""
    render_phones: Callable[[], Awaitable[Any]] = _nothing
    """Make phones of what the database says, without a restart."""
    changed: Callable[[], Awaitable[Any]] = _nothing
    """Numbers, callers or flows were changed: take them over for new calls."""
    registrations: Callable[[], Awaitable[Mapping[str, str]]] = _not_asked
    """Registrations of ours at providers and their state; AsteriskAway."""
