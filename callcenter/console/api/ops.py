"""For those who run the centre: is it well, and its figures."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from callcenter.asterisk.trunk_facts import trunk_of
from callcenter.basics import clock, metrics
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, Unauthorised
from callcenter.console import accounts
from callcenter.console.api.models import Health
from callcenter.console.asking import Ask, answer, ask_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Route
from callcenter.live.board import Topic


async def health(request: web.Request) -> web.StreamResponse:
    """Each part's state; 503 when one is not well."""
    parts = await ask_of(request).parts.health()
    is_well = all(part.get("ok") for part in parts.values())
    return answer({"ok": is_well, "parts": parts}, status=200 if is_well else 503)


async def show_metrics(request: web.Request) -> web.StreamResponse:
    """Prometheus text; without a token only for askers on this machine who did not come through a proxy."""
    ask = ask_of(request)
    if not _is_local(request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        person = await accounts.verify_token(ask.parts.pool, token.strip()[:500]) if scheme.lower() == "bearer" else None
        if person is None:
            raise Unauthorised
        person.must(Operation.METRICS_SEE)
    await _take_stock(ask)
    return web.Response(body=metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _is_local(request: web.Request) -> bool:
    if {"X-Forwarded-For", "Forwarded"} & set(request.headers):
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


async def _take_stock(ask: Ask) -> None:
    """Set the gauges that are read rather than counted."""
    board: dict[Topic, dict[str, dict[str, Any]]] = await ask.parts.board.snapshot()
    metrics.CALLS_UP.set(len(board[Topic.CALLS]))
    metrics.LEDGER_BACKLOG.set(ask.parts.ledger.backlog())
    metrics.LEDGER_DELAYED.set(ask.parts.ledger.delayed)
    metrics.RECORDING_BACKLOG.set(ask.parts.recordings.backlog())
    metrics.PAIRS_STANDING.set(len(await ask.parts.acd.broken_pairs()))
    metrics.AGENTS.clear()
    for agent in board[Topic.AGENTS].values():
        metrics.AGENTS.labels(agent.get("state", "")).inc()
    metrics.QUEUE_WAITING.clear()
    metrics.QUEUE_LONGEST_WAIT_S.clear()
    now_ms = clock.utc_ms()
    for name, queue in board[Topic.QUEUES].items():
        metrics.QUEUE_WAITING.labels(name).set(queue.get("waiting") or 0)
        since_ms = queue.get("longest_since_ms") or now_ms
        metrics.QUEUE_LONGEST_WAIT_S.labels(name).set(max(0, now_ms - since_ms) / 1000)
    metrics.TRUNK_REGISTERED.clear()
    with suppress(AsteriskAway, AsteriskRefused):
        for registration, state in (await ask.parts.registrations()).items():
            metrics.TRUNK_REGISTERED.labels(trunk_of(registration)).set(state == "registered")


ROUTES: Final = (
    Route(
        method="GET", path="/healthz", handler=health, operation=Operation.PUBLIC,
        doc=Doc(summary="Each part's state", answer=Health, refusals=(503,)),
    ),
    Route(
        method="GET", path="/metrics", handler=show_metrics, operation=Operation.PUBLIC,
        doc=Doc(summary="Figures for Prometheus; only from this machine or with a token", media="text/plain"),
    ),
)  # fmt: skip
