"""CAM++, the second speaker encoder."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.campplus import CampplusEncoder, log_mels, mel_windows
from voxport.engine import Engine, SampleNotEnrollable

TEXTS = ("It was a bright cold day, and the clocks were striking.", "Every morning the baker opens his shop.")


@pytest.fixture(scope="module")
def encoder() -> CampplusEncoder:
    return CampplusEncoder(threads=1)


@pytest.fixture(scope="module")
def spoken(engine: Engine) -> dict[str, list[FloatArray]]:
    """Two sentences of each of two stock voices."""
    return {
        name: [
            np.concatenate([engine.speak(chunk, engine.stock_voice(name)) for chunk in engine.plan(text, "en-us")])
            for text in TEXTS
        ]
        for name in ("af_heart", "am_onyx")
    }


@pytest.mark.slow
def test_two_sentences_of_a_voice_are_nearer_than_those_of_two_voices(
    encoder: CampplusEncoder, spoken: dict[str, list[FloatArray]]
) -> None:
    heart, onyx = ([encoder.embed(audio) for audio in clips] for clips in spoken.values())
    assert heart[0].shape == (192,)
    assert float(np.linalg.norm(heart[0])) == pytest.approx(1.0, abs=1e-5)
    assert min(float(heart[0] @ heart[1]), float(onyx[0] @ onyx[1])) > 0.6
    assert float(heart[0] @ onyx[0]) < 0.4


@pytest.mark.slow
def test_the_level_does_not_matter(encoder: CampplusEncoder, spoken: dict[str, list[FloatArray]]) -> None:
    audio = spoken["af_heart"][0]
    assert float(encoder.embed(audio) @ encoder.embed(0.1 * audio)) > 0.99


@pytest.mark.parametrize("audio", [np.zeros(SAMPLE_RATE, np.float32), np.ones(100, np.float32)])
def test_what_has_no_sound_in_it_is_refused(encoder: CampplusEncoder, audio: FloatArray) -> None:
    with pytest.raises(SampleNotEnrollable):
        encoder.embed(audio)


@pytest.mark.parametrize(("frames", "windows"), [(50, 1), (200, 1), (201, 2), (430, 4)])
def test_the_windows_cover_all_frames_and_each_band_has_mean_0(frames: int, windows: int) -> None:
    cut = mel_windows(np.random.default_rng(1).normal(size=(frames, 80)).astype(np.float32))
    assert cut.shape == (windows, min(frames, 200), 80)
    np.testing.assert_allclose(cut.mean(axis=1), 0.0, atol=1e-5)


def test_a_tone_is_loudest_in_the_bands_of_its_frequency() -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    bands = [
        int(log_mels(np.sin(2 * np.pi * hz * time).astype(np.float32)).mean(axis=0).argmax()) for hz in (300, 3000)
    ]
    mels = 1127 * np.log1p(np.array([20, 300, 3000, 8000]) / 700)  # 80 bands between equal steps
    expected = (mels[1:3] - mels[0]) / (mels[3] - mels[0]) * 81 - 1
    np.testing.assert_allclose(bands, expected, atol=1.0)


def test_the_asset_is_as_large_as_its_weights_in_half_precision() -> None:
    size = len((files("voxport.audio") / "assets" / "campplus.onnx").read_bytes())
    assert 13e6 < size < 15e6
