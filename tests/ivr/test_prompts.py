"""Prompts made by the real espeak-ng and sox, and own recordings of every kind."""
# ruff: noqa: E501

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from callcenter.basics.errors import BadRequest
from callcenter.basics.vocabulary import Language
from callcenter.ivr import prompts
from callcenter.ivr.catalogue import texts

ZH, EN = Language.ZH, Language.EN
FEW = {"welcome": "您好，欢迎致电。{en:Hello.}", "number/7": "七", "fallback/no-service": "系统暂时无法使用，请稍后再拨。"}


def use(patch: pytest.MonkeyPatch, **changes: str) -> None:
    """A small catalogue, so that a test takes a second."""
    patch.setattr(prompts, "texts", lambda language: (FEW | changes) if language is ZH else {"goodbye": "Goodbye."})


def sound(path: Path) -> tuple[float, float]:
    """Its length in seconds and its loudness (root mean square, 0 to 1); it must be what Asterisk plays."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768
    return len(samples) / 8000, float(np.sqrt(np.mean(samples**2)))


def tone(path: Path, *, seconds: float = 1, rate: int = 8000, channels: int = 1) -> Path:
    command = ["sox", "-n", "-r", str(rate), "-c", str(channels), "-b", "16", str(path), "synth", str(seconds), "sine", "440", "gain", "-6"]
    subprocess.run(command, check=True)
    return path


async def test_what_is_made_can_be_heard_and_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    told: list[tuple[int, int]] = []
    assert await prompts.synthesise(tmp_path, lambda done, of: told.append((done, of))) == 4
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for name, least_s, most_s in (
        ("zh/welcome", 1, 5),
        ("zh/number/7", 0.2, 1.2),
        ("zh/fallback/no-service", 1.5, 6),
        ("en/goodbye", 0.3, 2),
    ):
        length_s, loud = sound(tmp_path / f"{name}.wav")
        assert least_s < length_s < most_s and loud > 0.03, (name, length_s, loud)
    sound(tmp_path / "beep.wav")
    assert await prompts.synthesise(tmp_path) == 0
    before = (tmp_path / "zh/welcome.wav").read_bytes()
    use(monkeypatch, welcome="您好。")
    assert await prompts.synthesise(tmp_path) == 1
    assert (tmp_path / "zh/welcome.wav").read_bytes() != before
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".welcome") or path.name.startswith("tmp")]


async def test_what_was_killed_between_made_and_played_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    await prompts.synthesise(tmp_path)
    old = (tmp_path / "zh/welcome.wav").read_bytes()
    use(monkeypatch, welcome="您好。")
    publish = prompts._publish

    def killed(*_: object) -> None:
        raise OSError("killed here")

    monkeypatch.setattr(prompts, "_publish", killed)
    with pytest.raises(OSError, match="killed here"):
        await prompts.synthesise(tmp_path)
    assert (tmp_path / "zh/welcome.wav").read_bytes() == old
    monkeypatch.setattr(prompts, "_publish", publish)
    assert await prompts.synthesise(tmp_path) == 1
    assert (tmp_path / "zh/welcome.wav").read_bytes() != old


async def test_a_set_up_killed_in_the_middle_goes_on(tmp_path: Path) -> None:
    program = "import asyncio, pathlib, sys; from callcenter.ivr import prompts; asyncio.run(prompts.synthesise(pathlib.Path(sys.argv[1]), lambda done, of: print(done, flush=True)))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        for _ in range(8):
            await process.stdout.readline()
    process.kill()
    await process.communicate()
    there = len(list(tmp_path.glob("zh/**/*.wav")) + list(tmp_path.glob("en/**/*.wav")))
    for path in [*tmp_path.glob("zh/**/*.wav"), *tmp_path.glob("en/**/*.wav")]:
        sound(path)
    every = len(texts(ZH)) + len(texts(EN))
    assert 8 <= there < every
    assert await prompts.synthesise(tmp_path) <= every - 8
    for language in Language:
        for name in texts(language):
            assert sound(tmp_path / language / f"{name}.wav")[1] > 0.01, name


async def test_own_recordings_win_and_survive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    await prompts.synthesise(tmp_path)
    made = (tmp_path / "zh/welcome.wav").read_bytes()
    assert await prompts.import_recording(tmp_path, ZH, "welcome", tone(tmp_path / "own.wav", seconds=2)) == pytest.approx(2, abs=0.1)
    own = (tmp_path / "zh/welcome.wav").read_bytes()
    assert own != made and sound(tmp_path / "zh/welcome.wav")[0] == pytest.approx(2, abs=0.1)
    use(monkeypatch, welcome="您好。")
    assert await prompts.synthesise(tmp_path) == 1
    assert (tmp_path / "zh/welcome.wav").read_bytes() == own
    prompts.remove_recording(tmp_path, ZH, "welcome")
    assert (tmp_path / "zh/welcome.wav").read_bytes() not in (own, made)
    await prompts.import_recording(tmp_path, ZH, "own/jingle", tmp_path / "own.wav")
    assert (tmp_path / "zh/own/jingle.wav").exists()
    prompts.remove_recording(tmp_path, ZH, "own/jingle")
    assert not (tmp_path / "zh/own/jingle.wav").exists()


@pytest.mark.parametrize(
    ("rate", "channels", "kind"), [(8000, 1, "wav"), (44100, 2, "wav"), (48000, 6, "wav"), (44100, 2, "mp3"), (16000, 1, "mp3")]
)
async def test_recordings_of_every_kind(tmp_path: Path, rate: int, channels: int, kind: str) -> None:
    source = tone(tmp_path / "source.wav", seconds=1.5, rate=rate, channels=channels)
    if kind == "mp3":
        mp3 = tmp_path / "source.mp3"
        subprocess.run(["ffmpeg", "-v", "error", "-i", str(source), str(mp3)], check=True)
        source = mp3
    assert await prompts.import_recording(tmp_path, EN, "welcome", source) == pytest.approx(1.5, abs=0.15)
    length_s, loud = sound(tmp_path / "en/welcome.wav")
    assert length_s == pytest.approx(1.5, abs=0.15) and loud > 0.1


def bad_file(kind: str, folder: Path) -> Path:
    path = folder / "upload"
    head = b"RIFF" + struct.pack("<I", 36) + b"WAVE"
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    if kind == "long":
        return tone(folder / "long.wav", seconds=660)
    if kind == "large":
        path.write_bytes(b"")
        with path.open("r+b") as file:
            file.truncate(21 * 1024 * 1024 + 1)
    bodies = {
        "empty": b"", "text": b"hello", "wav of nothing": head, "wav of noise": head + b"\xde\xad\xbe\xef" * 500, "mp3 of nothing": b"ID3" + b"\0" * 2000,
        "no rate": head + b"fmt " + struct.pack("<IHHIIHH", 16, 1, 0, 0, 0, 0, 0) + b"data" + struct.pack("<I", 4) + b"abcd",
        "no sound": head + form + b"data" + struct.pack("<I", 0),
    }  # fmt: skip
    if kind in bodies:
        path.write_bytes(bodies[kind])
    return path


@pytest.mark.parametrize(
    "kind", ["empty", "text", "wav of nothing", "wav of noise", "mp3 of nothing", "no rate", "no sound", "large", "long"]
)
async def test_bad_files_are_refused_and_change_nothing(tmp_path: Path, kind: str) -> None:
    source = bad_file(kind, tmp_path)
    with pytest.raises(BadRequest) as refused:
        await prompts.import_recording(tmp_path / "prompts", ZH, "welcome", source)
    assert str(tmp_path) not in str(refused.value)
    assert not [path for path in (tmp_path / "prompts").rglob("*") if path.is_file()]


async def test_a_wav_that_lies_about_its_size_gives_what_is_there(tmp_path: Path) -> None:
    source = tone(tmp_path / "lie.wav", seconds=1)
    data = bytearray(source.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", 0x7FFFFFF0)
    source.write_bytes(data)
    assert await prompts.import_recording(tmp_path, ZH, "welcome", source) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../b", "a/b/c", "..", "", ".own", "A", "a\0", "a\n", "a" * 99, "-x"])
async def test_names_stay_below_the_prompts(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRequest):
        await prompts.import_recording(tmp_path, ZH, name, tone(tmp_path / "t.wav", seconds=0.2))
    with pytest.raises(BadRequest):
        prompts.remove_recording(tmp_path, ZH, name)


async def test_job_numbers_are_spoken_in_both_languages(tmp_path: Path) -> None:
    assert await prompts.render_job_numbers(tmp_path, ["1001", "../../x", "1002"]) == 4
    assert all(1 < sound(tmp_path / f"{language}/agents/{number}.wav")[0] < 6 for language in Language for number in ("1001", "1002"))
    assert await prompts.render_job_numbers(tmp_path, ["1001"]) == 0
