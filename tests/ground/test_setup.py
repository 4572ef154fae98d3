"""The set-up scripts: steps tell what they do, stop when told, and go on where they stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.parts.waiting import until

pytestmark = pytest.mark.parts

_SCRIPTS = Path(__file__).parents[2] / "scripts"


def bash(script: str, folder: Path) -> subprocess.Popen[str]:
    told = f"set -euo pipefail; LOGS={folder}/log; . {_SCRIPTS}/progress.sh; {script}"
    # As on a terminal: where the tests run in the background SIGINT is ignored, and a shell can't ask for it back.
    return subprocess.Popen(
        ["env", "--default-signal=INT", "bash", "-c", told],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, cwd=folder,
    )  # fmt: skip


def test_a_long_step_tells_itself_and_a_short_one_is_silent(tmp_path: Path) -> None:
    said = bash("step 'Short work' true; step 'Long work' sleep 1.5", tmp_path).communicate(timeout=20)[0]
    assert "Short work" not in said
    assert "· Long work" in said
    assert "✓ Long work" in said


def test_a_step_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    process = bash("step 'Broken work' bash -c 'echo the reason; exit 7'; echo not reached", tmp_path)
    said = process.communicate(timeout=20)[0]
    assert process.returncode == 7
    assert "the reason" in said
    assert "not reached" not in said


async def test_an_interrupted_step_takes_its_children_along(tmp_path: Path) -> None:
    process = bash("step 'Endless work' bash -c 'sleep 300 & echo $! > child; wait'", tmp_path)
    child = tmp_path / "child"
    await until("the child", lambda: child.exists() and child.read_text().strip())
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=20)[0]
    assert process.returncode == 130
    assert "Interrupted" in said
    await until("a dead child", lambda: not _lives(int(child.read_text())))


def _lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def project(folder: Path) -> Path:
    """A project with the real set-up script, and steps that take no time: what it would install is there already."""
    shutil.copytree(_SCRIPTS, folder / "scripts")
    (folder / "requirements.lock").write_text("")
    (folder / "requirements-dev.lock").write_text("")
    (folder / "scripts" / "install-asterisk").write_text(
        '#!/bin/sh\necho made >> "$1.calls"; mkdir -p "$1/usr/sbin"; cp /bin/true "$1/usr/sbin/asterisk"\n'
    )
    return folder


def setup(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLCENTER_")}
    return subprocess.run(["scripts/setup", "run"], cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False)


def test_set_up_goes_on_where_it_stopped_and_then_does_nothing(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "requirements.lock").write_text("this is no requirement !!\n")
    broken = setup(folder)
    assert broken.returncode != 0
    assert "Installing Python libraries" in broken.stderr
    assert not (folder / "var/stamps/python").exists()
    # A program half-way through the environment leaves it in any state: it is made anew.
    rest = folder / "var/venv/rest-of-an-interrupted-run"
    rest.touch()
    (folder / "requirements.lock").write_text("")
    mended = setup(folder)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert not rest.exists()
    assert (folder / "var/asterisk-root.calls").read_text() == "made\n"
    again = setup(folder)
    assert again.returncode == 0
    assert again.stdout == ""
    assert (folder / "var/asterisk-root.calls").read_text() == "made\n"


def test_an_asterisk_that_was_removed_is_unpacked_again(tmp_path: Path) -> None:
    folder = project(tmp_path)
    assert setup(folder).returncode == 0
    shutil.rmtree(folder / "var/asterisk-root")
    assert setup(folder).returncode == 0
    assert (folder / "var/asterisk-root.calls").read_text() == "made\nmade\n"


async def test_what_a_killed_set_up_left_at_work_is_waited_for(tmp_path: Path) -> None:
    folder = project(tmp_path)
    made = 'mkdir -p "$1/usr/sbin"\ncp /bin/true "$1/usr/sbin/asterisk"\necho made >> "$1.calls"\n'
    (folder / "scripts" / "install-asterisk").write_text(f'#!/bin/sh\necho begun >> "$1.calls"\nsleep 3\n{made}')
    first = subprocess.Popen(["scripts/setup", "run"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    calls = folder / "var/asterisk-root.calls"
    await until("the step has begun", calls.exists)
    first.kill()
    first.wait()
    again = setup(folder)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "at work here; waiting for it" in again.stdout
    assert calls.read_text() == "begun\nmade\nbegun\nmade\n"
