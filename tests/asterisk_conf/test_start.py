"""The rendered configuration on the real Asterisk: quick, quiet, closed."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest

from tests.asterisk_conf.private_asterisk import AMI_PASSWORD, Manager, PrivateAsterisk, signed_in

pytestmark = pytest.mark.parts

_LISTEN = "0A"


async def test_starts_quickly_and_without_a_complaint(tmp_path: Path) -> None:
    async with PrivateAsterisk(tmp_path) as asterisk:
        assert asterisk.started_in_s < 3
        assert asterisk.complaints() == []


async def test_loads_what_is_listed_and_nothing_else(asterisk: PrivateAsterisk) -> None:
    listed = set(re.findall(r"^load = (\S+)$", (asterisk.etc / "modules.conf").read_text(), re.M))
    shown = set(re.findall(r"^(\w+\.so) .*Running", await asterisk.console("module show"), re.M))
    assert shown == listed


async def test_ari_ami_and_http_listen_on_loopback_only(asterisk: PrivateAsterisk) -> None:
    listening = set()
    inodes = {
        target[8:-1]
        for link in Path(f"/proc/{asterisk.pid}/fd").iterdir()
        if link.is_symlink() and (target := str(link.readlink())).startswith("socket:")
    }
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{asterisk.pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == _LISTEN and columns[9] in inodes:
                host, port = columns[1].split(":")
                listening.add((host, int(port, 16)))
    loopback = "0100007F"
    facts = asterisk.facts
    assert listening == {(loopback, port) for port in (facts.http_port, facts.ami_port, facts.sip_port)}


async def test_nothing_is_told_to_those_who_do_not_sign_in(asterisk: PrivateAsterisk) -> None:
    base = f"http://127.0.0.1:{asterisk.facts.http_port}"
    async with aiohttp.ClientSession() as http:
        for path, wanted in (
            ("/ari/asterisk/info", 401),
            ("/ari/channels", 401),
            ("/httpstatus", 404),
            ("/static/x", 404),
            ("/rawman?action=login", 404),
        ):
            async with http.get(base + path) as answer:
                assert answer.status == wanted, path
        async with http.get(base + "/ari/asterisk/ping", headers=signed_in("wrong-password")) as answer:
            assert answer.status == 401
    assert (await asterisk.ari("GET", "/asterisk/ping"))["ping"] == "pong"


async def test_ami_user_has_what_it_needs_and_no_more(asterisk: PrivateAsterisk) -> None:
    async with Manager(asterisk.facts.ami_port) as manager:
        for name, fields in {
            "Ping": {},
            "Reload": {"Module": "app_queue.so"},
            "PJSIPShowAors": {},
            "CoreShowChannels": {},
        }.items():
            assert (await manager.action(name, **fields))["Response"] == "Success", name
        nobody_registered = await manager.action("PJSIPShowContacts")
        assert nobody_registered["Response"] == "Success" or nobody_registered["Message"] == "No Contacts found"
        for name, fields in {
            "MixMonitor": {"Channel": "PJSIP/none", "File": "x.raw"},
            "MixMonitorMute": {"Channel": "PJSIP/none", "State": "1"},
            "StopMixMonitor": {"Channel": "PJSIP/none"},
        }.items():
            assert "permission" not in (await manager.action(name, **fields))["Message"].lower(), name
        for name, fields in {
            "Originate": {"Channel": "Local/1@from-agent", "Application": "System", "Data": "id"},
            "Command": {"Command": "core show version"},
            "UpdateConfig": {"SrcFilename": "manager.conf", "DstFilename": "manager.conf"},
        }.items():
            answer = await manager.action(name, **fields)
            assert answer["Response"] == "Error" and "permission" in answer["Message"].lower(), (name, answer)


def test_secrets_are_readable_by_their_owner_only(asterisk: PrivateAsterisk) -> None:
    for path in asterisk.etc.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert AMI_PASSWORD in (asterisk.etc / "manager.conf").read_text()


async def test_no_hints_and_no_functions_that_touch_the_machine(asterisk: PrivateAsterisk) -> None:
    assert "no registered dialplan hints" in await asterisk.console("core show hints")
    shown = await asterisk.console("core show functions")
    for function in ("SHELL", "FILE", "CURL", "DB_KEYS", "AST_CONFIG", "ENV"):
        assert not re.search(rf"^\s*{function}\b", shown, re.M), function
    applications = await asterisk.console("core show applications")
    for application in ("System", "TrySystem", "AGI", "ExternalIVR", "Originate", "DISA", "ChanSpy"):
        assert not re.search(rf"^\s*{application}:", applications, re.M), application
