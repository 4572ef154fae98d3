"""A phone that does what a test tells it, at the exact moment: registers, calls, rings, answers, declines, holds, transfers.

    async with Phone("1001", server=centre.sip, password=…) as agent, Phone("13800138000", server=centre.trunk) as caller:
        call = await caller.dial("4001")
        ringing = await agent.rings()
        await ringing.answer()
        await call.answered()

Each phone has one UDP port and each of its calls one RTP port, all on 127.0.0.1. Every wait has a limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Self

from callcenter.basics.tasks import Tasks
from tests.parts import sip
from tests.parts.rtp import Samples, Voice
from tests.parts.sip import Message

T1_S = 0.5
"""First retransmission over UDP; it doubles each time."""
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
        await asyncio.wait_for(self._ended.wait(), timeout_s)
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
        await asyncio.wait_for(self._ended.wait(), 3.0)

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
            await asyncio.wait_for(self._ended.wait(), 3.0)
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


class Phone(asyncio.DatagramProtocol):
    """One telephone. With a password it registers at ``server``; without, it is somebody at the provider's side."""

    def __init__(self, number: str, *, server: tuple[str, int], password: str | None = None, display_name: str = "") -> None:
        self.number, self.server, self.password, self.display_name = number, server, password, display_name
        self.deaf = False
        """True: whatever arrives is ignored, as if the network were cut."""
        self.tasks = Tasks(f"phone {number}")
        self.calls: list[PhoneCall] = []
        self.trace: list[tuple[float, str, str]] = []
        """(moment, "in" or "out", first line)"""
        self.port = 0
        self.contact = ""
        """Register this URI instead of our own: another phone (a SIPp) takes the calls."""
        self._arrived: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._pending: dict[tuple[str, str], asyncio.Queue[Message]] = {}
        self._replied: dict[tuple[str, str], bytes] = {}
        self._acks: dict[str, bytes] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._register_cseq = 0
        self._register_id = sip.new_tag()
        self._tag = sip.new_tag()

    @property
    def uri(self) -> str:
        return f"sip:{self.number}@{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        if self.password is not None:
            await self.register()
        return self

    async def __aexit__(self, *_: object) -> None:
        for call in self.calls:
            with contextlib.suppress(TimeoutError, AssertionError):
                if not self.deaf:
                    await call.hang_up()
            await call.voice.close()
        if self.password is not None and not self.deaf:
            with contextlib.suppress(TimeoutError, AssertionError):
                await self.register(expires_s=0)
        await self.tasks.close()
        if self._transport is not None:
            self._transport.close()

    # What a test does

    async def register(self, expires_s: int = 300) -> None:
        """Register, or with 0 take the registration back; AssertionError when refused."""
        answer = await self._register(expires_s, None)
        if answer.status == 401:
            answer = await self._register(expires_s, answer["WWW-Authenticate"])
        assert answer.status == 200, f"{self.number} can't register: {answer.start}"

    async def try_register(self) -> int:
        """Register and return the final status."""
        answer = await self._register(300, None)
        if answer.status == 401:
            answer = await self._register(300, answer["WWW-Authenticate"])
        return answer.status

    async def dial(self, user: str, *, from_value: str | None = None, extra: list[tuple[str, str]] | None = None) -> PhoneCall:
        """Call ``user`` at the server. ``from_value`` replaces the whole From value, to be as odd as a test needs."""
        name = f'"{self.display_name}" ' if self.display_name else ""
        local = (from_value or f"{name}<sip:{self.number}@{HOST}>") + f";tag={sip.new_tag()}"
        target = f"sip:{user}@{self.server[0]}:{self.server[1]}"
        call = PhoneCall(self, call_id=sip.new_tag(), local=local, remote=f"<{target}>", target=target, outgoing=True)
        await call.voice.open()
        self.calls.append(call)
        self.tasks.start(self._carry(call, extra or []), "invite")
        return call

    async def rings(self, timeout_s: float = 10.0) -> PhoneCall:
        """The next call that arrives here (180 is sent by itself)."""
        try:
            return await asyncio.wait_for(self._arrived.get(), timeout_s)
        except TimeoutError:
            raise AssertionError(f"{self.number} should ring: nothing came in {timeout_s} s\n{self.story()}") from None

    async def stays_quiet(self, for_s: float) -> None:
        """Nothing rings here for so long."""
        with contextlib.suppress(TimeoutError):
            call = await asyncio.wait_for(self._arrived.get(), for_s)
            raise AssertionError(f"{self.number} rings: {call.invite['From'] if call.invite else ''}")

    def story(self) -> str:
        """What went over the wire, for a failed test."""
        began = self.trace[0][0] if self.trace else 0.0
        return "\n".join(f"{moment - began:8.3f} {way:3} {line}" for moment, way, line in self.trace[-40:])

    # Transactions

    async def request(self, message: Message, branch: str = "") -> Message:
        """Send a request, again and again until its final response arrives."""
        branch = branch or sip.new_branch()
        key = (branch, message.method)
        message.headers.insert(0, ("Via", f"SIP/2.0/UDP {HOST}:{self.port};branch={branch};rport"))
        answers = self._pending[key] = asyncio.Queue()
        data, wait_s, until = message.to_bytes(), T1_S, time.monotonic() + 8.0
        self._send(data)
        try:
            while time.monotonic() < until:
                try:
                    answer = await asyncio.wait_for(answers.get(), wait_s)
                except TimeoutError:
                    wait_s *= 2
                    self._send(data)
                    continue
                if answer.status >= 200:
                    return answer
            raise TimeoutError(f"no answer to {message.start}")
        finally:
            del self._pending[key]

    def reply(self, request: Message, status: int, text: str, *, to_tag: str, body: str = "") -> None:
        """Answer a request; a retransmission of it gets the same answer again."""
        to = request["To"] if sip.tag_of(request["To"]) else f"{request['To']};tag={to_tag}"
        headers = [
            *[("Via", via) for via in request.all("Via")], *[("Record-Route", route) for route in request.all("Record-Route")],
            ("From", request["From"]), ("To", to), ("Call-ID", request["Call-ID"]), ("CSeq", request["CSeq"]),
            ("Contact", f"<{self.uri}>"), ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, NOTIFY, REFER"),
            *([("Content-Type", "application/sdp")] if body else []),
        ]  # fmt: skip
        data = Message(f"SIP/2.0 {status} {text}", headers, body).to_bytes()
        self._replied[(request.branch, request.method)] = data
        self._send(data)
        if request.method == "INVITE" and status >= 200:
            self.tasks.start(self._repeat_until_acknowledged(request, data), "repeat")

    async def _repeat_until_acknowledged(self, request: Message, data: bytes) -> None:
        for wait_s in (T1_S, 1.0, 2.0, 4.0):
            await asyncio.sleep(wait_s)
            call = self._call_of(request)
            if call is None or call.is_over or call.is_answered:
                return
            self._send(data)

    def acknowledge(self, call: PhoneCall, answer: Message) -> None:
        """ACK a 2xx."""
        headers = [
            ("Via", f"SIP/2.0/UDP {HOST}:{self.port};branch={sip.new_branch()};rport"), ("From", call.local), ("To", answer["To"]),
            ("Call-ID", call.call_id), ("CSeq", f"{answer.cseq} ACK"), ("Max-Forwards", "70"),
        ]  # fmt: skip
        data = Message(f"ACK {sip.uri_of(answer['Contact']) or call.target} SIP/2.0", headers).to_bytes()
        self._acks[f"{call.call_id} {answer.cseq}"] = data
        self._send(data)

    async def cancel(self, call: PhoneCall) -> None:
        """CANCEL an INVITE that has no final response yet."""
        assert call.invite is not None
        headers = [(n, v) for n, v in call.invite.headers if n in ("From", "To", "Call-ID", "Max-Forwards")]
        headers.append(("CSeq", f"{call.invite.cseq} CANCEL"))
        await self.request(Message(f"CANCEL {call.target} SIP/2.0", headers), branch=call.invite.branch)

    async def _register(self, expires_s: int, challenge: str | None) -> Message:
        self._register_cseq += 1
        uri = f"sip:{self.server[0]}:{self.server[1]}"
        headers = [
            ("From", f"<sip:{self.number}@{self.server[0]}>;tag={self._tag}"), ("To", f"<sip:{self.number}@{self.server[0]}>"),
            ("Call-ID", self._register_id), ("CSeq", f"{self._register_cseq} REGISTER"), ("Contact", f"<{self.contact or self.uri}>"),
            ("Expires", str(expires_s)), ("Max-Forwards", "70"),
        ]  # fmt: skip
        if challenge:
            signed = sip.authorization(challenge, user=self.number, password=self.password or "", method="REGISTER", uri=uri)
            headers.append(("Authorization", signed))
        return await self.request(Message(f"REGISTER {uri} SIP/2.0", headers))

    async def _carry(self, call: PhoneCall, extra: list[tuple[str, str]]) -> None:
        """Send the INVITE, with a second one when challenged; hand each response to the call."""
        signed: list[tuple[str, str]] = []
        for cseq in (1, 2):
            branch = sip.new_branch()
            headers = [
                ("From", call.local), ("To", call.remote), ("Call-ID", call.call_id), ("CSeq", f"{cseq} INVITE"),
                ("Contact", f"<{self.uri}>"), ("Max-Forwards", "70"), ("Content-Type", "application/sdp"), *extra, *signed,
            ]  # fmt: skip
            invite = Message(f"INVITE {call.target} SIP/2.0", headers, call._sdp())
            call.invite, call._cseq = invite, cseq
            answer = await self._invite(call, invite, branch)
            if answer is None or answer.status not in (401, 407) or cseq == 2 or self.password is None:
                break
            kind = "WWW-Authenticate" if answer.status == 401 else "Proxy-Authenticate"
            value = sip.authorization(answer[kind], user=self.number, password=self.password, method="INVITE", uri=call.target)
            signed = [("Authorization" if answer.status == 401 else "Proxy-Authorization", value)]
        if answer is None:
            call.status = 408
            call._over()
        else:
            call.on_answer(answer)

    async def _invite(self, call: PhoneCall, invite: Message, branch: str) -> Message | None:
        """One INVITE transaction up to its final response, acknowledged; None when nothing at all came."""
        invite.headers.insert(0, ("Via", f"SIP/2.0/UDP {HOST}:{self.port};branch={branch};rport"))
        answers = self._pending[(branch, "INVITE")] = asyncio.Queue()
        data, wait_s, heard = invite.to_bytes(), T1_S, False
        self._send(data)
        while True:
            try:
                answer = await asyncio.wait_for(answers.get(), None if heard else wait_s)
            except TimeoutError:
                wait_s *= 2
                if wait_s > 8:
                    return None
                self._send(data)
                continue
            heard = True
            if answer.status < 200:
                call.on_answer(answer)
                continue
            if answer.status < 300:
                self.acknowledge(call, answer)
            else:
                self._acknowledge_refusal(call, invite, answer)
            return answer

    def _acknowledge_refusal(self, call: PhoneCall, invite: Message, answer: Message) -> None:
        headers = [
            invite.headers[0], ("From", call.local), ("To", answer["To"]), ("Call-ID", call.call_id),
            ("CSeq", f"{answer.cseq} ACK"), ("Max-Forwards", "70"),
        ]  # fmt: skip
        data = Message(f"ACK {call.target} SIP/2.0", headers).to_bytes()
        self._acks[f"{call.call_id} {answer.cseq}"] = data
        self._send(data)

    # The wire

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing() and not self.deaf:
            self.trace.append((time.monotonic(), "out", data[:200].split(b"\r\n")[0].decode("utf-8", "replace")))
            self._transport.sendto(data, self.server)

    def _call_of(self, message: Message) -> PhoneCall | None:
        return next((call for call in self.calls if call.call_id == message["Call-ID"]), None)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens at the server's port now: retransmission deals with it."""

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        if self.deaf or (message := sip.read(data)) is None:
            return
        self.trace.append((time.monotonic(), "in", message.start))
        if not message.is_request:
            self._on_response(message)
        elif message.method != "ACK" and (message.branch, message.method) in self._replied:
            self._send(self._replied[(message.branch, message.method)])
        else:
            self._on_request(message)

    def _on_response(self, message: Message) -> None:
        if (waiting := self._pending.get((message.branch, message.method))) is not None:
            waiting.put_nowait(message)
        if message.method == "INVITE" and (ack := self._acks.get(f"{message['Call-ID']} {message.cseq}")) and message.status >= 200:
            self._send(ack)

    def _on_request(self, message: Message) -> None:
        call = self._call_of(message)
        if call is not None:
            call.on_request(message)
        elif message.method == "INVITE":
            self.tasks.start(self._ring(message), "ring")
        elif message.method in ("OPTIONS", "NOTIFY", "MESSAGE"):
            self.reply(message, 200, "OK", to_tag=self._tag)
        elif message.method != "ACK":
            self.reply(message, 481, "Call/Transaction Does Not Exist", to_tag=self._tag)

    async def _ring(self, invite: Message) -> None:
        local = f"{invite['To']};tag={sip.new_tag()}"
        call = PhoneCall(
            self, call_id=invite["Call-ID"], local=local, remote=invite["From"], target=sip.uri_of(invite["Contact"]), outgoing=False
        )
        call.invite = invite
        self.calls.append(call)
        self.reply(invite, 180, "Ringing", to_tag=sip.tag_of(local))
        await call.voice.open()
        self._arrived.put_nowait(call)


@dataclass(frozen=True)
class Habit:
    """What an unattended phone does with each call: after ``ring_s`` answer (200) or refuse with ``status``."""

    status: int = 200
    ring_s: float = 0.0
    talk_s: float | None = None


async def attend(phone: Phone, habit: Habit) -> None:
    """Deal with every call that arrives by the same habit, until cancelled."""
    while True:
        call = await phone._arrived.get()
        await asyncio.sleep(habit.ring_s)
        if call.is_over:
            continue
        if habit.status != 200:
            await call.decline(habit.status, "By Habit")
            continue
        await call.answer()
        if habit.talk_s is not None:
            await asyncio.sleep(habit.talk_s)
            await call.hang_up()
