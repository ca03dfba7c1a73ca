"""Cleaning recordings before enrolment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import soxr

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.denoiser import Denoiser
from voxport.audio.mains_hum import without_hum
from voxport.audio.measurements import measure
from voxport.audio.reverberation import decay_seconds
from voxport.audio.speaker_count import main_speaker_mask
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.audio.vad import speech_spans
from voxport.engine.enrolment.cleaning import CleanedRecording, clean_recording

Load = Callable[[str], FloatArray]

WOMAN = "en_vctk_p225/p225_023.flac"
MAN = "en_vctk_p226/p226_023.flac"


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    return SpeakerEncoder(threads=1)


def hiss(length: int, rms: float) -> FloatArray:
    return np.asarray(rms * np.random.default_rng(3).standard_normal(length), np.float32)


def loudness(audio: FloatArray) -> float:
    return float(np.sqrt(np.mean(audio**2)))


def snr_db(audio: FloatArray) -> float:
    return measure(audio, SAMPLE_RATE, speech_spans(audio, SAMPLE_RATE)).snr_db


def telephone(audio: FloatArray) -> FloatArray:
    return np.asarray(soxr.resample(soxr.resample(audio, SAMPLE_RATE, 7_000), 7_000, SAMPLE_RATE), np.float32)


def in_room(audio: FloatArray, seconds: float) -> FloatArray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    response = np.random.default_rng(2).standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    response /= np.sqrt(np.sum(response**2))
    response[0] = 1.0
    size = 1 << 20
    return np.asarray(np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(response, size))[: len(audio)], np.float32)


SOUNDS = {
    "nothing": np.zeros(0, np.float32),
    "one sample": np.ones(1, np.float32),
    "half a second": hiss(SAMPLE_RATE // 2, 0.1),
    "silence": np.zeros(5 * SAMPLE_RATE, np.float32),
    "a constant": np.full(5 * SAMPLE_RATE, 0.7, np.float32),
    "impulses": np.where(np.arange(5 * SAMPLE_RATE) % 12_000 == 0, 1.0, 0.0).astype(np.float32),
    "full scale": np.sign(hiss(5 * SAMPLE_RATE, 1.0)),
}


@pytest.mark.parametrize("audio", SOUNDS.values(), ids=SOUNDS.keys())
def test_what_is_no_speech_is_survived_and_holds_none(encoder: SpeakerEncoder, audio: FloatArray) -> None:
    prepared = clean_recording(audio, encoder)
    assert len(prepared.audio) <= len(audio)
    assert prepared.audio.dtype == np.float32
    assert np.isfinite(prepared.audio).all()
    assert prepared.speech_seconds == 0.0
    assert prepared.notes


def test_hum_goes_and_a_voice_stays() -> None:
    time = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    buzz = np.sum([np.sin(2 * np.pi * 131 * k * time) / k for k in range(1, 20)], axis=0)
    voice = (0.1 * buzz * (np.sin(2 * np.pi * 0.7 * time) > 0)).astype(np.float32)
    with_fake_provider = (0.1 * np.sin(2 * np.pi * 50 * time) + 0.05 * np.sin(2 * np.pi * 150 * time)).astype(
        np.float32
    )
    cleaned, mains = without_hum(voice + with_fake_provider + np.float32(0.2))
    assert mains == 50
    assert loudness(cleaned - voice) < 0.1 * loudness(with_fake_provider)
    untouched, none = without_hum(voice)
    assert none is None
    assert loudness(untouched - voice) < 0.02 * loudness(voice)


def test_the_voice_that_speaks_most_is_found_and_turns_are_left_out() -> None:
    def by_sign(clips: Sequence[FloatArray]) -> FloatArray:
        shares = np.array([np.mean(clip > 0) for clip in clips], np.float32)
        pairs = np.stack([shares, 1 - shares], axis=1)
        return np.asarray(pairs / np.linalg.norm(pairs, axis=1, keepdims=True))

    turns = np.repeat(np.array([1, -1, 1], np.float32), [5 * SAMPLE_RATE, 4 * SAMPLE_RATE, 5 * SAMPLE_RATE])
    marks = main_speaker_mask(turns, by_sign)
    assert marks is not None
    assert (turns[marks] > 0).all()
    assert 7.0 < marks.sum() / SAMPLE_RATE <= 10.0
    assert main_speaker_mask(np.ones(10 * SAMPLE_RATE, np.float32), by_sign) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", [WOMAN, MAN, "en_ljspeech/LJ001-0003.wav"])
def test_a_clean_recording_is_left_as_it_is(encoder: SpeakerEncoder, recording: Load, name: str) -> None:
    clean = recording(name)
    prepared = clean_recording(clean, encoder)
    assert encoder.embed(prepared.audio) @ encoder.embed(clean) > 0.995
    assert prepared.notes == ()
    assert len(prepared.audio) <= len(clean)


@pytest.mark.slow
def test_noise_under_a_speaker_is_taken_out(encoder: SpeakerEncoder, recording: Load) -> None:
    clean = recording(MAN)
    noisy = clean + hiss(len(clean), loudness(clean) / 3)
    prepared = clean_recording(noisy, encoder)
    before, after = (encoder.embed(one) @ encoder.embed(clean) for one in (noisy, prepared.audio))
    assert after > before + 0.1
    assert prepared.snr_db < 15
    assert any("softer" in note for note in prepared.notes)


@pytest.mark.slow
def test_long_pauses_and_silence_around_are_cut(encoder: SpeakerEncoder, recording: Load) -> None:
    clean = recording(WOMAN)
    silence = np.zeros(4 * SAMPLE_RATE, np.float32)
    prepared = clean_recording(np.concatenate([silence, clean, silence, clean, silence]), encoder)
    assert len(prepared.audio) < 2 * len(clean) + 3 * SAMPLE_RATE
    assert encoder.embed(prepared.audio) @ encoder.embed(clean) > 0.98


@pytest.mark.slow
def test_of_two_speakers_the_one_who_speaks_most_stays(encoder: SpeakerEncoder, recording: Load) -> None:
    man, woman = recording(MAN), recording(WOMAN)
    both = np.concatenate([man, woman[: 5 * SAMPLE_RATE]])
    prepared = clean_recording(both, encoder)
    before, after = (float(encoder.embed(one) @ encoder.embed(man)) for one in (both, prepared.audio))
    assert after > max(0.95, before)
    assert any("another speaker" in note for note in prepared.notes)


@pytest.mark.slow
def test_a_second_half_that_is_far_away_is_raised(encoder: SpeakerEncoder, recording: Load) -> None:
    pause = np.zeros(SAMPLE_RATE, np.float32)
    clean = recording(WOMAN)
    prepared = clean_recording(np.concatenate([clean, pause, 0.1 * clean, pause]), encoder)
    half = len(prepared.audio) // 2
    ratio = loudness(prepared.audio[:half]) / loudness(prepared.audio[half:])
    assert 1.0 < ratio < 10 ** (8 / 20)


@pytest.mark.slow
def test_over_the_telephone_the_bandwidth_is_told_also_when_hiss_lies_above(
    encoder: SpeakerEncoder, recording: Load
) -> None:
    narrow = telephone(recording(WOMAN))

    def bandwidth(audio: FloatArray) -> float:
        prepared: CleanedRecording = clean_recording(audio, encoder)
        return prepared.bandwidth_hz

    assert 3_000 < bandwidth(narrow) < 4_000
    assert 3_000 < bandwidth(narrow + hiss(len(narrow), loudness(narrow) / 10)) < 6_000
    assert bandwidth(recording(WOMAN)) > 7_000


@pytest.mark.slow
def test_only_the_first_minute_is_heard(encoder: SpeakerEncoder, recording: Load) -> None:
    long = recording("media/long_over_60s_libri_3080.mp3")
    assert len(long) > 61 * SAMPLE_RATE
    assert len(clean_recording(long, encoder).audio) <= 60 * SAMPLE_RATE


@pytest.mark.slow
@pytest.mark.parametrize("added_db", [10, 15])
def test_noise_that_is_added_lowers_the_estimate_to_what_was_added(recording: Load, added_db: int) -> None:
    clean = recording(WOMAN)
    spoken = np.concatenate([clean[begin:end] for begin, end in speech_spans(clean, SAMPLE_RATE)])
    noisy = clean + hiss(len(clean), loudness(spoken) * 10 ** (-added_db / 20))
    assert snr_db(clean) > 25
    assert snr_db(noisy) == pytest.approx(added_db, abs=5)


@pytest.mark.slow
def test_a_room_makes_sounds_die_away_more_slowly(recording: Load) -> None:
    clean = recording(WOMAN)
    times = [decay_seconds(one, SAMPLE_RATE) for one in (clean, in_room(clean, 0.3), in_room(clean, 0.6))]
    assert times[0] is not None and times[1] is not None and times[2] is not None
    assert times[0] + 0.03 < times[1] < times[2] - 0.03


def test_too_little_sound_tells_nothing_of_the_room() -> None:
    assert decay_seconds(np.zeros(100, np.float32), SAMPLE_RATE) is None
    assert decay_seconds(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE) is None


@pytest.mark.slow
def test_the_denoiser_keeps_a_clean_voice_and_its_place_in_time(recording: Load) -> None:
    clean = recording(WOMAN)[: 5 * SAMPLE_RATE]
    cleaned = Denoiser(threads=1).denoise(clean)
    assert cleaned.shape == clean.shape
    assert np.corrcoef(clean, cleaned)[0, 1] > 0.97
    noise = Denoiser(threads=1).denoise(hiss(3 * SAMPLE_RATE, 0.05))
    assert loudness(noise[SAMPLE_RATE:]) < 0.01
