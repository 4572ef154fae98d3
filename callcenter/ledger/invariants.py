"""What must hold of every call, whatever happened to it. Pure."""

from __future__ import annotations

from callcenter.ledger.projection import Projected


def check(projected: Projected) -> list[str]:
    """The invariants that a call breaks, in words; none when all is well."""
    call, broken = projected.call, []
    end_ms = call.started_ms + call.duration_ms
    if sum(segment.length_ms for segment in projected.segments) != call.duration_ms:
        broken.append("the segments do not add up to the call")
    for before, after in zip(projected.segments, projected.segments[1:], strict=False):
        if before.ended_ms != after.started_ms:
            broken.append("the segments do not touch")
    if any(segment.length_ms <= 0 for segment in projected.segments):
        broken.append("a segment has no length")
    if call.talk_ms + call.hold_ms > call.duration_ms:
        broken.append("more talk than call")
    if min(call.duration_ms, call.wait_ms, call.talk_ms, call.hold_ms, call.ring_ms, call.ivr_ms, call.wrapup_ms) < 0:
        broken.append("a negative duration")
    for leg in projected.legs:
        if leg.ended_ms is not None and leg.answered_ms is not None and leg.ended_ms < leg.answered_ms:
            broken.append(f"leg {leg.id} ended before it was answered")
        if call.ended_ms is not None and leg.started_ms > end_ms:
            broken.append(f"leg {leg.id} began after the call")
    return broken
