"""What the machine lacks is one clear line; what is made is made once, whole, and for its owner only."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.basics.errors import SetupFailed
from callcenter.basics.secrets import secret
from callcenter.basics.settings import Settings
from callcenter.embedded import locate, machine, ports, sandbox
from tests.parts.ports import free_port, rtp_range

pytestmark = pytest.mark.parts

_PROJECT = Path(__file__).parents[2]


def settings(var: Path, **more: object) -> Settings:
    first, last = rtp_range()
    wanted = {name: free_port() for name in ("console_port", "sip_port", "trunk_port", "asterisk_http_port", "ami_port")}
    return Settings.model_validate({"var_dir": var, "rtp_start": first, "rtp_end": last, **wanted, **more})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("console_port", socket.SOCK_STREAM),
        ("sip_port", socket.SOCK_DGRAM),
        ("sip_port", socket.SOCK_STREAM),
        ("trunk_port", socket.SOCK_DGRAM),
        ("asterisk_http_port", socket.SOCK_STREAM),
        ("ami_port", socket.SOCK_STREAM),
    ],
)
def test_a_port_in_use_names_itself_its_setting_and_its_owner(tmp_path: Path, name: str, kind: socket.SocketKind) -> None:
    centre = settings(tmp_path)
    number: int = getattr(centre, name)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", number))
        if kind is socket.SOCK_STREAM:
            taken.listen(1)
        with pytest.raises(SetupFailed) as told:
            ports.check(centre)
    line = str(told.value)
    assert f"Port {number} " in line
    assert f"CALLCENTER_{name.upper()}" in line
    assert f"process {os.getpid()}" in line
    assert "\n" not in line


def test_free_ports_are_no_fault_and_a_port_may_stand_once_only(tmp_path: Path) -> None:
    ports.check(settings(tmp_path))
    number = free_port()
    with pytest.raises(SetupFailed, match="is also"):
        ports.check(settings(tmp_path, sip_port=number, trunk_port=number))
    with pytest.raises(SetupFailed, match="audio range"):
        ports.check(settings(tmp_path, sip_port=rtp_range()[0] + 2))


def test_an_audio_range_in_use_is_told(tmp_path: Path) -> None:
    first, last = rtp_range()[0], rtp_range()[0] + 7
    taken = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
    try:
        for number, one in zip(range(first, last + 1), taken, strict=True):
            one.bind(("0.0.0.0", number))
        with pytest.raises(SetupFailed, match="audio range"):
            ports.check(settings(tmp_path, rtp_start=first, rtp_end=last))
    finally:
        for one in taken:
            one.close()


def test_the_command_line_tells_a_port_in_use_in_one_line(tmp_path: Path) -> None:
    port = free_port()
    names = {"VAR_DIR": str(tmp_path / "var"), "CONSOLE_PORT": str(port), "CONFIG_FILE": "/none"}
    environment = {**os.environ, **{f"CALLCENTER_{name}": value for name, value in names.items()}}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen(1)
        command = [sys.executable, "-m", "callcenter", "run"]
        ended = subprocess.run(command, cwd=_PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert len(ended.stderr.strip().splitlines()) == 1
    assert f"Port {port} for the console is in use" in ended.stderr


def test_a_setting_that_is_none_is_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "CALLCENTER_SIP_PORT": "many", "CALLCENTER_VAR_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "callcenter", "doctor"]
    ended = subprocess.run(command, cwd=_PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "sip_port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_full_disk_and_a_folder_that_is_a_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match="MB are free"):
        machine.check_space(tmp_path, least_mb=10**9)
    (tmp_path / "var").write_text("")
    with pytest.raises(SetupFailed, match="can't be made"):
        machine.check_folder(tmp_path / "var")


def test_a_folder_too_deep_for_sockets_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match="too long"):
        machine.check_socket_names(settings(tmp_path / ("deep" * 25)))


async def test_a_host_name_that_does_not_resolve_gets_a_sandbox_with_one_that_does() -> None:
    words = await sandbox.name_sandbox("no-such-machine-of-ours.invalid")
    process = await asyncio.create_subprocess_exec(*words, "cat", "/proc/sys/kernel/hostname", stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert said.strip() == b"localhost"
    assert await sandbox.name_sandbox("localhost") == ()


def test_the_asterisk_found_is_new_enough_and_an_empty_root_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match="install-asterisk"):
        locate.asterisk(settings(tmp_path, asterisk_root=tmp_path))
    found = locate.asterisk(Settings(var_dir=tmp_path))
    assert tuple(int(part) for part in found.version.split(".")[:2]) >= locate.LEAST_ASTERISK
    assert (found.module_dir / "res_pjsip.so").exists()
    assert (found.rest_api / "channels.json").exists()


def test_a_secret_is_made_once_and_is_its_owners_only(tmp_path: Path) -> None:
    centre = settings(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: secret(centre, "ari"), range(32)))
    assert len(made) == 1
    value = made.pop()
    assert len(value) == 32
    assert value.replace("-", "").replace("_", "").isalnum()
    assert (centre.secrets_dir / "ari").stat().st_mode & 0o777 == 0o600
    assert centre.secrets_dir.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in centre.secrets_dir.iterdir()] == ["ari"]


def test_an_empty_secret_left_by_a_full_disk_is_made_anew(tmp_path: Path) -> None:
    centre = settings(tmp_path)
    centre.secrets_dir.mkdir(parents=True)
    (centre.secrets_dir / "ari").touch()
    assert len(secret(centre, "ari")) == 32


@given(st.text(max_size=30).filter(lambda text: "/" in text or text.startswith(".") or not text))
def test_a_secrets_name_can_not_leave_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        secret(Settings(var_dir=Path("/nonexistent")), name)
