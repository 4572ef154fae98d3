"""The instruments measure what they say: codecs, tones, likeness, keys, SIP messages."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.parts import rtp, sip
from tests.parts.hearing import decode_opus, hears_tone, likeness, loudness, share_of_tone
from tests.parts.sipp import SCENARIOS, render


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=400), st.sampled_from([0, 8]))
def test_g711_keeps_what_one_hears(values: list[int], payload_type: int) -> None:
    samples = np.array(values, np.int16)
    heard = rtp.decode(rtp.encode(samples, payload_type), payload_type)
    assert np.all(np.abs(heard.astype(int) - samples.astype(int)) <= np.maximum(16, np.abs(samples.astype(int)) // 16 + 16))


@pytest.mark.parametrize("hertz", [300, 440, 880, 1200])
def test_a_tone_is_heard_as_itself_and_as_nothing_else(hertz: int) -> None:
    heard = rtp.decode(rtp.encode(rtp.tone(hertz)))
    assert hears_tone(heard, hertz)
    assert not any(hears_tone(heard, other) for other in (300, 440, 880, 1200) if other != hertz)


def test_silence_is_silent() -> None:
    quiet = rtp.decode(rtp.encode(np.zeros(8000, np.int16)))
    assert loudness(quiet) < 20 and share_of_tone(quiet, 440) < 0.5


def test_a_prompt_is_found_in_noise_and_another_is_not() -> None:
    random = np.random.default_rng(1)
    prompt, other = (random.normal(0, 3000, 8000).astype(np.int16) for _ in range(2))
    heard = np.concatenate([np.zeros(3000, np.int16), prompt, np.zeros(500, np.int16)]) + random.normal(0, 500, 11500).astype(np.int16)
    assert likeness(heard, prompt) > 0.8
    assert likeness(heard, other) < 0.3


@given(st.text(rtp.KEYS[:12], max_size=12))
def test_an_ear_hears_each_key_once(keys: str) -> None:
    ear = rtp.Ear()
    voice = rtp.Voice()
    voice.target = ("127.0.0.1", 9)

    class Wire:
        def sendto(self, data: bytes, _to: object) -> None:
            ear.take(data)

        def is_closing(self) -> bool:
            return False

    voice._transport = Wire()  # type: ignore[assignment]
    for number, key in enumerate(keys):
        for payload, marker in rtp._key_packets(key):
            if payload:
                voice._send(101, payload, timestamp=1000 * number, marker=marker)
    assert ear.keys_heard() == keys


@given(st.dictionaries(st.sampled_from(["Via", "From", "To", "X-Odd"]), st.text('abc <>;=:@"é', max_size=30).map(str.strip), min_size=1))
def test_a_message_is_read_as_it_was_written(headers: dict[str, str]) -> None:
    written = sip.Message("INVITE sip:1@h SIP/2.0", list(headers.items()), "body\r\n")
    read = sip.read(written.to_bytes())
    assert read is not None
    assert (read.start, dict(read.headers), read.body) == (written.start, headers, written.body)


def test_digest_of_rfc_2617() -> None:
    answer = sip.authorization(
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
        user="Mufasa", password="Circle Of Life", method="GET", uri="/dir/index.html",
    )  # fmt: skip
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in answer


@pytest.mark.parametrize("scenario", sorted(path.stem for path in SCENARIOS.glob("*.xml")))
def test_every_scenario_can_be_filled_in(scenario: str, tmp_path: Path) -> None:
    text = render(scenario, tmp_path, CALLER="1", TONE="t", KEY_1="k", MEDIA_PORT="[media_port]", REFUSAL="486 Busy Here").read_text()
    assert "@{" not in text


def test_opus_is_decoded_into_its_two_channels(tmp_path: Path) -> None:
    both = np.stack([rtp.tone(440, 2.0), rtp.tone(880, 2.0)], axis=1)
    raw, opus = tmp_path / "both.raw", tmp_path / "both.opus"
    raw.write_bytes(both.astype("<i2").tobytes())
    command = ["opusenc", "--quiet", "--raw", "--raw-rate", "8000", "--raw-chan", "2", "--bitrate", "32", str(raw), str(opus)]
    subprocess.run(command, check=True, timeout=30)
    left, right = decode_opus(opus.read_bytes())
    assert abs(len(left) - 16000) < 400
    assert hears_tone(left[2000:-2000], 440) and not hears_tone(left[2000:-2000], 880)
    assert hears_tone(right[2000:-2000], 880) and not hears_tone(right[2000:-2000], 440)
