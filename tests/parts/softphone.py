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
from tests.parts.phone_call import HOST, PhoneCall
from tests.parts.sip import Message
from tests.parts.waiting import until

T1_S = 0.5
"""First retransmission over UDP; it doubles each time."""


class Phone(asyncio.DatagramProtocol):
    """One telephone. With a password it registers at ``server``; without, it is somebody at the provider's side."""

    def __init__(self, number: str, *, server: tuple[str, int], password: str | None = None, display_name: str = "", port: int = 0) -> None:
        self.number, self.server, self.password, self.display_name = number, server, password, display_name
        self.deaf = False
        """True: whatever arrives is ignored, as if the network were cut."""
        self.slow_s = 0.0
        """So long it says "Trying" and nothing else before it rings: a mobile phone that has to be woken."""
        self.tasks = Tasks(f"phone {number}")
        self.calls: list[PhoneCall] = []
        self.trace: list[tuple[float, str, str]] = []
        """(moment, "in" or "out", first line)"""
        self.port = port
        """Its UDP port; 0 before it is entered: any free one."""
        self._arrived: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._pending: dict[tuple[str, str], asyncio.Queue[Message]] = {}
        self._replied: dict[tuple[str, str], bytes] = {}
        self._acks: dict[str, bytes] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()
        self._register_cseq = 0
        self._register_id = sip.new_tag()
        self._tag = sip.new_tag()

    @property
    def uri(self) -> str:
        return f"sip:{self.number}@{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, self.port))
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
            await self._closed.wait()

    # What a test does

    def vanish(self) -> None:
        """Its socket closes without a word, as when its cable is pulled: nobody listens at its port any more."""
        self.deaf = True
        if self._transport is not None:
            self._transport.close()

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
            async with asyncio.timeout(timeout_s):
                return await self._arrived.get()
        except TimeoutError:
            raise AssertionError(f"{self.number} should ring: nothing came in {timeout_s} s\n{self.story()}") from None

    async def stays_quiet(self, for_s: float) -> None:
        """Nothing rings here for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                call = await self._arrived.get()
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
                    async with asyncio.timeout(wait_s):
                        answer = await answers.get()
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
            ("Call-ID", self._register_id), ("CSeq", f"{self._register_cseq} REGISTER"), ("Contact", f"<{self.uri}>"),
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
                async with asyncio.timeout(None if heard else wait_s):
                    answer = await answers.get()
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

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

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
        if self.slow_s:
            self.reply(invite, 100, "Trying", to_tag=sip.tag_of(local))
            await asyncio.sleep(self.slow_s)
        self.reply(invite, 180, "Ringing", to_tag=sip.tag_of(local))
        await call.voice.open()
        self._arrived.put_nowait(call)


async def register_for(port: int, server: tuple[str, int], passwords: dict[str, str]) -> None:
    """Register agents at a port that another phone (a SIPp) takes over afterwards; Asterisk has seen that each answers there."""
    async with Phone("", server=server, port=port) as phone:
        for phone.number, phone.password in passwords.items():
            phone._register_id = sip.new_tag()
            await phone.register()

        def asked() -> int:
            return sum(way == "in" and line.startswith("OPTIONS") for _, way, line in phone.trace)

        await until("Asterisk to look whether the phones are there", lambda: asked() >= len(passwords), 10)
        await asyncio.sleep(0.05)
        phone.password = None


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
