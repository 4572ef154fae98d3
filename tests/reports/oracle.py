"""A queue's visits, told by walking a call's events one by one: written apart from the SQL, to be compared with it."""

from __future__ import annotations

from typing import Any

from callcenter.ledger import events as e
from callcenter.ledger.projection import in_order, project
from callcenter.reports.model import Visit

_MISSED = {"declined", "busy", "timed_out", "unreachable", "failed"}


class _Stay:
    def __init__(self, queue: str, at: int) -> None:
        self.queue, self.entered = queue, at
        self.why, self.left, self.bridged = "", 0, 0
        self.offers: set[str] = set()
        self.wrap = self.missed = self.lost = self.elsewhere = 0
        self.until: int | None = None
        """When the next stay began."""
        self.call_ended: int | None = None


def visits_of(events: list[Any]) -> list[Visit]:
    """The visits of one call."""
    stays: list[_Stay] = []
    resumes = ""
    for event in in_order(events):
        stay = stays[-1] if stays else None
        match event:
            case e.Queued():
                if stay is None or resumes != event.queue:
                    if stay:
                        stay.until = event.at_ms
                    stays.append(_Stay(event.queue, event.at_ms))
                resumes = event.queue
            case e.LeftQueue():
                resumes = event.queue if event.why == "answered" else ""
                if stay:
                    stay.why, stay.left = event.why, event.at_ms
            case e.Bridged():
                resumes = ""
                if stay:
                    stay.bridged = stay.bridged or event.at_ms
            case e.Offered() if stay:
                stay.offers.add(event.offer)
            case e.OfferEnded() if stay:
                stay.missed += event.end in _MISSED
                stay.lost += event.end == "caller_gone"
                stay.elsewhere += event.end == "elsewhere"
            case e.WrapUpEnded() if stay:
                stay.wrap += event.lasted_ms
            case e.CallEnded() if stay:
                stay.call_ended = event.at_ms
            case _:
                pass
    segments = project(events).segments
    return [_visit(stay, segments) for stay in stays]


def _visit(stay: _Stay, segments: Any) -> Visit:
    gone = stay.left
    if stay.why not in ("", "answered"):
        how = stay.why
    elif stay.bridged:
        how, gone = "answered", stay.left or stay.bridged
    elif stay.call_ended is not None:
        how, gone = "abandoned", stay.call_ended
    elif stay.until is not None:
        how, gone = "overflow", stay.until
    else:
        how, gone = "", stay.entered
    spoken = {"talking": 0, "held": 0}
    for segment in segments:
        begins_here = segment.started_ms >= stay.entered and (stay.until is None or segment.started_ms < stay.until)
        if how == "answered" and segment.kind in spoken and begins_here:
            spoken[segment.kind] += segment.length_ms
    return Visit(
        queue=stay.queue, entered_ms=stay.entered, how=how, wait_ms=max(0, gone - stay.entered),
        announce_ms=max(0, stay.bridged - gone) if how == "answered" else 0, talk_ms=spoken["talking"], hold_ms=spoken["held"],
        wrap_ms=stay.wrap, is_over=stay.call_ended is not None or stay.until is not None, offers=len(stay.offers), missed=stay.missed,
        offers_lost=stay.lost, offers_elsewhere=stay.elsewhere,
    )  # fmt: skip
