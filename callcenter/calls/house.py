"""What every call needs of the house: the rooms it may ask, handed over by app.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from callcenter.acd.last_talks import LastTalks
from callcenter.acd.service import Acd
from callcenter.asterisk import Ari
from callcenter.asterisk.ami import Ami
from callcenter.basics.tasks import Tasks
from callcenter.calls.feature_codes import FeatureCodes
from callcenter.calls.store import CallRecords
from callcenter.ivr.asks import LookedUp, Lookup
from callcenter.ivr.flow import Flow
from callcenter.ledger.service import Ledger
from callcenter.lines.callers import CallerFacts
from callcenter.lines.service import Lines
from callcenter.live.board import Board
from callcenter.recordings.policy import RecordingRule
from callcenter.recordings.service import Recordings

if TYPE_CHECKING:
    from callcenter.calls.callbacks import Callbacks
    from callcenter.calls.conference_rooms import Rooms
    from callcenter.calls.feature import PinTries
    from callcenter.calls.phones import PhoneWatch


class Flows(Protocol):
    """Where the newest version of a flow is had, without waiting."""

    def latest(self, name: str) -> Flow | None:
        """The flow, or None when there is none of that name."""

    def version(self, name: str, version: int) -> Flow | None:
        """The flow as it was when a call began it."""


@dataclass(frozen=True, kw_only=True)
class House:
    """The rooms a call may ask."""

    node: str
    ari: Ari
    ami: Ami
    acd: Acd
    phones: PhoneWatch
    lines: Lines
    flows: Flows
    ledger: Ledger
    recordings: Recordings
    records: CallRecords
    board: Board
    tasks: Tasks
    prompts_dir: Path
    now: Callable[[], datetime]
    """Now, in the centre's zone."""
    is_holiday: Callable[[datetime], bool]
    look_up: Callable[[Lookup], Awaitable[LookedUp]]
    outside_allowed: tuple[str, ...]
    """What numbers that flows build from digits may begin with."""
    callbacks: Callbacks
    """Who is to be called back."""
    last_talks: LastTalks
    """Who talked with whom last."""
    codes: FeatureCodes
    """What agents may dial."""
    pin_tries: PinTries
    """Wrong PINs at phones."""
    conferences: Rooms
    """The conferences that are going on."""
    bridge_recordings: Path
    """Where Asterisk writes what is recorded of a bridge."""
    recording_rules: Callable[[], Sequence[RecordingRule]]
    """The rules of recording, at once."""
    caller_facts: Callable[[str], CallerFacts]
    """What is known of a caller's number, at once."""
