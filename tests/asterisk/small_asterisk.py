# ruff: noqa: E501
"""The smallest real Asterisk that ARI and AMI can be tried on: no phones, Local channels only."""

from __future__ import annotations

import array
import asyncio
import contextlib
import math
import os
import signal
import socket
import subprocess
import wave
from pathlib import Path
from typing import Self

from callcenter.asterisk import Ari, AriLimits
from callcenter.asterisk.ami import Ami
from callcenter.basics.settings import Settings
from callcenter.embedded import locate
from tests.parts.waiting import until

USER, PASSWORD = "tester", "a-secret-of-the-tests"
_FIRST_PORT, _LAST_PORT = 21500, 21999
_taken: set[int] = set()

_MODULES = [
    "pbx_config",
    "app_dial",
    "app_playback",
    "app_playtones",
    "app_stack",
    "app_stasis",
    "app_senddtmf",
    "func_callerid",
    "func_channel",
    "func_global",
    "func_strings",
    "res_http_websocket",
    "res_websocket_client",
    "res_ari",
    "res_ari_model",
    "res_ari_applications",
    "res_ari_asterisk",
    "res_ari_bridges",
    "res_ari_channels",
    "res_ari_endpoints",
    "res_ari_events",
    "res_ari_playbacks",
    "res_ari_recordings",
    "res_stasis",
    "res_stasis_answer",
    "res_stasis_playback",
    "res_stasis_recording",
    "res_stasis_snoop",
    "app_mixmonitor",
    "bridge_builtin_features",
    "bridge_holding",
    "bridge_simple",
    "bridge_softmix",
    "chan_bridge_media",
    "codec_a_mu",
    "codec_alaw",
    "codec_resample",
    "codec_ulaw",
    "format_pcm",
    "format_sln",
    "format_wav",
    "res_musiconhold",
    "res_timing_timerfd",
    "res_pjproject",
    "res_pjsip",
    "res_sorcery_astdb",
    "res_sorcery_config",
    "res_sorcery_memory",
]

_EXTENSIONS = """
[test]
exten => talk,1,Answer()
 same => n,Playtones(1004)
 same => n,Wait(120)
exten => ring,1,Ringing()
 same => n,Wait(120)
exten => busy,1,Hangup(17)
exten => keys,1,Answer()
 same => n,Wait(0.5)
 same => n,SendDTMF(12)
 same => n,Wait(120)
exten => varsets,1,Answer()
 same => n,Set(i=0)
 same => n,While($[${i} < 20])
 same => n,Set(i=$[${i} + 1])
 same => n,EndWhile()
 same => n,Stasis(${APP})
 same => n,Hangup()
exten => park,1,Answer()
 same => n,Wait(120)
"""


def own_port() -> int:
    """A port that is free now and not handed out before."""
    for port in range(_FIRST_PORT, _LAST_PORT + 1):
        if port in _taken:
            continue
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            _taken.add(port)
            return port
    raise OSError(f"no free port between {_FIRST_PORT} and {_LAST_PORT}")


class SmallAsterisk:
    """It can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = locate.asterisk(Settings())
        self.http_port, self.ami_port, self.closed_port = own_port(), own_port(), own_port()
        self._process: asyncio.subprocess.Process | None = None
        self._write()

    def _write(self) -> None:
        etc, var = self.folder / "etc", self.folder / "var"
        for folder in (etc, var / "log", var / "spool/recording", var / "spool/monitor", var / "run", var / "lib", self.folder / "moh"):
            folder.mkdir(parents=True)
        guard = "deny = 0.0.0.0/0.0.0.0\npermit = 127.0.0.1/255.255.255.255\n"
        files = {
            "asterisk.conf": f"[directories]\nastetcdir => {etc}\nastmoddir => {self.place.module_dir}\nastdatadir => {self.place.data_dir}\n"
            f"astvarlibdir => {var}/lib\nastdbdir => {var}/lib\nastkeydir => {var}/lib\nastspooldir => {var}/spool\n"
            f"astrundir => {var}/run\nastlogdir => {var}/log\n[options]\nnocolor = yes\nlive_dangerously = no\n",
            "modules.conf": "[modules]\nautoload = no\n" + "".join(f"load = {name}.so\n" for name in _MODULES),
            "logger.conf": "[logfiles]\nconsole => warning,error\n",
            "http.conf": f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {self.http_port}\nenable_static = no\n"
            "enable_status = no\nsessionlimit = 200\n",
            "ari.conf": "[general]\nenabled = yes\nwebsocket_write_timeout = 5000\n"
            f"[{USER}]\ntype = user\npassword_format = plain\npassword = {PASSWORD}\n{guard}",
            "manager.conf": f"[general]\nenabled = yes\nwebenabled = no\nbindaddr = 127.0.0.1\nport = {self.ami_port}\n"
            f"[{USER}]\nsecret = {PASSWORD}\n{guard}writetimeout = 5000\nread = all\nwrite = system,call,reporting,user\n",
            "musiconhold.conf": f"[default]\nmode = files\ndirectory = {self.folder}/moh\n",
            "extensions.conf": _EXTENSIONS,
            "pjsip.conf": "[1001]\ntype = aor\ncontact = sip:1001@127.0.0.1:9\nqualify_frequency = 0\n"
            f"[1002]\ntype = aor\ncontact = sip:1002@127.0.0.1:{self.closed_port}\nqualify_frequency = 1\nqualify_timeout = 0.5\n"
            "[1003]\ntype = aor\nmax_contacts = 1\n",
        }
        for name, text in files.items():
            (etc / name).write_text(text)
        write_tone(self.tone.with_suffix(".wav"), 0.4)
        write_tone(self.folder / "moh" / "one.wav", 2.0)

    @property
    def tone(self) -> Path:
        """A short sound, without its extension, as Asterisk wants it."""
        return self.folder / "tone"

    def command(self, *arguments: str) -> list[str]:
        return [*self.place.program, "-C", str(self.folder / "etc/asterisk.conf"), *arguments]

    async def start(self) -> None:
        log = self.folder / "out.log"
        log.write_bytes(b"")
        with log.open("wb") as out:
            self._process = await asyncio.create_subprocess_exec(
                *self.command("-f"), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        await until("Asterisk Ready", lambda: "Asterisk Ready" in log.read_text(errors="replace"), 30, 0.02)

    async def kill(self) -> None:
        """End without a word."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it do nothing, its sockets open: the machine is there, the program is not."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    def ari(self, app: str = "app-one", *, port: int | None = None, **options: object) -> Ari:
        """A client of it; ``port`` where it stands behind a proxy."""
        base_url = f"http://127.0.0.1:{port or self.http_port}"
        return Ari(base_url=base_url, user=USER, password=PASSWORD, app=app, **options)  # type: ignore[arg-type]

    def ami(self, port: int | None = None) -> Ami:
        return Ami("127.0.0.1", port or self.ami_port, USER, PASSWORD)


def write_tone(path: Path, seconds: float) -> None:
    """8 kHz 16-bit mono."""
    samples = array.array("h", (int(8000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(int(8000 * seconds))))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())


QUICK = AriLimits(request_s=2.0, connect_s=2.0, heartbeat_s=2.0, first_retry_s=0.05, longest_retry_s=0.3)
