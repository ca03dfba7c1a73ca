"""The watermark: its detector finds it after the audio was processed, and listeners do not hear it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import soxr

import voxport.engine.watermark.detector as detector
from tests.support.speechlike import speechlike
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import Engine, EngineProcess, detect
from voxport.engine.watermark import Watermarker, add_watermark
from voxport.engine.watermark.pattern import pattern_signs

SECONDS = 5.0


@pytest.fixture(scope="module")
def host() -> FloatArray:
    return speechlike(SECONDS)


@pytest.fixture(scope="module")
def marked(host: FloatArray) -> FloatArray:
    return add_watermark(host)


def noisy(audio: FloatArray, snr_db: float) -> FloatArray:
    noise = np.random.default_rng(1).standard_normal(audio.size).astype(np.float32)
    return np.asarray(audio + noise * np.sqrt(np.mean(audio**2) / 10 ** (snr_db / 10)), np.float32)


def test_marked_audio_is_told_from_the_same_audio_without_the_mark(host: FloatArray, marked: FloatArray) -> None:
    assert detect(marked, SAMPLE_RATE).watermarked
    assert detect(marked, SAMPLE_RATE).confidence > 0.99
    found = detect(host, SAMPLE_RATE)
    assert (found.watermarked, round(found.confidence, 3)) == (False, 0.0)


@pytest.mark.parametrize(
    "change",
    {
        "softer": lambda audio: audio * 0.05,
        "trimmed": lambda audio: audio[31_234 : 31_234 + 2 * SAMPLE_RATE],
        "with silence before": lambda audio: np.concatenate([np.zeros(70_001, np.float32), audio]),
        "noisy": lambda audio: noisy(audio, 20),
        "of 16 bits": lambda audio: np.round(audio * 32_767).astype(np.int16).astype(np.float32) / 32_767,
        "by 8 kHz": lambda audio: soxr.resample(soxr.resample(audio, SAMPLE_RATE, 8_000), 8_000, SAMPLE_RATE),
        "played 2.6 % faster": lambda audio: soxr.resample(audio, 1.026 * SAMPLE_RATE, SAMPLE_RATE),
        "played 3 % slower": lambda audio: soxr.resample(audio, 0.97 * SAMPLE_RATE, SAMPLE_RATE),
        "turned upside down": lambda audio: -audio,
    }.items(),
    ids=lambda change: change[0],
)
def test_the_mark_is_found_after(marked: FloatArray, change: tuple[str, Callable[[FloatArray], FloatArray]]) -> None:
    assert detect(change[1](marked), SAMPLE_RATE).watermarked


def test_audio_of_another_rate_is_told_with_its_rate(marked: FloatArray) -> None:
    assert detect(soxr.resample(marked, SAMPLE_RATE, 44_100), 44_100).watermarked


def test_a_short_marked_piece_in_a_long_unmarked_recording_is_found(marked: FloatArray) -> None:
    before, after = speechlike(20, seed=5), speechlike(15, seed=6)
    assert detect(np.concatenate([before, marked, after]), SAMPLE_RATE).watermarked


def test_a_text_marked_piece_by_piece_is_marked_as_one(host: FloatArray) -> None:
    marker, whole = Watermarker(), add_watermark(host)
    cuts = [0, 7_001, 40_000, 40_311, 90_000, host.size]
    pieces = [marker.process(host[first:last]) for first, last in itertools.pairwise(cuts)]
    assert [piece.size for piece in pieces] == list(np.diff(cuts))
    joined = np.concatenate(pieces)
    inside = np.ones(host.size, bool)
    for cut in cuts:
        inside[max(0, cut - 700) : cut + 700] = False
    np.testing.assert_allclose(joined[inside], whole[inside], atol=1e-5)
    assert detect(joined, SAMPLE_RATE).strength > 0.9 * detect(whole, SAMPLE_RATE).strength


def test_the_mark_begins_and_ends_at_nothing_so_that_no_edge_clicks(host: FloatArray) -> None:
    piece = host[50_000:60_000]
    difference = add_watermark(piece) - piece
    loudest = np.abs(difference).max()
    assert loudest > 0
    assert np.abs(difference[:5]).max() < 0.05 * loudest
    assert np.abs(difference[-5:]).max() < 0.05 * loudest


def test_the_mark_lies_well_under_the_sound_everywhere(host: FloatArray, marked: FloatArray) -> None:
    frames = slice(0, host.size // 480 * 480)
    sound = np.sqrt(np.mean(host[frames].reshape(-1, 480) ** 2, axis=1))
    added = np.sqrt(np.mean((marked - host)[frames].reshape(-1, 480) ** 2, axis=1))
    loud = sound > 0.05 * sound.max()
    assert 20 * np.log10(added[loud] / sound[loud]).max() < -10
    assert 10 * np.log10(np.sum((marked - host) ** 2) / np.sum(host**2)) < -14


def test_silence_stays_silent_and_has_no_mark() -> None:
    silence = np.zeros(3 * SAMPLE_RATE, np.float32)
    assert not add_watermark(silence).any()
    found = detect(silence, SAMPLE_RATE)
    assert (found.watermarked, found.confidence) == (False, 0.0)


@pytest.mark.parametrize("samples", [0, 1, 2, 100, 511, 5_000])
def test_the_shortest_audio_is_taken_and_keeps_its_length(samples: int) -> None:
    audio = speechlike(1)[:samples]
    marked = add_watermark(audio)
    assert marked.size == samples
    assert marked.dtype == np.float32
    assert not detect(marked, SAMPLE_RATE).watermarked


def test_loud_audio_stays_within_full_scale(host: FloatArray) -> None:
    assert np.abs(add_watermark(host * 2)).max() <= 1.0


@pytest.mark.parametrize("seed", range(1, 9))
def test_sound_without_the_mark_scores_as_chance_does(seed: int) -> None:
    found = detect(speechlike(8, seed), SAMPLE_RATE)
    assert not found.watermarked
    assert found.strength < 5


def test_a_tone_noise_and_what_is_no_number_have_no_mark() -> None:
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    for audio in (
        np.sin(2 * np.pi * 440 * time),
        np.random.default_rng(0).standard_normal(time.size),
        np.full(time.size, np.nan),
        np.ones(time.size),
    ):
        assert not detect(audio.astype(np.float32), SAMPLE_RATE).watermarked


def test_another_key_does_not_find_the_mark(marked: FloatArray, monkeypatch: pytest.MonkeyPatch) -> None:
    other = np.conj(np.fft.rfft(np.random.default_rng(3).permuted(pattern_signs(), axis=0), axis=0))
    monkeypatch.setattr(detector, "_conjugate_spectrum", lambda: other)
    assert not detect(marked, SAMPLE_RATE).watermarked


def test_the_pattern_is_the_same_for_ever() -> None:
    """Newer versions must detect audio that an older version marked."""
    assert pattern_signs().shape == (64, 30)
    assert "".join("+" if sign > 0 else "-" for sign in pattern_signs()[0]) == "+++-+++-++++-++-+-+++++--+----"
    assert abs(float(pattern_signs().mean())) < 0.05


@pytest.mark.slow
def test_all_that_the_engine_speaks_is_marked(engine: Engine) -> None:
    for voice, text in (("af_heart", "The ferry leaves the island at seven in the morning."), ("bm_george", "Thanks.")):
        chunks = engine.plan(text, "en-us")
        audio = np.concatenate([engine.speak(chunk, engine.stock_voice(voice)) for chunk in chunks])
        found = detect(audio, SAMPLE_RATE)
        assert found.strength > 5, text
        assert found.watermarked or audio.size < 2 * SAMPLE_RATE


@pytest.mark.slow
def test_the_chunks_of_a_long_text_are_marked_as_one(process: EngineProcess) -> None:
    spoken, at = [], 0
    for chunk in process.plan("The boat is late. Nobody knows why. We wait on the pier, in the rain.", "en-us") * 2:
        spoken.append(process.speak(chunk, "af_heart", start_sample=at))
        at += spoken[-1].size
    whole = np.concatenate(spoken)
    assert detect(whole, SAMPLE_RATE).strength > detect(spoken[0], SAMPLE_RATE).strength
    assert detect(whole, SAMPLE_RATE).watermarked


@pytest.mark.slow
def test_no_real_recording_is_taken_for_our_own(recording: Callable[[str], FloatArray]) -> None:
    folders = ("cohort/F_2007-132570-0000", "cohort/M_3857-180923-0000", "en_libri_1998/1998-15444-0000")
    for name in folders:
        assert not detect(recording(f"{name}.flac"), SAMPLE_RATE).watermarked, name
