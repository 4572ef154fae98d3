"""What one can do to a channel, a bridge, a playback. A handle is an id and the way to ask; making one asks nothing.

Each method raises ChannelGone when the thing is just gone (ordinary), AsteriskRefused when Asterisk said no otherwise,
AsteriskAway when there was no answer in time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from callcenter.asterisk.protocol import segment
from callcenter.asterisk.resources import BridgeData, ChannelData


class Asks(Protocol):
    """Whatever can make a request."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        """Make a request and return its body."""


class _Handle:
    """An id, and where it lives below ARI's root."""

    kind = ""

    def __init__(self, ari: Asks, identifier: str) -> None:
        self._ari = ari
        self.id = identifier
        self._path = f"/{self.kind}/{segment(identifier)}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    async def _post(self, action: str, **query: Any) -> Any:
        return await self._ari.request("POST", f"{self._path}/{action}", query=query)

    async def _delete(self, action: str = "", **query: Any) -> Any:
        return await self._ari.request("DELETE", f"{self._path}/{action}" if action else self._path, query=query)


class Playback(_Handle):
    """Something being played."""

    kind = "playbacks"

    async def stop(self) -> None:
        """Stop playing."""
        await self._delete()

    async def control(self, operation: str) -> None:
        """restart, pause, unpause, reverse or forward."""
        await self._post("control", operation=operation)


class Channel(_Handle):
    """A channel in our application."""

    kind = "channels"

    async def get(self) -> ChannelData:
        """What Asterisk knows of it."""
        return msgspec.convert(await self._ari.request("GET", self._path), ChannelData)

    async def answer(self) -> None:
        """Pick up."""
        await self._post("answer")

    async def hangup(self, reason: str = "normal") -> None:
        """Hang up: normal, busy, congestion, no_answer, timeout, rejected, unallocated …"""
        await self._delete(reason=reason)

    async def ring(self) -> None:
        """Let the other side hear ringing."""
        await self._post("ring")

    async def ring_stop(self) -> None:
        """Stop the ringing."""
        await self._delete("ring")

    async def play(self, media: Sequence[str], playback_id: str) -> Playback:
        """Play media URIs one after another; the playback's id is ours."""
        await self._ari.request("POST", f"{self._path}/play/{segment(playback_id)}", query={"media": ",".join(media)})
        return Playback(self._ari, playback_id)

    async def moh_start(self, music_class: str) -> None:
        """Play music on hold."""
        await self._post("moh", mohClass=music_class)

    async def moh_stop(self) -> None:
        """Stop the music."""
        await self._delete("moh")

    async def silence_start(self) -> None:
        """Send silence, where else nothing would be sent; whatever a bridge sends meanwhile is not heard."""
        await self._post("silence")

    async def silence_stop(self) -> None:
        """Send no more silence."""
        await self._delete("silence")

    async def hold(self) -> None:
        """Tell the phone that it is on hold."""
        await self._post("hold")

    async def unhold(self) -> None:
        """Tell the phone that it is no longer on hold."""
        await self._delete("hold")

    async def mute(self, direction: str = "both") -> None:
        """Silence ``in`` (what it says), ``out`` (what it hears) or ``both``."""
        await self._post("mute", direction=direction)

    async def unmute(self, direction: str = "both") -> None:
        """Undo mute."""
        await self._delete("mute", direction=direction)

    async def dial(self, caller: str | None, timeout_s: int) -> None:
        """Call a created channel; ``caller`` is the channel that calls, ``timeout_s`` how long it may ring."""
        await self._post("dial", caller=caller, timeout=timeout_s)

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable."""
        await self._post("variable", variable=name, value=value)

    async def get_variable(self, name: str) -> str:
        """Read a channel variable or function."""
        answer = await self._ari.request("GET", f"{self._path}/variable", query={"variable": name})
        return str(answer["value"])

    async def continue_in_dialplan(self, context: str, extension: str, priority: int = 1) -> None:
        """Give the channel back to the dialplan."""
        await self._post("continue", context=context, extension=extension, priority=priority)

    async def move(self, app: str, app_args: str = "") -> None:
        """Give the channel to another Stasis application."""
        await self._post("move", app=app, appArgs=app_args or None)

    async def snoop(self, snoop_id: str, *, app: str, spy: str = "none", whisper: str = "none", app_args: str = "") -> Channel:
        """Listen to the channel and speak into it by a channel of its own (directions: none, in, out, both)."""
        await self._post(f"snoop/{segment(snoop_id)}", spy=spy, whisper=whisper, app=app, appArgs=app_args or None)
        return Channel(self._ari, snoop_id)

    async def record(self, name: str, audio_format: str, **options: Any) -> None:
        """Record what the channel says (ARI's own options: maxDurationSeconds, maxSilenceSeconds, terminateOn …)."""
        await self._post("record", name=name, format=audio_format, **options)

    async def send_dtmf(self, digits: str) -> None:
        """Press keys towards the channel."""
        await self._post("dtmf", dtmf=digits)


class Bridge(_Handle):
    """A bridge."""

    kind = "bridges"

    async def get(self) -> BridgeData:
        """What Asterisk knows of it."""
        return msgspec.convert(await self._ari.request("GET", self._path), BridgeData)

    async def add(self, *channel_ids: str) -> None:
        """Put channels in."""
        await self._post("addChannel", channel=",".join(channel_ids))

    async def remove(self, *channel_ids: str) -> None:
        """Take channels out; they stay in the application."""
        await self._post("removeChannel", channel=",".join(channel_ids))

    async def destroy(self) -> None:
        """Take it down; its channels stay in the application."""
        await self._delete()

    async def play(self, media: Sequence[str], playback_id: str) -> Playback:
        """Play to everyone in it."""
        await self._ari.request("POST", f"{self._path}/play/{segment(playback_id)}", query={"media": ",".join(media)})
        return Playback(self._ari, playback_id)

    async def record(self, name: str, audio_format: str) -> None:
        """Record what everyone in it hears, until ``Ari.stop_recording``; a recording of that name is replaced."""
        await self._post("record", name=name, format=audio_format, ifExists="overwrite")

    async def moh_start(self, music_class: str) -> None:
        """Play music to everyone in it."""
        await self._post("moh", mohClass=music_class)

    async def moh_stop(self) -> None:
        """Stop the music."""
        await self._delete("moh")
