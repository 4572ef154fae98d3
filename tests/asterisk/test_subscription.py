"""Streams of events: bounded, in order, one delivery for each listener, an end with a reason; without Asterisk."""

from __future__ import annotations

import asyncio
import json

import pytest

from callcenter.asterisk.events import AriEvent
from callcenter.asterisk.protocol import decode
from callcenter.asterisk.subscription import ConnectionLost, SubscriptionOverflowed, Switchboard
from tests.asterisk.test_protocol import channel


def event(identifier: str, number: int = 0, kind: str = "StasisStart") -> AriEvent:
    decoded = decode(json.dumps({"type": kind, "args": [str(number)], "channel": channel(identifier)}))
    assert isinstance(decoded, AriEvent)
    return decoded


async def test_events_come_in_order_to_those_who_listen() -> None:
    board = Switchboard()
    one, two = board.open(("a", "b"), 10), board.open(("b",), 10)
    for number, identifier in enumerate("abc"):
        board.dispatch(event(identifier, number), arrival=False)
    assert [(await one.next(1)).channel.id, (await one.next(1)).channel.id] == ["a", "b"]  # type: ignore[attr-defined]
    assert (await two.next(1)).channel.id == "b"  # type: ignore[attr-defined]
    with pytest.raises(TimeoutError):
        await one.next(0.01)


async def test_ids_come_and_go() -> None:
    board = Switchboard()
    with board.open((), 10) as listener:
        listener.add("a")
        board.dispatch(event("a", 1), arrival=False)
        listener.discard("a")
        board.dispatch(event("a", 2), arrival=False)
        assert (await listener.next(1)).args == ["1"]  # type: ignore[attr-defined]
        with pytest.raises(TimeoutError):
            await listener.next(0.01)


async def test_arrivals_are_those_nobody_waits_for() -> None:
    board = Switchboard()
    arrivals, own = board.open((), 10, arrivals=True), board.open(("ours",), 10)
    board.dispatch(event("ours"), arrival=True)
    board.dispatch(event("new"), arrival=True)
    assert (await arrivals.next(1)).channel.id == "new"  # type: ignore[attr-defined]
    assert (await own.next(1)).channel.id == "ours"  # type: ignore[attr-defined]


async def test_too_slow_a_reader_gets_what_was_in_time_and_then_the_end() -> None:
    board = Switchboard()
    slow, quick = board.open(("a",), 3), board.open(("a",), 100)
    for number in range(5):
        board.dispatch(event("a", number), arrival=False)
    seen = [(await slow.next(1)).args[0] for _ in range(3)]  # type: ignore[attr-defined]
    board.dispatch(event("a", 5), arrival=False)
    assert seen == ["0", "1", "2"]
    for _ in range(2):
        with pytest.raises(SubscriptionOverflowed):
            await slow.next(1)
    assert board.overflows == 1
    assert [(await quick.next(1)).args[0] for _ in range(6)] == list("012345")  # type: ignore[attr-defined]


async def test_closing_ends_the_one_who_waits() -> None:
    board = Switchboard()
    listener = board.open(("a",), 3)
    waiting = asyncio.get_running_loop().create_task(_collect(listener))
    await asyncio.sleep(0)
    listener.close()
    assert await asyncio.wait_for(waiting, 1) == []
    board.dispatch(event("a"), arrival=False)
    assert not board._listeners and not board._all


async def _collect(listener: object) -> list[object]:
    return [each async for each in listener]  # type: ignore[attr-defined]


async def test_several_may_wait_on_one_subscription() -> None:
    board = Switchboard()
    listener = board.open(("a",), 10)
    loop = asyncio.get_running_loop()
    waiting = [loop.create_task(listener.next(1)) for _ in range(3)]
    await asyncio.sleep(0)
    for number in range(3):
        board.dispatch(event("a", number), arrival=False)
    assert sorted(each.args[0] for each in await asyncio.gather(*waiting)) == ["0", "1", "2"]  # type: ignore[attr-defined]


async def test_who_stops_waiting_takes_no_event_along() -> None:
    board = Switchboard()
    listener = board.open(("a",), 10)
    waiting = asyncio.get_running_loop().create_task(listener.next())
    await asyncio.sleep(0)
    board.dispatch(event("a", 7), arrival=False)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (await listener.next(1)).args == ["7"]  # type: ignore[attr-defined]


async def test_loss_is_told_to_everyone() -> None:
    board = Switchboard()
    one, arrivals = board.open(("a",), 3), board.open((), 3, arrivals=True)
    board.tell_all(ConnectionLost())
    assert isinstance(await one.next(1), ConnectionLost) and isinstance(await arrivals.next(1), ConnectionLost)
