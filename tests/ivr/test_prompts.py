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
from callcenter.ivr.catalogue import LONGEST_PROMPT_S, texts
from callcenter.ivr.own_recordings import LEVEL_DB, import_recording, remove_recording
from callcenter.ivr.prompt_list import list_prompts, read_prompt

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


def tone(path: Path, *, seconds: float = 1, rate: int = 8000, channels: int = 1, level_db: float = -6) -> Path:
    shape = ["-r", str(rate), "-c", str(channels), "-b", "16"]
    subprocess.run(["sox", "-n", *shape, str(path), "synth", str(seconds), "sine", "440", "gain", str(level_db)], check=True)
    return path


def as_mp3(path: Path) -> Path:
    mp3 = path.with_suffix(".mp3")
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), str(mp3)], check=True)
    return mp3


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
    publish = prompts.publish

    def killed(*_: object) -> None:
        raise OSError("killed here")

    monkeypatch.setattr(prompts, "publish", killed)
    with pytest.raises(OSError, match="killed here"):
        await prompts.synthesise(tmp_path)
    assert (tmp_path / "zh/welcome.wav").read_bytes() == old
    monkeypatch.setattr(prompts, "publish", publish)
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
    assert await import_recording(tmp_path, ZH, "welcome", tone(tmp_path / "own.wav", seconds=2)) == pytest.approx(2, abs=0.1)
    own = (tmp_path / "zh/welcome.wav").read_bytes()
    assert own != made and sound(tmp_path / "zh/welcome.wav")[0] == pytest.approx(2, abs=0.1)
    use(monkeypatch, welcome="您好。")
    assert await prompts.synthesise(tmp_path) == 1
    assert (tmp_path / "zh/welcome.wav").read_bytes() == own
    remove_recording(tmp_path, ZH, "welcome")
    assert (tmp_path / "zh/welcome.wav").read_bytes() not in (own, made)
    await import_recording(tmp_path, ZH, "own/jingle", tmp_path / "own.wav")
    assert (tmp_path / "zh/own/jingle.wav").exists()
    remove_recording(tmp_path, ZH, "own/jingle")
    assert not (tmp_path / "zh/own/jingle.wav").exists()


@pytest.mark.parametrize(
    ("rate", "channels", "kind"), [(8000, 1, "wav"), (44100, 2, "wav"), (48000, 6, "wav"), (44100, 2, "mp3"), (16000, 1, "mp3")]
)
async def test_recordings_of_every_kind(tmp_path: Path, rate: int, channels: int, kind: str) -> None:
    source = tone(tmp_path / "source.wav", seconds=1.5, rate=rate, channels=channels)
    if kind == "mp3":
        source = as_mp3(source)
    assert await import_recording(tmp_path, EN, "welcome", source) == pytest.approx(1.5, abs=0.15)
    length_s, loud = sound(tmp_path / "en/welcome.wav")
    assert length_s == pytest.approx(1.5, abs=0.15) and 20 * np.log10(loud) == pytest.approx(LEVEL_DB, abs=1)


def bad_file(kind: str, folder: Path) -> Path:
    path = folder / "upload"
    head = b"RIFF" + struct.pack("<I", 36) + b"WAVE"
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    if kind == "long":
        return tone(folder / "long.wav", seconds=LONGEST_PROMPT_S + 2)
    if kind == "silent":
        return tone(folder / "silent.wav", seconds=2, level_db=-60)
    if kind == "half a wav":
        path.write_bytes(tone(folder / "whole.wav", seconds=2).read_bytes()[:20_000])
    if kind == "half an mp3":
        whole = as_mp3(tone(folder / "whole.wav", seconds=2)).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
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


BAD = {
    "empty": "empty", "text": "wrong-type", "wav of nothing": "unreadable", "wav of noise": "unreadable", "mp3 of nothing": "unreadable",
    "no rate": "unreadable", "no sound": "empty", "large": "too-large", "long": "too-long", "silent": "silent", "half a wav": "truncated",
    "half an mp3": "truncated",
}  # fmt: skip


@pytest.mark.parametrize(("kind", "reason"), BAD.items())
async def test_bad_files_are_refused_and_change_nothing(tmp_path: Path, kind: str, reason: str) -> None:
    source = bad_file(kind, tmp_path)
    with pytest.raises(BadRequest) as refused:
        await import_recording(tmp_path / "prompts", ZH, "welcome", source)
    assert str(tmp_path) not in str(refused.value)
    assert refused.value.details == {"field": "file", "reason": reason}
    assert not [path for path in (tmp_path / "prompts").rglob("*") if path.is_file()]


async def test_a_wav_that_lies_about_its_size_gives_what_is_there(tmp_path: Path) -> None:
    source = tone(tmp_path / "lie.wav", seconds=1)
    data = bytearray(source.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", 0x7FFFFFF0)
    source.write_bytes(data)
    assert await import_recording(tmp_path, ZH, "welcome", source) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("level_db", [-1, -20, -45])
async def test_every_recording_is_as_loud_as_the_spoken_prompts(tmp_path: Path, level_db: float) -> None:
    """A tone with two pauses longer than itself: they must not make it louder."""
    source = tone(tmp_path / "source.wav", seconds=1, level_db=level_db)
    paused = tmp_path / "paused.wav"
    subprocess.run(["sox", str(source), str(paused), "pad", "1.5", "1.5"], check=True)
    await import_recording(tmp_path, ZH, "welcome", paused)
    with wave.open(str(tmp_path / "zh/welcome.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768
    spoken = samples[13_000:19_000]
    assert 20 * np.log10(np.sqrt(np.mean(spoken**2))) == pytest.approx(LEVEL_DB, abs=1)


async def test_a_speaker_far_from_the_microphone_does_not_clip(tmp_path: Path) -> None:
    """Long quiet speech with one loud knock: the limiter keeps the knock within full scale."""
    quiet, knock, both = (
        tone(tmp_path / "quiet.wav", seconds=3, level_db=-28),
        tone(tmp_path / "knock.wav", seconds=0.05, level_db=-1),
        tmp_path / "both.wav",
    )
    subprocess.run(["sox", str(quiet), str(knock), str(both)], check=True)
    await import_recording(tmp_path, ZH, "welcome", both)
    with wave.open(str(tmp_path / "zh/welcome.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    assert (np.abs(samples.astype(int)) >= 32767).sum() <= 2


async def test_the_list_says_whose_voice_callers_hear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    await prompts.synthesise(tmp_path)
    await prompts.render_job_numbers(tmp_path, ["1001"])
    source = tone(tmp_path / "own.wav", seconds=2)
    for name in ("welcome", "own/jingle"):
        await import_recording(tmp_path, ZH, name, source)
    told = {(prompt.language, prompt.name): prompt for prompt in list_prompts(tmp_path, ["1001", "1002"])}
    assert set(texts(ZH)) | {"own/jingle", "agents/1001", "agents/1002"} == {name for language, name in told if language is ZH}
    assert [(one.source, one.length_s) for one in (told[ZH, "welcome"], told[ZH, "own/jingle"])] == [("own", 2.0), ("own", 2.0)]
    assert told[ZH, "number/7"].source == told[ZH, "agents/1001"].source == "synthesised"
    assert (told[ZH, "agents/1002"].source, told[ZH, "agents/1002"].length_s) == ("missing", None)
    assert told[ZH, "main-menu"].text.endswith("For English, press 9.")
    assert remove_recording(tmp_path, ZH, "welcome") and not remove_recording(tmp_path, ZH, "welcome")
    assert read_prompt(tmp_path, ZH, "welcome", []).source == "synthesised"


async def test_who_plays_a_prompt_while_it_is_replaced_hears_it_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch)
    await prompts.synthesise(tmp_path)
    played = tmp_path / "zh/welcome.wav"
    before = played.read_bytes()
    with played.open("rb") as playing:
        playing.read(100)
        await import_recording(tmp_path, ZH, "welcome", tone(tmp_path / "own.wav", seconds=2))
        assert playing.read() == before[100:]
    assert sound(played)[0] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../b", "a/b/c", "..", "", ".own", "A", "a\0", "a\n", "a" * 99, "-x"])
async def test_names_stay_below_the_prompts(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRequest):
        await import_recording(tmp_path, ZH, name, tone(tmp_path / "t.wav", seconds=0.2))
    with pytest.raises(BadRequest):
        remove_recording(tmp_path, ZH, name)


async def test_job_numbers_are_spoken_in_both_languages(tmp_path: Path) -> None:
    assert await prompts.render_job_numbers(tmp_path, ["1001", "../../x", "1002"]) == 4
    assert all(1 < sound(tmp_path / f"{language}/agents/{number}.wav")[0] < 6 for language in Language for number in ("1001", "1002"))
    assert await prompts.render_job_numbers(tmp_path, ["1001"]) == 0
