"""One call of one phone, from its INVITE to its end: what a test waits for, what it does, and the dialog behind it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from tests.parts import sip
from tests.parts.rtp import Samples, Voice
from tests.parts.sip import Message

if TYPE_CHECKING:
    from tests.parts.softphone import Phone

HOST = "127.0.0.1"


class PhoneCall:
    """One call of one phone, from its INVITE to its end."""

    def __init__(self, phone: Phone, *, call_id: str, local: str, remote: str, target: str, outgoing: bool) -> None:
        self.phone = phone
        self.call_id, self.local, self.remote, self.target, self.outgoing = call_id, local, remote, target, outgoing
        self.invite: Message | None = None
        self.voice = Voice()
        self.began_ms = time.time() * 1000
        self.ringing_ms = self.answered_ms = self.ended_ms = 0.0
        self.ended_by_us = False
        self.status = 0
        """Last status of the INVITE, ours or theirs."""
        self.reason = ""
        """The Reason header of whatever ended it, if any."""
        self.notified: list[str] = []
        """Bodies of NOTIFYs (progress of a REFER)."""
        self._cseq = 1
        self._sdp_version = 1
        self._ringing, self._answered, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    # What a test waits for

    async def rings(self, timeout_s: float = 5.0) -> None:
        """The other side says that it rings (180 or 183)."""
        await self._until(self._ringing, timeout_s, "ring")

    async def answered(self, timeout_s: float = 10.0) -> None:
        """It is answered; AssertionError when it ends instead."""
        await self._until(self._answered, timeout_s, "be answered")

    async def ended(self, timeout_s: float = 10.0) -> int:
        """It is over: returns the last status (200 after a BYE, 486, 487, 603 …)."""
        async with asyncio.timeout(timeout_s):
            await self._ended.wait()
        return self.status

    @property
    def is_over(self) -> bool:
        return self._ended.is_set()

    @property
    def is_answered(self) -> bool:
        return self._answered.is_set()

    async def hears(self, what: str, sounds: object, timeout_s: float = 10.0, since: float = 0.0) -> float:
        """Wait until ``sounds(samples)`` is true for what was heard since; returns the moment."""
        assert callable(sounds)
        deadline = time.monotonic() + timeout_s
        while not sounds(self.voice.ear.heard(since)):
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{self.phone.number} did not hear {what} within {timeout_s} s")
            with contextlib.suppress(TimeoutError):
                await self.voice.ear.news(min(left, 0.2))
            await asyncio.sleep(min(0.05, left))
        return time.monotonic()

    async def _until(self, event: asyncio.Event, timeout_s: float, what: str) -> None:
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._ended.wait())]  # noqa: TID251
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not event.is_set():
            why = f"it ended with {self.status} {self.reason}" if self.is_over else f"nothing came in {timeout_s} s"
            raise AssertionError(f"the call of {self.phone.number} should {what}: {why}\n{self.phone.story()}")

    # What a test does

    def say(self, samples: Samples) -> None:
        self.voice.say(samples)

    async def press(self, keys: str) -> None:
        """Keys as RFC 4733 events."""
        await self.voice.press(keys, timeout_s=5.0 + len(keys))

    async def press_by_info(self, key: str) -> None:
        """A key as SIP INFO, as old phones send it."""
        await self._request("INFO", body=f"Signal={key}\r\nDuration=160\r\n", content_type="application/dtmf-relay")

    async def answer(self) -> None:
        """Pick up; returns when the other side has acknowledged."""
        assert self.invite is not None and not self.outgoing
        self._listen_to(self.invite.body)
        self.status = 200
        self._reply(self.invite, 200, "OK", body=self._sdp())
        await self._until(self._answered, 3.0, "be acknowledged")

    async def decline(self, status: int = 603, text: str = "Decline") -> None:
        """Refuse with any final status; 486 is busy, 480 not available, 603 declined."""
        assert self.invite is not None and not self.outgoing
        self.status, self.ended_by_us = status, True
        self._reply(self.invite, status, text)
        async with asyncio.timeout(3.0):
            await self._ended.wait()

    async def hang_up(self) -> None:
        """End it from this side, whatever its state; returns when the other side has agreed."""
        if self.is_over:
            return
        self.ended_by_us = True
        if self.is_answered:
            self._over()
            await self._request("BYE")
        elif self.outgoing:
            await self.phone.cancel(self)
            async with asyncio.timeout(3.0):
                await self._ended.wait()
        else:
            await self.decline()

    async def vanish(self) -> None:
        """Be gone without a word: no BYE, no audio, no answer to anything."""
        self.phone.deaf = True
        self._over()
        await self.voice.close()

    async def hold(self) -> None:
        """re-INVITE with sendonly."""
        await self._reinvite("sendonly")

    async def retrieve(self) -> None:
        """re-INVITE with sendrecv."""
        await self._reinvite("sendrecv")

    async def refer(self, to: str) -> Message:
        """Transfer the other side to a number or a full URI; returns the answer to REFER."""
        uri = to if to.startswith("sip:") else f"sip:{to}@{self.phone.server[0]}:{self.phone.server[1]}"
        return await self._request("REFER", extra=[("Refer-To", f"<{uri}>"), ("Referred-By", f"<{self.phone.uri}>")])

    async def _reinvite(self, direction: str) -> None:
        self._sdp_version += 1
        answer = await self._request("INVITE", body=self._sdp(direction), content_type="application/sdp")
        assert answer.status == 200, answer.start
        self._listen_to(answer.body)

    # The dialog

    def _sdp(self, direction: str = "sendrecv") -> str:
        return sip.write_sdp(HOST, self.voice.port, direction, self._sdp_version)

    def _listen_to(self, body: str) -> None:
        if not body:
            return
        media = sip.read_sdp(body)
        self.voice.target = (media.host, media.port)
        self.voice.payload_type, self.voice.dtmf_type = media.payload_type, media.dtmf_type or 101

    def _reply(self, request: Message, status: int, text: str, body: str = "") -> None:
        self.phone.reply(request, status, text, to_tag=sip.tag_of(self.local), body=body)

    async def _request(self, method: str, *, body: str = "", content_type: str = "", extra: list[tuple[str, str]] | None = None) -> Message:
        self._cseq += 1
        headers = [
            ("From", self.local), ("To", self.remote), ("Call-ID", self.call_id), ("CSeq", f"{self._cseq} {method}"),
            ("Contact", f"<{self.phone.uri}>"), ("Max-Forwards", "70"), *(extra or []),
            *([("Content-Type", content_type)] if content_type else []),
        ]  # fmt: skip
        answer = await self.phone.request(Message(f"{method} {self.target} SIP/2.0", headers, body))
        if method == "INVITE" and answer.status == 200:
            self.phone.acknowledge(self, answer)
        return answer

    def on_answer(self, answer: Message) -> None:
        """A response to our first INVITE."""
        self.status = answer.status
        if answer.status in (180, 183):
            self.ringing_ms = self.ringing_ms or time.time() * 1000
            self._ringing.set()
        if answer.body and answer.status < 300:
            self._listen_to(answer.body)
        if 200 <= answer.status < 300:
            self.remote, self.target = answer["To"], sip.uri_of(answer["Contact"]) or self.target
            self._up()
        elif answer.status >= 300:
            self.reason = answer["Reason"]
            self._over()

    def on_request(self, request: Message) -> None:
        """A request inside this call's dialog."""
        match request.method:
            case "ACK":
                if not self.is_over and 200 <= self.status < 300:
                    self._up()
                elif self.status >= 300:
                    self._over()
            case "CANCEL" | "BYE":
                self.reason = request["Reason"]
                self._reply(request, 200, "OK")
                if request.method == "CANCEL" and not self.is_answered and self.invite is not None:
                    self._reply(self.invite, 487, "Request Terminated")
                self.status = 487 if request.method == "CANCEL" else 200
                self._over()
            case "INVITE" | "UPDATE":
                self._listen_to(request.body)
                self.remote = request["From"] if not self.outgoing else self.remote
                self._reply(request, 200, "OK", body=self._sdp() if request.body or request.method == "INVITE" else "")
            case _:
                if request.method == "NOTIFY":
                    self.notified.append(request.body)
                self._reply(request, 200, "OK")

    def _up(self) -> None:
        if not self._answered.is_set():
            self.answered_ms = time.time() * 1000
            self.voice.start(self.phone.tasks.start(self.voice.speak(), "voice"))
            self._answered.set()

    def _over(self) -> None:
        if not self._ended.is_set():
            self.ended_ms = time.time() * 1000
            self._ended.set()
