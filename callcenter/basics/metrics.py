"""All metric names in one table; rooms import the metric they count. Names end with their unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY: Final = CollectorRegistry()
"""Ours alone, so that nothing global is shared with other libraries."""
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_WAITS_S: Final = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200)
_QUICK_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


Tally: TypeAlias = defaultdict[Any, int]
"""A counter for what happens thousands of times a second: ``tally[label] += 1``, or a tuple of labels; no lock, no lookup.
Only the event loop's thread may count."""


class _Shown:
    """A tally as Prometheus has it."""

    def __init__(self, tally: Tally, name: str, what: str, labels: tuple[str, ...]) -> None:
        self._tally = tally
        self._head = name, what, labels

    def describe(self) -> Iterator[CounterMetricFamily]:
        """What it is called, before anything was counted."""
        name, what, labels = self._head
        yield CounterMetricFamily(name, what, labels=labels)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The counts."""
        for family in self.describe():
            for key, count in list(self._tally.items()):
                family.add_metric([str(part) for part in (key if isinstance(key, tuple) else (key,))], count)
            yield family


def _tally(name: str, what: str, *labels: str) -> Tally:
    tally: Tally = defaultdict(int)
    REGISTRY.register(_Shown(tally, f"callcenter_{name}", what, labels))
    return tally


def _counter(name: str, what: str, *labels: str) -> Counter:
    return Counter(f"callcenter_{name}", what, labels, registry=REGISTRY)


def _gauge(name: str, what: str, *labels: str) -> Gauge:
    return Gauge(f"callcenter_{name}", what, labels, registry=REGISTRY)


def _histogram(name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"callcenter_{name}", what, labels, buckets=buckets, registry=REGISTRY)


# Calls
CALLS_ARRIVED: Final = _tally("calls_arrived", "Calls that reached the service.", "direction")
CALLS_ENDED: Final = _tally("calls_ended", "Calls that are over, by how they ended.", "outcome")
CALLS_UP: Final = _gauge("calls_up", "Calls that are up now.")
CALL_WAIT_S: Final = _histogram("call_wait_seconds", "From entering a queue until answered or gone.", _WAITS_S, "queue", "end")

# Asterisk
ARI_REQUESTS: Final = _tally("ari_requests", "Requests to ARI by what was answered.", "method", "status")
ARI_REQUEST_S: Final = _histogram("ari_request_seconds", "How long ARI took to answer.", _QUICK_S)
ARI_EVENTS: Final = _tally("ari_events", "Events that ARI sent.", "type")
ARI_STRANGE: Final = _counter("ari_strange_frames", "Frames that were none of ARI's, or events that this version does not know.")
ARI_OVERFLOWS: Final = _counter("ari_overflows", "Subscriptions that fell behind and were ended.")
ARI_CONNECTED: Final = _gauge("ari_connected", "1 while ARI is connected.")
AMI_CONNECTED: Final = _gauge("ami_connected", "1 while AMI is connected.")
AMI_ACTIONS: Final = _tally("ami_actions", "AMI actions by how they ended.", "action", "result")

# Queues and agents
QUEUE_WAITING: Final = _gauge("queue_waiting", "Callers who wait now.", "queue")
QUEUE_LONGEST_WAIT_S: Final = _gauge("queue_longest_wait_seconds", "How long the first in the queue has waited.", "queue")
AGENTS: Final = _gauge("agents", "Agents by state.", "state")
PAIRS_STANDING: Final = _gauge("pairs_standing", "Classes in which a caller waits beside a free agent: 0 unless the match is broken.")
OFFER_S: Final = _histogram("offer_seconds", "From the match until Asterisk has the agent's phone to ring.", _QUICK_S)
OFFERS_ENDED: Final = _tally("offers_ended", "Offers to agents by how they ended.", "end")

# Trunks
TRUNK_REGISTERED: Final = _gauge("trunk_registered", "1 while we are registered at the trunk's provider, 0 while we should be.", "trunk")

# What is written
LEDGER_BACKLOG: Final = _gauge("ledger_backlog", "Events in the spool that Postgres doesn't have yet.")
LEDGER_DELAYED: Final = _gauge("ledger_delayed", "1 while Postgres is behind the spool.")
LEDGER_EVENTS: Final = _counter("ledger_events", "Events noted.")
RECORDING_BACKLOG: Final = _gauge("recording_backlog", "Recordings that wait to be stored.")
RECORDINGS_STORED: Final = _counter("recordings_stored", "Recordings that are safe in the store.")
RECORDINGS_FAILED: Final = _counter("recordings_failed", "Recordings that could not be stored.")
RECORDING_ENCODE_S: Final = _histogram("recording_encode_seconds", "Encoding and encrypting one recording.", _QUICK_S)

# The console
HTTP_REQUESTS: Final = _counter("http_requests", "Requests to console and API.", "method", "route", "status")
HTTP_REQUEST_S: Final = _histogram("http_request_seconds", "Until the answer was ready; live streams are not counted.", _QUICK_S, "route")
LIVE_STREAMS: Final = _gauge("live_streams", "Consoles that follow the live board.")
SIGN_INS: Final = _counter("sign_ins", "Tries to sign in by how they ended.", "result")


def text() -> bytes:
    """Everything in Prometheus' text format."""
    return generate_latest(REGISTRY)
