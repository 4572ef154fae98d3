"""The ARI client: one WebSocket for events and requests, opened again for ever when it breaks.

Never subscribes to everything and never to device states (asterisk#2170). Events nobody reads are filtered out at
their source before anything else is asked. The socket is read by a task that only hands on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgspec

from callcenter.asterisk import handles
from callcenter.asterisk.events import AriEvent, StasisStart
from callcenter.asterisk.protocol import Requests, RESTResponse, Strange, decode, result, segment
from callcenter.asterisk.resources import BridgeData, ChannelData
from callcenter.asterisk.subscription import ConnectionLost, Listening, Subscription, Switchboard
from callcenter.basics import clock, metrics
from callcenter.basics.errors import AsteriskAway, CallCenterError
from callcenter.basics.logs import get_logger
from callcenter.basics.tasks import Tasks, cancel_and_wait

_log = get_logger(__name__)

UNREAD: Final = (
    "ChannelVarset",
    "ChannelDialplan",
    "ChannelUserevent",
    "ChannelCallerId",
    "ChannelConnectedLine",
    "ChannelCreated",
    "PlaybackStarted",
    "PlaybackContinuing",
    "BridgeCreated",
    "BridgeDestroyed",
    "BridgeVideoSourceChanged",
    "DeviceStateChanged",
    "EndpointStateChange",
    "PeerStatusChange",
    "ContactStatusChange",
    "TextMessageReceived",
)
"""Events that nobody here reads: Asterisk is told not to send them."""


@dataclass(frozen=True, kw_only=True)
class AriLimits:
    """How long what may take, in seconds."""

    request_s: float = 5.0
    connect_s: float = 3.0
    heartbeat_s: float = 2.0
    """A link that does not answer a ping within this and half as long again is dead."""
    first_retry_s: float = 0.1
    longest_retry_s: float = 2.0


class Ari:
    """A connection to one Asterisk for one Stasis application. Use as ``async with``."""

    def __init__(
        self,
        *,
        base_url: str,
        user: str,
        password: str,
        app: str,
        on_connected: Callable[[], Awaitable[None]] | None = None,
        limits: AriLimits = AriLimits(),
        unread: tuple[str, ...] = UNREAD,
    ) -> None:
        self.app = app
        self.strange_frames = 0
        """Frames that were none of ARI's, or of events this version does not know; a metric."""
        self.events_seen = 0
        self._url = f"{base_url.rstrip('/')}/ari/events"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}
        self._on_connected = on_connected
        self._limits = limits
        self._unread = unread
        self._requests = Requests()
        self._board = Switchboard()
        self._pending: dict[str, asyncio.Future[RESTResponse]] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._up = asyncio.Event()
        self._tasks = Tasks("ari")

    # The connection

    async def __aenter__(self) -> Self:
        self._tasks.start(self._stay_connected(), "connection")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    @property
    def connected(self) -> bool:
        """Whether requests can be made now."""
        return self._up.is_set()

    @property
    def overflows(self) -> int:
        """How often a reader of events was too slow; a metric."""
        return self._board.overflows

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait until the connection is up and ``on_connected`` is through; AsteriskAway after ``timeout_s`` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            raise AsteriskAway(f"Asterisk's ARI did not come up within {timeout_s:g} s") from None

    async def _stay_connected(self) -> None:
        delay_s = self._limits.first_retry_s
        async with aiohttp.ClientSession(headers=self._headers) as http:
            while True:
                try:
                    was_up = await self._connect_once(http)
                except (aiohttp.ClientError, TimeoutError, OSError, CallCenterError) as error:
                    was_up = False
                    _log.warning("ARI can't be reached", reason=f"{type(error).__name__}: {error}"[:200], again_in_s=round(delay_s, 2))
                except Exception:
                    # Of on_connected, whose stores may be away just now: without this connection there are no calls at all.
                    was_up = False
                    _log.exception("what follows a connection to ARI failed", again_in_s=round(delay_s, 2))
                delay_s = self._limits.first_retry_s if was_up else min(delay_s * 2, self._limits.longest_retry_s)
                await asyncio.sleep(delay_s * random.uniform(0.8, 1.2))

    async def _connect_once(self, http: aiohttp.ClientSession) -> bool:
        query = {"app": self.app, "subscribeAll": "false"}
        async with asyncio.timeout(self._limits.connect_s):
            socket = await http.ws_connect(self._url, params=query, heartbeat=self._limits.heartbeat_s, max_msg_size=0, compress=0)
        reading = None
        try:
            self._socket = socket
            reading = self._tasks.start(self._read(socket), "reader")
            greeting = self._tasks.start(self._greet(), "greeting")
            await asyncio.wait({reading, greeting}, return_when=asyncio.FIRST_COMPLETED)
            if greeting.done():
                greeting.result()
                self._up.set()
                metrics.ARI_CONNECTED.set(1)
                _log.info("ARI is connected", app=self.app)
                await asyncio.wait({reading})
            await cancel_and_wait(greeting)
            return True
        finally:
            self._socket = None
            self._up.clear()
            metrics.ARI_CONNECTED.set(0)
            await cancel_and_wait(reading)
            self._lose_pending()
            self._board.tell_all(ConnectionLost())
            await socket.close()
            _log.warning("ARI is disconnected", app=self.app)

    async def _greet(self) -> None:
        disallowed = [{"type": kind} for kind in self._unread]
        await self.request("PUT", f"/applications/{segment(self.app)}/eventFilter", body={"disallowed": disallowed})
        if self._on_connected:
            await self._on_connected()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(message.data)

    def _take(self, text: str) -> None:
        frame = decode(text)
        if isinstance(frame, RESTResponse):
            waiting = self._pending.pop(frame.request_id, None)
            if waiting and not waiting.done():
                waiting.set_result(frame)
        elif isinstance(frame, Strange):
            self.strange_frames += 1
            metrics.ARI_STRANGE.inc()
            if self.strange_frames == 1:
                _log.warning("a frame was not understood; more of them are only counted", kind=frame.kind, reason=frame.reason)
        else:
            self.events_seen += 1
            metrics.ARI_EVENTS[type(frame).__name__] += 1
            self._board.dispatch(frame, arrival=isinstance(frame, StasisStart))

    def _lose_pending(self) -> None:
        pending, self._pending = self._pending, {}
        for waiting in pending.values():
            if not waiting.done():
                waiting.set_exception(AsteriskAway("the connection to Asterisk broke before its answer came"))
                waiting.exception()

    # Requests

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Make a request and return its body. AsteriskAway, ChannelGone (404, 409, 412) or AsteriskRefused."""
        if self._socket is None or self._socket.closed:
            raise AsteriskAway(f"{method} {path}: not connected to Asterisk")
        request_id, frame = self._requests.frame(method, path, query, body)
        answer: asyncio.Future[RESTResponse] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = answer
        limit_s = self._limits.request_s if timeout_s is None else timeout_s
        asked_s = clock.monotonic_s()
        status = "none"
        try:
            async with asyncio.timeout(limit_s):
                await self._socket.send_str(frame)
                response = await answer
            status = str(response.status_code)
        except TimeoutError:
            raise AsteriskAway(f"{method} {path}: no answer within {limit_s:g} s") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise AsteriskAway(f"{method} {path}: {error}") from error
        finally:
            self._pending.pop(request_id, None)
            metrics.ARI_REQUESTS[method, status] += 1
            metrics.ARI_REQUEST_S.observe(clock.monotonic_s() - asked_s)
        return result(response, f"{method} {path}")

    # Events

    def subscribe(self, *resource_ids: str, limit: int = 256) -> Subscription:
        """Events that mention any of these ids, from now on: subscribe first, then create."""
        return self._board.open(resource_ids, limit)

    def listen(self, take: Callable[[AriEvent], None], *resource_ids: str) -> Listening:
        """Tell ``take`` of every event that mentions any of these ids, the moment it is read; it must not wait."""
        return self._board.listen(resource_ids, take)

    def listen_for_arrivals(self, take: Callable[[AriEvent], None]) -> Listening:
        """Tell ``take`` of every ``StasisStart`` of a channel nobody listened to; whoever listens then misses no later event."""
        return self._board.listen((), take, arrivals=True)

    def arrivals(self, limit: int = 1000) -> Subscription:
        """``StasisStart`` of channels that nobody subscribed to before."""
        return self._board.open((), limit, arrivals=True)

    # Things

    def channel(self, channel_id: str) -> handles.Channel:
        """The handle of a channel; nothing is asked."""
        return handles.Channel(self, channel_id)

    def bridge(self, bridge_id: str) -> handles.Bridge:
        """The handle of a bridge; nothing is asked."""
        return handles.Bridge(self, bridge_id)

    async def stop_recording(self, name: str) -> None:
        """End a recording that ``record`` of a channel or bridge began; its file is whole then."""
        await self.request("POST", f"/recordings/live/{segment(name)}/stop")

    def playback(self, playback_id: str) -> handles.Playback:
        """The handle of a playback; nothing is asked."""
        return handles.Playback(self, playback_id)

    async def create_channel(
        self,
        *,
        endpoint: str,
        channel_id: str,
        originator: str | None = None,
        variables: Mapping[str, str] | None = None,
        formats: str | None = None,
        app_args: str = "",
    ) -> handles.Channel:
        """Create a channel without calling yet: its id is ours, so subscribe to it before."""
        query = {
            "endpoint": endpoint,
            "app": self.app,
            "appArgs": app_args or None,
            "channelId": channel_id,
            "originator": None if formats else originator,
            "formats": formats,
        }
        await self.request("POST", "/channels/create", query=query, body={"variables": dict(variables)} if variables else None)
        return self.channel(channel_id)

    async def originate(
        self,
        *,
        endpoint: str,
        channel_id: str,
        timeout_s: float,
        caller_id: str | None = None,
        variables: Mapping[str, str] | None = None,
        app_args: str = "",
        originator: str | None = None,
    ) -> handles.Channel:
        """Call an endpoint; when it answers it arrives in the application. ``timeout_s``: how long it may ring."""
        query = {
            "endpoint": endpoint,
            "app": self.app,
            "appArgs": app_args or None,
            "callerId": caller_id,
            "timeout": int(timeout_s),
            "channelId": channel_id,
            "originator": originator,
        }
        await self.request("POST", "/channels", query=query, body={"variables": dict(variables)} if variables else None)
        return self.channel(channel_id)

    async def create_bridge(self, bridge_id: str, kind: str = "mixing") -> handles.Bridge:
        """Create a bridge under an id of ours."""
        await self.request("POST", f"/bridges/{segment(bridge_id)}", query={"type": kind})
        return self.bridge(bridge_id)

    async def list_channels(self) -> list[ChannelData]:
        """Every channel there is."""
        return msgspec.convert(await self.request("GET", "/channels"), list[ChannelData])

    async def list_bridges(self) -> list[BridgeData]:
        """Every bridge there is."""
        return msgspec.convert(await self.request("GET", "/bridges"), list[BridgeData])

    async def set_global(self, name: str, value: str) -> None:
        """Set a global variable of the dialplan."""
        await self.request("POST", "/asterisk/variable", query={"variable": name, "value": value})


__all__ = ["UNREAD", "Ari", "AriEvent", "AriLimits"]
