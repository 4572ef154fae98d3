"""After a restart: which calls go on, which are over, which channels have no call any more. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from callcenter.asterisk.resources import ChannelData
from callcenter.basics.vocabulary import Kind, is_id
from callcenter.calls.record import CallRecord


class RecoveryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with everything that a worker before us left."""

    resume: tuple[CallRecord, ...]
    """The caller is still there, or was yet to be called: go on."""
    close: tuple[CallRecord, ...]
    """The caller has left meanwhile: close the books with the true end."""
    hang_up: tuple[str, ...]
    """Channels of ours without a call: agents' phones nobody talks to."""
    adopt: tuple[str, ...]
    """Callers whose record is lost: begin again with them, rather than lose them."""
    destroy: tuple[str, ...]
    """Bridges of ours without a call."""


def held_by(channel: ChannelData) -> str:
    """The Stasis application that holds the channel, or nothing."""
    return channel.dialplan.app_data.partition(",")[0] if channel.dialplan.app_name == "Stasis" else ""


def plan(records: Iterable[CallRecord], channels: Mapping[str, ChannelData], bridges: Collection[str], app_prefix: str) -> RecoveryPlan:
    """Match the saved records with what Asterisk still has; only applications that begin with ``app_prefix`` are ours."""
    resume: list[CallRecord] = []
    close: list[CallRecord] = []
    known: set[str] = set()
    known_bridges: set[str] = set()
    for record in records:
        (resume if record.caller.channel in channels or not record.caller.made else close).append(record)
        known.add(record.caller.channel)
        if record.other:
            known.add(record.other.channel)
        known.update(ringing.leg.channel for ringing in record.ringing)
        known.update(supervising.leg.channel for supervising in record.supervisors)
        known_bridges.update(supervising.bridge for supervising in record.supervisors)
        known_bridges.update((record.bridge, record.conference_bridge))
    strangers = [channel for name, channel in channels.items() if name not in known]
    return RecoveryPlan(
        resume=tuple(resume),
        close=tuple(close),
        hang_up=tuple(channel.id for channel in strangers if is_id(channel.id, Kind.LEG)),
        adopt=tuple(channel.id for channel in strangers if not is_id(channel.id, Kind.LEG) and held_by(channel).startswith(app_prefix)),
        destroy=tuple(bridge for bridge in bridges if is_id(bridge, Kind.BRIDGE) and bridge not in known_bridges),
    )
