"""What a listener would say about audio: how loud, which pitch, is this prompt in it."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

import numpy as np

from tests.parts.rtp import RATE, Samples


def loudness(samples: Samples) -> float:
    """Root mean square; 0 for nothing, about 5600 for the phones' tones, under 10 for G.711 silence."""
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0


def share_of_tone(samples: Samples, hertz: float, *, within_hz: float = 12.0) -> float:
    """The part of the sound's energy that lies at this pitch: near 1 for a clean tone, near 0 when it's absent."""
    if len(samples) < RATE // 20:
        return 0.0
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    pitches = np.fft.rfftfreq(len(samples), 1 / RATE)
    within = max(within_hz, 3 * RATE / len(samples))
    total = float(power[pitches > 50].sum())
    return float(power[np.abs(pitches - hertz) <= within].sum()) / total if total else 0.0


def hears_tone(samples: Samples, hertz: float) -> bool:
    """Is a tone of this pitch clearly there?"""
    return loudness(samples) > 300 and share_of_tone(samples, hertz) > 0.5


def likeness(heard: Samples, prompt: Samples) -> float:
    """The best normalised cross-correlation of a prompt in what was heard: 1 identical, above 0.6 it was played, under 0.3 it was not."""
    prompt = _trimmed(prompt)
    if len(heard) < len(prompt) or not len(prompt):
        return 0.0
    long, short = heard.astype(np.float64), prompt.astype(np.float64)
    size = 1 << (len(long) + len(short)).bit_length()
    product = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size)), size)[: len(long) - len(short) + 1]
    energy = np.concatenate([[0.0], np.cumsum(long**2)])
    local = energy[len(short) :] - energy[: -len(short)]
    norm = np.sqrt(np.maximum(local, 1.0) * float((short**2).sum()))
    return float(np.max(product / norm))


def _trimmed(samples: Samples, quiet: int = 200) -> Samples:
    loud = np.flatnonzero(np.abs(samples) > quiet)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def decode_opus(audio: bytes) -> tuple[Samples, Samples]:
    """Left and right of a stereo Ogg Opus file, at 8 kHz."""
    command = ["opusdec", "--quiet", "--rate", str(RATE), "--force-wav", "-", "-"]
    done = subprocess.run(command, input=audio, capture_output=True, timeout=30, check=True)
    # To a pipe opusdec writes a header whose lengths are unknown: the samples are what follows "data" and its length.
    start = done.stdout.index(b"data") + 8
    both = np.frombuffer(done.stdout[start : len(done.stdout) - (len(done.stdout) - start) % 4], np.int16)
    return both[0::2], both[1::2]


def read_wav(path: Path) -> Samples:
    """An 8 kHz 16-bit mono prompt."""
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"{path} is not 8 kHz 16-bit mono")
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)
