"""A real Asterisk with the rendered configuration, in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import aiohttp
import numpy as np

from callcenter.asterisk.render import CentreFacts, FallbackQueue, Phone, Trunk, prepare_folders, reloads, render
from callcenter.basics.vocabulary import Language
from tests.parts.centre import asterisk_root
from tests.parts.ports import free_port, rtp_range
from tests.parts.rtp import RATE
from tests.parts.waiting import until

PROMPTS = {"please-wait": 500, "leave-message": 700, "message-taken": 900, "no-service": 1100}
"""Each stands in for a prompt, by a tone of its own (Hz)."""
ROOT = Path(asterisk_root()["ASTERISK_ROOT"])
ARI_PASSWORD, AMI_PASSWORD = "ari-secret-for-tests", "ami-secret-for-tests"


def example_facts(folder: Path, **changed: Any) -> CentreFacts:
    """A small centre: agents 1001–1003, one provider, two queues."""
    first, last = rtp_range()
    values: dict[str, Any] = {
        "module_dir": ROOT / "usr/lib/x86_64-linux-gnu/asterisk/modules",
        "data_dir": ROOT / "usr/share/asterisk",
        "asterisk_dir": folder,
        "prompts_dir": folder / "prompts",
        "music_dir": folder / "prompts" / "music",
        "voicemail_dir": folder / "voicemail",
        "witness_file": folder / "log" / "cel-custom" / "witness.csv",
        "cdr_file": folder / "log" / "cdr-custom" / "calls.csv",
        "sip_host": "127.0.0.1",
        "sip_port": 5060,
        "http_port": 8088,
        "ami_port": 5038,
        "rtp_start": first,
        "rtp_end": last,
        "ari_user": "callcenter",
        "ari_password": ARI_PASSWORD,
        "ami_user": "callcenter",
        "ami_password": AMI_PASSWORD,
        "language": Language.ZH,
        "phones": tuple(Phone(number=number, name=f"客服 {number}", sip_password=f"phone-{number}") for number in ("1001", "1002", "1003")),
        "trunks": (Trunk(name="main", host="127.0.0.1", port=5070, peers=("127.0.0.1/32",), send_to="127.0.0.1", send_to_port=5080),),
        "queues": (
            FallbackQueue(name="sales", members=("1001", "1002"), numbers=("4000", "4001")),
            FallbackQueue(name="support", members=("1003",), numbers=("4002",)),
        ),
    }
    return CentreFacts(**{**values, **changed})


class PrivateAsterisk:
    """Asterisk as the supervisor would run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.etc = folder / "etc"
        facts = example_facts(folder, sip_port=free_port(), http_port=free_port(), ami_port=free_port())
        self.facts = dataclasses.replace(facts, trunks=(dataclasses.replace(facts.trunks[0], port=free_port()),))
        self.started_in_s = 0.0
        self.pid = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def agents_at(self) -> tuple[str, int]:
        return "127.0.0.1", self.facts.sip_port

    @property
    def trunk_at(self) -> tuple[str, int]:
        return "127.0.0.1", self.facts.trunks[0].port

    async def __aenter__(self) -> Self:
        prepare_folders(self.facts)
        render(self.etc, self.facts)
        for name, hertz in PROMPTS.items():
            write_tone(self.facts.prompts_dir / "zh" / "fallback" / f"{name}.wav", hertz)
        write_tone(self.facts.music_dir / "one.wav", 350, 3.0)
        began = time.monotonic()
        library = ROOT / "usr/lib/x86_64-linux-gnu"
        with (self.folder / "out.log").open("wb") as out:
            self._process = await asyncio.create_subprocess_exec(
                str(ROOT / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(library), str(ROOT / "usr/sbin/asterisk"),
                "-f", "-C", str(self.etc / "asterisk.conf"), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        self.pid = self._process.pid
        await until("Asterisk Ready", lambda: "Asterisk Ready" in self.output(), 20, 0.01)
        self.started_in_s = time.monotonic() - began
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise AssertionError("Asterisk did not end within 10 s") from None

    async def die(self) -> None:
        """End without a word, as by kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    def output(self) -> str:
        return (self.folder / "out.log").read_text(errors="replace")

    def complaints(self) -> list[str]:
        """What it logged as WARNING or ERROR."""
        log = self.folder / "log" / "messages.log"
        told = [line for line in log.read_text(errors="replace").splitlines() if "WARNING[" in line or "ERROR[" in line]
        # pjproject's own remark about Asterisk's order of loading; comes now and then on a busy machine.
        return [line for line in told if "registered during operation" not in line]

    async def console(self, command: str) -> str:
        """What Asterisk's console says to a command."""
        library = ROOT / "usr/lib/x86_64-linux-gnu"
        process = await asyncio.create_subprocess_exec(
            str(ROOT / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(library), str(ROOT / "usr/sbin/asterisk"),
            "-C", str(self.etc / "asterisk.conf"), "-rx", command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(), 10)
        return out.decode(errors="replace")

    async def ari(self, method: str, path: str, **query: str) -> Any:
        """One ARI request over HTTP; AssertionError when it is refused."""
        url = f"http://127.0.0.1:{self.facts.http_port}/ari{path}"
        async with aiohttp.ClientSession(headers=signed_in(ARI_PASSWORD)) as http, http.request(method, url, params=query) as answer:
            text = await answer.text()
            assert answer.status < 300, f"{method} {path}: {answer.status} {text}"
            return json.loads(text) if text else None

    async def set_global(self, name: str, value: str) -> None:
        await self.ari("POST", "/asterisk/variable", variable=name, value=value)

    async def change(self, facts: CentreFacts) -> set[str]:
        """Render anew and reload what that asks for, over AMI as the service does."""
        self.facts = facts
        changed = render(self.etc, facts)
        async with Manager(facts.ami_port) as manager:
            for module in reloads(changed):
                assert (await manager.action("Reload", Module=module))["Response"] == "Success"
        return changed


def signed_in(password: str) -> dict[str, str]:
    """The header that says who asks."""
    return {"Authorization": aiohttp.encode_basic_auth("callcenter", password)}


def write_tone(path: Path, hertz: float, seconds: float = 0.6) -> None:
    """A prompt: 8 kHz 16-bit mono."""
    import wave

    path.parent.mkdir(parents=True, exist_ok=True)
    moments = np.arange(int(RATE * seconds)) / RATE
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((8000 * np.sin(2 * np.pi * hertz * moments)).astype("<i2").tobytes())


class StasisApp:
    """A service that is there: what ``arrived`` is each channel's arguments, by channel id."""

    def __init__(self, asterisk: PrivateAsterisk, name: str = "cc-test-1") -> None:
        self.asterisk, self.name = asterisk, name
        self.events: list[dict[str, Any]] = []
        self._stack = contextlib.AsyncExitStack()
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        http = await self._stack.enter_async_context(aiohttp.ClientSession(headers=signed_in(ARI_PASSWORD)))
        self._socket = await self._stack.enter_async_context(
            http.ws_connect(f"ws://127.0.0.1:{self.asterisk.facts.http_port}/ari/events", params={"app": self.name})
        )
        self._reader = asyncio.get_running_loop().create_task(self._read())
        await self.asterisk.set_global("CC_APP", self.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._stack.aclose()

    async def _read(self) -> None:
        async for message in self._socket:
            self.events.append(json.loads(message.data))

    async def arrival(self, count: int = 1) -> dict[str, Any]:
        """The ``count``-th StasisStart."""

        def found() -> dict[str, Any] | None:
            starts = [event for event in self.events if event["type"] == "StasisStart"]
            return starts[count - 1] if len(starts) >= count else None

        event = await until(f"StasisStart number {count}", found, 15)
        assert event is not None
        return event


class Manager:
    """Just enough AMI to see what our user may do."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        await self._reader.readline()
        answer = await self.action("Login", Username="callcenter", Secret=AMI_PASSWORD)
        assert answer["Response"] == "Success", answer
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def action(self, name: str, **fields: str) -> dict[str, str]:
        """Send an action; its response."""
        lines = [f"Action: {name}", "ActionID: it", *(f"{key}: {value}" for key, value in fields.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        while True:
            block = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 10)
            message = dict(line.split(": ", 1) for line in block.decode(errors="replace").strip().split("\r\n") if ": " in line)
            if message.get("ActionID") == "it" and "Response" in message:
                return message


def raw_request(
    target: tuple[str, int], uri: str, *, user: str, source: str = "127.0.0.1", method: str = "INVITE"
) -> Callable[[], Awaitable[int]]:
    """A single SIP request from any loopback address: call it for the first final status, 0 when there is no answer at all."""

    async def ask() -> int:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[bytes] = asyncio.Queue()

        class Ear(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                arrived.put_nowait(data)

        transport, _ = await loop.create_datagram_endpoint(Ear, local_addr=(source, 0))
        here = "{}:{}".format(*transport.get_extra_info("sockname")[:2])
        token = os.urandom(6).hex()
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 {source}\r\ns=-\r\nc=IN IP4 {source}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n" if method == "INVITE" else ""
        )
        head = (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{token};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{user}@127.0.0.1>;tag=t{token}\r\nTo: <{uri}>\r\nCall-ID: {token}\r\n"
            f"CSeq: 1 {method}\r\nContact: <sip:x@{here}>\r\n"
            + ("Content-Type: application/sdp\r\n" if sdp else "")
            + f"Content-Length: {len(sdp)}\r\n\r\n{sdp}"
        )
        transport.sendto(head.encode(), target)
        try:
            while True:
                status = int((await asyncio.wait_for(arrived.get(), 2)).split(b" ", 2)[1])
                if status >= 200:
                    return status
        except TimeoutError:
            return 0
        finally:
            transport.close()

    return ask
