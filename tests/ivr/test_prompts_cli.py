"""``callcenter prompts``: without a command it speaks what is missing; list, import and remove as people type them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from callcenter.basics.vocabulary import Language
from callcenter.ivr import prompts
from tests.house_rules.tree import ROOT
from tests.parts.hearing import hears_tone, read_wav
from tests.parts.studio import recording


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLCENTER_")}
    environment |= {"CALLCENTER_VAR_DIR": str(folder), "CALLCENTER_CONFIG_FILE": str(folder / "none.toml")}
    command = [sys.executable, "-m", "callcenter", "prompts", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


async def test_a_recording_is_imported_listed_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "texts", lambda language: {"welcome": "您好。"} if language is Language.ZH else {})
    await prompts.synthesise(tmp_path / "prompts")
    await prompts.render_job_numbers(tmp_path / "prompts", ["1001"])
    sound = tmp_path / "studio.wav"
    sound.write_bytes(recording(seconds=2))
    done = typed(tmp_path, "import", "zh", "welcome", str(sound))
    assert (done.returncode, done.stdout[:17]) == (0, "zh/welcome: 2.00 "), done.stderr
    assert hears_tone(read_wav(tmp_path / "prompts/zh/welcome.wav"), 440)
    assert typed(tmp_path, "list", "--own").stdout == "zh\twelcome\town\t2.00\t您好，欢迎致电。\n"
    every = [line.split("\t") for line in typed(tmp_path, "list").stdout.splitlines()]
    assert ["en", "goodbye", "missing", "-", "Thank you for calling. Goodbye."] in every
    assert [line[2] for line in every if line[:2] == ["zh", "agents/1001"]] == ["synthesised"]
    assert typed(tmp_path, "remove", "zh", "welcome").returncode == 0
    assert typed(tmp_path, "list", "--own").stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "fr", "welcome", "studio.wav"), "no language 'fr'"), (("import", "zh", "nothing", "studio.wav"), "no prompt 'nothing'"),
        (("import", "zh", "../x", "studio.wav"), "no prompt '../x'"), (("import", "zh", "welcome", "gone.wav"), "no file"),
        (("import", "zh", "welcome", "text.wav"), "neither wav nor mp3"), (("remove", "zh", "welcome"), "no own recording"),
        (("remove", "zh", "../../x"), "no prompt's name"), (("import", "zh", "agents/1001", "studio.wav"), "Postgres can't be reached"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "studio.wav").write_bytes(recording())
    (tmp_path / "text.wav").write_bytes(b"hello")
    done = typed(tmp_path, *(str(tmp_path / word) if word.endswith(".wav") else word for word in words))
    assert done.returncode == 1 and said in done.stderr, done
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.rglob("prompts/**/*.wav"))
