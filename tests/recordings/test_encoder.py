"""The encoded file: both sides apart while both speak, and in every player left is left; what can't be encoded says why."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import Browser

from callcenter.recordings import encoder
from callcenter.recordings.encoder import EncodingFailed, encode, ogg_crc
from tests.parts.hearing import decode_opus
from tests.parts.rtp import RATE, Samples
from tests.recordings.room import two_tones

APART_DB = 55
"""How far one side's tone lies below the other's in the same channel; ordinary stereo reaches 10."""


def _level_db(samples: Samples, hertz: float) -> float:
    """How loud a tone of this pitch is."""
    middle = samples[RATE // 2 : -RATE // 2].astype(np.float64)
    power = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    pitches = np.fft.rfftfreq(len(middle), 1 / RATE)
    return 10 * float(np.log10(power[np.abs(pitches - hertz) < 8].sum() + 1e-9))


async def test_the_two_sides_stay_apart_while_both_sound(tmp_path: Path) -> None:
    raw, opus = tmp_path / "both.raw", tmp_path / "both.opus"
    raw.write_bytes(two_tones(20))
    await encode(raw, opus)
    left, right = decode_opus(opus.read_bytes())
    assert abs(len(left) - 20 * RATE) < RATE // 100
    assert _level_db(left, 440) - _level_db(left, 880) > APART_DB
    assert _level_db(right, 880) - _level_db(right, 440) > APART_DB


async def test_every_page_of_the_file_has_its_true_checksum(tmp_path: Path) -> None:
    raw, opus = tmp_path / "both.raw", tmp_path / "both.opus"
    raw.write_bytes(two_tones(3))
    await encode(raw, opus)
    audio, pages = opus.read_bytes(), 0
    while audio:
        segments = audio[26]
        length = 27 + segments + sum(audio[27 : 27 + segments])
        page = bytearray(audio[:length])
        told = int.from_bytes(page[22:26], "little")
        page[22:26] = bytes(4)
        assert (page[:4], ogg_crc(page)) == (b"OggS", told)
        audio, pages = audio[length:], pages + 1
    assert pages > 2


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=20))
def test_the_checksum_is_linear_as_its_polynomial_says(text: bytes, change: bytes) -> None:
    """CRC without inversion: of two texts of one length, the sum's checksum is the sum of the checksums; of zeros, zero."""
    other = (change * len(text))[: len(text)]
    both = bytes(a ^ b for a, b in zip(text, other, strict=True))
    assert ogg_crc(both) == ogg_crc(text) ^ ogg_crc(other)
    assert ogg_crc(bytes(len(text))) == 0
    assert ogg_crc(b"\x01") == 0x04C11DB7


_LISTEN = """async (audio) => {
  const bytes = Uint8Array.from(atob(audio), (char) => char.charCodeAt(0));
  const player = new Audio(URL.createObjectURL(new Blob([bytes], {type: "audio/ogg; codecs=opus"})));
  await new Promise((ready, broken) => { player.oncanplay = ready; player.onerror = () => broken(player.error.message); player.load(); });
  const context = new AudioContext(), splitter = context.createChannelSplitter(2);
  await context.resume();
  const source = context.createMediaElementSource(player);
  source.connect(splitter);
  source.connect(context.destination);
  const sides = [0, 1].map((side) => {
    const analyser = context.createAnalyser();
    analyser.fftSize = 8192;
    splitter.connect(analyser, side);
    return analyser;
  });
  const sought = new Promise((there) => { player.onseeked = there; });
  player.currentTime = 42;
  await sought;
  const from = player.currentTime;
  await player.play();
  while (player.currentTime < from + 1) await new Promise((later) => setTimeout(later, 50));
  const heard = sides.map((analyser) => {
    const levels = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(levels);
    return [440, 880].map((hertz) => levels[Math.round(hertz * analyser.fftSize / context.sampleRate)]);
  });
  return {duration: player.duration, from, heard};
}"""


async def test_a_browser_plays_and_seeks_it(browser: Browser, tmp_path: Path) -> None:
    raw, opus = tmp_path / "both.raw", tmp_path / "both.opus"
    raw.write_bytes(two_tones(60))
    await encode(raw, opus)
    page = await browser.new_page()
    try:
        await page.set_content("<button>listen</button>")
        await page.click("button")
        told: dict[str, Any] = await asyncio.wait_for(page.evaluate(_LISTEN, base64.b64encode(opus.read_bytes()).decode()), 30)
    finally:
        await page.close()
    assert abs(told["duration"] - 60) < 0.1
    assert abs(told["from"] - 42) < 0.1
    (left_440, left_880), (right_440, right_880) = told["heard"]
    assert left_440 - left_880 > APART_DB and right_880 - right_440 > APART_DB


async def test_what_can_not_be_encoded_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EncodingFailed, match="No such file"):
        await encode(tmp_path / "missing.raw", tmp_path / "x.opus")
    raw = tmp_path / "both.raw"
    raw.write_bytes(two_tones(1))
    monkeypatch.setattr(encoder, "_NO_MEANING", bytes(5))
    with pytest.raises(EncodingFailed, match="another head"):
        await encode(raw, tmp_path / "y.opus")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "nice").symlink_to("/usr/bin/nice")
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(EncodingFailed, match="package ffmpeg"):
        await encode(raw, tmp_path / "z.opus")
