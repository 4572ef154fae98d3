"""AMI through panoramisk: what ARI has not (MixMonitor on a live channel, reloads, contacts). Connected, watched, opened again.

panoramisk speaks the protocol; this file gives it what it has not: a limit for each action, one owner of the connection
(its own reconnecting would repeat actions whose moment has passed), bounded events, and no line breaks in values.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from callcenter.asterisk.subscription import SubscriptionOverflowed
from callcenter.basics import metrics
from callcenter.basics.errors import AsteriskAway, AsteriskRefused, BadRequest, ChannelGone
from callcenter.basics.logs import get_logger
from callcenter.basics.tasks import Tasks

_log = get_logger(__name__)
_ACTION_S: Final = 5.0
_CONNECT_S: Final = 3.0
_PING_EVERY_S, _PING_LIMIT_S = 2.0, 1.5
_RETRY_FIRST_S, _RETRY_MOST_S = 0.1, 2.0
_ASK_AGAIN_S, _ASKED_AGAIN = 0.05, 60
_DONE: Final = frozenset({"Success", "Goodbye", "Follows"})
_REACHABLE: Final = frozenset({"Avail", "Available", "Reachable", "NonQual", "NonQualified", "Created", "Unknown", "Updated"})


class AmiEvents:
    """Events of some names, bounded; too slow a reader is cut off with SubscriptionOverflowed."""

    def __init__(self, names: frozenset[str], limit: int, on_close: Callable[[AmiEvents], None]) -> None:
        self.names = names
        self._limit = limit
        self._on_close = on_close
        self._events: deque[Mapping[str, str]] = deque()
        self._ready = asyncio.Event()
        self._overflowed = False

    def deliver(self, event: Mapping[str, str]) -> None:
        """Put an event in; after an overflow nothing more, so that no reader takes a stream with a gap for a whole one."""
        if self._overflowed:
            return
        if len(self._events) >= self._limit:
            self._overflowed = True
        else:
            self._events.append(event)
        self._ready.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Mapping[str, str]:
        while not self._events:
            if self._overflowed:
                raise SubscriptionOverflowed(f"more than {self._limit} AMI events were waiting")
            self._ready.clear()
            await self._ready.wait()
        return self._events.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._on_close(self)


class _Link(Manager):  # type: ignore[misc]
    """One connection of panoramisk's, without its own ideas about reconnecting and repeating."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_event: Callable[[Any], None]) -> None:
        quiet = logging.getLogger("panoramisk.link")
        quiet.setLevel(logging.CRITICAL)
        super().__init__(loop=loop, log=quiet)
        self.lost = asyncio.Event()
        self.pending: set[asyncio.Future[Any]] = set()
        self._on_event = on_event

    def attach(self, protocol: AMIProtocol) -> None:
        """Take a fresh connection, before anything has come over it."""
        self.protocol = protocol
        protocol.queue = deque()
        protocol.factory = self
        protocol.log = self.log
        protocol.config = self.config
        protocol.encoding = self.encoding = "utf8"
        self.responses = protocol.responses

    def connection_lost(self, exc: object) -> None:
        """The connection is gone, and with it every answer that was waited for; its owner opens another."""
        self.lost.set()
        self.fail_pending()

    def fail_pending(self) -> None:
        """Let nobody wait for an answer that can't come: panoramisk would keep the actions for the next connection."""
        self.awaiting_actions.clear()
        for waiting in self.pending:
            if not waiting.done():
                waiting.set_exception(AsteriskAway("the AMI connection broke before the answer came"))
                waiting.exception()
        self.pending.clear()

    def forget(self, answer: asyncio.Future[Any]) -> None:
        """Nobody waits for this answer any more; should it come after all, it is dropped."""
        self.pending.discard(answer)
        for key in [key for key, action in self.responses.items() if action.future is answer]:
            del self.responses[key]

    def dispatch(self, event: Any) -> list[str]:
        """Hand an event on."""
        self._on_event(event)
        return []


class _Protocol(AMIProtocol):  # type: ignore[misc]
    """panoramisk's protocol, attached from its first byte on, and whole where the network cuts a character in two."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._characters = codecs.getincrementaldecoder("utf8")("replace")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        super().connection_made(transport)
        self._link.attach(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come; those of an unfinished character wait for the rest."""
        super().data_received(self._characters.decode(data).encode())


class Ami:
    """A watched AMI connection. Use as ``async with``."""

    def __init__(self, host: str, port: int, user: str, secret: str) -> None:
        self._address = (host, port)
        self._credentials = (user, secret)
        self._link: _Link | None = None
        self._up = asyncio.Event()
        self._tasks = Tasks("ami")
        self._readers: set[AmiEvents] = set()

    async def __aenter__(self) -> Self:
        self._tasks.start(self._stay_connected(), "connection")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    @property
    def connected(self) -> bool:
        """Whether actions can be sent now."""
        return self._up.is_set()

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait until logged in; AsteriskAway after ``timeout_s`` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            raise AsteriskAway(f"Asterisk's AMI did not come up within {timeout_s:g} s") from None

    async def _stay_connected(self) -> None:
        delay_s = _RETRY_FIRST_S
        while True:
            try:
                await self._connect_once()
                delay_s = _RETRY_FIRST_S
            except (OSError, TimeoutError, AsteriskAway, AsteriskRefused) as error:
                _log.warning("AMI can't be reached", reason=f"{type(error).__name__}: {error}"[:200], again_in_s=round(delay_s, 2))
                delay_s = min(delay_s * 2, _RETRY_MOST_S)
            await asyncio.sleep(delay_s * random.uniform(0.8, 1.2))

    async def _connect_once(self) -> None:
        loop = asyncio.get_running_loop()
        link = _Link(loop, self._deliver)
        async with asyncio.timeout(_CONNECT_S):
            _, protocol = await loop.create_connection(lambda: _Protocol(link), *self._address)
        try:
            user, secret = self._credentials
            await self._send(link, {"Action": "Login", "Username": user, "Secret": secret, "Events": "on"}, _CONNECT_S)
            self._link = link
            self._up.set()
            metrics.AMI_CONNECTED.set(1)
            _log.info("AMI is connected")
            await self._watch(link)
        finally:
            self._link = None
            self._up.clear()
            metrics.AMI_CONNECTED.set(0)
            protocol.close()
            link.fail_pending()

    async def _watch(self, link: _Link) -> None:
        while not link.lost.is_set():
            try:
                async with asyncio.timeout(_PING_EVERY_S):
                    await link.lost.wait()
            except TimeoutError:
                await self._send(link, {"Action": "Ping"}, _PING_LIMIT_S)
        _log.warning("AMI is disconnected")

    def _deliver(self, event: Any) -> None:
        name = str(event.event)
        for reader in tuple(self._readers):
            if not reader.names or name in reader.names:
                reader.deliver({str(key): str(value) for key, value in event.items()})

    async def _send(self, link: _Link, action: dict[str, Any], limit_s: float, *, as_list: bool | None = None) -> Any:
        for name, value in action.items():
            if any(char in str(value) for char in "\r\n"):
                raise BadRequest(f"{name}: a line break has no place in an AMI value", field=name)
        what = action["Action"]
        told = "away"
        waiting = link.send_action(action, as_list=as_list)
        link.pending.add(waiting)
        try:
            async with asyncio.timeout(limit_s):
                answer = await waiting
            first = answer[0] if isinstance(answer, list) else answer
            told = "done" if str(first.response) in _DONE else "refused"
        except TimeoutError:
            raise AsteriskAway(f"AMI {what}: no answer within {limit_s:g} s") from None
        finally:
            link.forget(waiting)
            metrics.AMI_ACTIONS[what, told] += 1
        if told == "refused":
            text = str(first.message)
            kind = ChannelGone if "no such channel" in text.lower() else AsteriskRefused
            raise kind(404 if kind is ChannelGone else 400, text[:200], f"AMI {what}")
        return answer

    async def action(self, name: str, *, timeout_s: float = _ACTION_S, as_list: bool | None = None, **fields: Any) -> Any:
        """Send an action and return panoramisk's message (or list of them). AsteriskAway, AsteriskRefused, ChannelGone."""
        if self._link is None:
            raise AsteriskAway(f"AMI {name}: not connected to Asterisk")
        return await self._send(self._link, {"Action": name, **fields}, timeout_s, as_list=as_list)

    def events(self, *names: str, limit: int = 1000) -> AmiEvents:
        """Events of these names (all, when none is given) from now on; use as ``with`` and iterate."""
        reader = AmiEvents(frozenset(names), limit, self._readers.discard)
        self._readers.add(reader)
        return reader

    # What is used

    async def mix_monitor(self, channel_name: str, file: str, options: str = "D") -> None:
        """Record a live channel into ``file`` (``D``: raw stereo, what it says left, what it hears right); one at a time."""
        await self.action("MixMonitor", Channel=channel_name, File=file, Options=options)

    async def stop_mix_monitor(self, channel_name: str) -> None:
        """Close the file."""
        await self.action("StopMixMonitor", Channel=channel_name)

    async def mute_mix_monitor(self, channel_name: str, on: bool, direction: str = "both") -> None:
        """Write silence (``on``) or the voices again; ``direction``: read, write or both."""
        await self.action("MixMonitorMute", Channel=channel_name, State=int(on), Direction=direction)

    async def reload(self, module: str) -> None:
        """Let a module read its configuration again."""
        await self.action("Reload", Module=module)

    async def qualify(self, endpoint: str) -> None:
        """Let Asterisk ask a phone now whether it is there; when it does not answer in time, ContactStatus tells."""
        await self.action("PJSIPQualify", Endpoint=endpoint)

    async def contacts(self) -> dict[str, bool]:
        """Which addresses of record can be reached; those without any contact are missing."""
        try:
            answers = await self.action("PJSIPShowContacts")
        except AsteriskRefused as error:
            if "no contacts" in error.text.lower():
                return {}
            raise
        found: dict[str, bool] = {}
        for answer in answers:
            if str(answer.event) == "ContactList":
                number = str(answer.objectname).partition("@")[0].partition(";")[0].partition("/")[0]
                number = str(answer.aor) or number if "aor" in answer else number
                reachable = str(answer.status) in _REACHABLE
                found[number] = found.get(number, False) or reachable
        return found

    async def registrations(self) -> dict[str, str]:
        """Where we are registered: the registration's name and its state in small letters (registered, rejected, unregistered, stopped)."""
        try:
            answers = await self.action("PJSIPShowRegistrationsOutbound")
        except AsteriskRefused as error:
            if "no outbound registrations" in error.text.lower():
                return {}
            raise
        return {
            str(answer.objectname): str(answer.status).lower() for answer in answers if str(answer.event) == "OutboundRegistrationDetail"
        }

    async def unregister(self, name: str) -> None:
        """Take a registration of ours back, and wait until the provider has said so; 3 s at most, then it runs out by itself."""
        try:
            await self.action("PJSIPUnregister", Registration=name)
        except AsteriskRefused:
            return
        for _ in range(_ASKED_AGAIN):
            if (await self.registrations()).get(name) != "registered":
                return
            await asyncio.sleep(_ASK_AGAIN_S)
        _log.warning("a registration was not taken back in time; it runs out by itself", registration=name)
