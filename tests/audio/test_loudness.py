"""All speech gets the same loudness, measured with ffmpeg's meter."""

from __future__ import annotations

from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from tests.support.ebur128 import Loudness, measure
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.codec.encode import encode_file
from voxport.audio.codec.wav import to_pcm16, wav_bytes
from voxport.audio.loudness import CEILING_DBTP, LoudnessNormalizer, gated_blocks, limit_peaks, lufs
from voxport.engine import Engine

VOICES = ("af_heart", "am_michael", "hm_omega")  # hm_omega is 7 dB louder than the others before normalisation
PROSE = (
    "The north wind and the sun were arguing which of them was stronger. Then the north wind blew as hard as he could! "
    "At last he gave up. Was it over? Then the sun shone out warmly, and the traveller took off his cloak."
)


def heard(audio: FloatArray) -> Loudness:
    return measure(wav_bytes(to_pcm16(audio)))


def syllables(seconds: float, level: float, seed: int = 0) -> FloatArray:
    """Noise that swells and fades four times per second, silent at both ends."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(seed).standard_normal(time.size) * np.sin(2 * np.pi * 2 * time) ** 2
    audio: FloatArray = (noise * level).astype(np.float32)
    return audio


def spoken(engine: Engine, voice: str, text: str) -> FloatArray:
    normalizer = LoudnessNormalizer()
    pieces = []
    for chunk in engine.plan(text, "en-us"):
        pieces.append(normalizer.process(engine.speak(chunk, engine.stock_voice(voice))))
        pieces.append(np.zeros(round(chunk.pause_after * SAMPLE_RATE), np.float32))
    return np.concatenate(pieces)


@pytest.mark.parametrize("level", [0.3, 0.03, 0.01])
@pytest.mark.parametrize("seconds", [0.5, 2.0, 20.0])
def test_loudness_is_measured_as_ffmpeg_measures_it(seconds: float, level: float) -> None:
    audio = syllables(seconds, level)
    assert lufs(float(gated_blocks(audio).mean())) == pytest.approx(heard(audio).integrated, abs=0.11)


def test_a_sine_has_the_loudness_that_the_standard_gives_it() -> None:
    """BS.1770-4: 997 Hz at full scale in one channel is −3.01 LUFS."""
    sine = np.sin(np.arange(SAMPLE_RATE * 5) * 2 * np.pi * 997 / SAMPLE_RATE).astype(np.float32)
    assert lufs(float(gated_blocks(sine).mean())) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("level", [0.5, 0.05, 0.01])
def test_every_level_becomes_the_same(level: float) -> None:
    level_out = heard(LoudnessNormalizer().process(syllables(5, level)))
    assert level_out.integrated == pytest.approx(-18, abs=0.3)
    assert level_out.true_peak < -1


def test_a_soft_sentence_among_others_stays_softer_and_nothing_pumps() -> None:
    normalizer = LoudnessNormalizer()
    outs = [normalizer.process(syllables(6, level, seed)) for seed, level in enumerate([0.05, 0.05, 0.05, 0.03, 0.05])]
    levels = [heard(out).integrated for out in outs]
    assert levels[3] < levels[2] - 2.5
    assert levels[4] == pytest.approx(levels[2], abs=1)
    assert heard(np.concatenate(outs)).integrated == pytest.approx(-18, abs=1)


def test_a_hundred_pieces_do_not_drift() -> None:
    normalizer = LoudnessNormalizer()
    dice = np.random.default_rng(3)
    outs = [normalizer.process(syllables(3, 0.05 * 10 ** dice.normal(0, 0.05), n)) for n in range(100)]
    first, last = heard(np.concatenate(outs[:20])).integrated, heard(np.concatenate(outs[-20:])).integrated
    assert first == pytest.approx(-18, abs=1)
    assert last == pytest.approx(-18, abs=1)


def test_with_its_memory_another_leveller_goes_on_to_the_last_bit() -> None:
    pieces = [syllables(2, level, seed) for seed, level in enumerate([0.05, 0.1, 0.02])]
    whole = LoudnessNormalizer()
    expected = [whole.process(piece) for piece in pieces]
    before = LoudnessNormalizer()
    before.process(pieces[0])
    after = LoudnessNormalizer(before.state)
    for piece, wanted in zip(pieces[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(after.process(piece), wanted)


def test_silence_stays_silence_and_nothing_is_nothing() -> None:
    normalizer = LoudnessNormalizer()
    assert not normalizer.process(np.zeros(SAMPLE_RATE, np.float32)).any()
    assert normalizer.process(np.zeros(0, np.float32)).size == 0
    assert normalizer.process(syllables(2, 0.05)).any()


def test_a_whisper_of_noise_is_not_blown_up_to_speech() -> None:
    assert heard(LoudnessNormalizer().process(syllables(3, 0.0008))).integrated < -28


@pytest.mark.parametrize("gain", [1.0, 4.0, 20.0])
def test_the_limiter_holds_its_ceiling_between_the_samples_too(gain: float) -> None:
    quarter = np.sin(np.arange(SAMPLE_RATE) * np.pi / 2 + np.pi / 4)  # its peaks lie between its samples
    faded = quarter * np.minimum(1, np.linspace(0, 20, SAMPLE_RATE)) * np.minimum(1, np.linspace(20, 0, SAMPLE_RATE))
    audio = ((faded + 0.3 * syllables(1, 1.0)) * gain).astype(np.float32)
    assert heard(audio / np.float32(10 * gain)).true_peak > -25  # the meter sees the peak
    assert heard(limit_peaks(audio)).true_peak < CEILING_DBTP + 0.3


def test_what_is_under_the_ceiling_is_not_touched() -> None:
    audio = syllables(2, 0.03)
    np.testing.assert_array_equal(limit_peaks(audio), audio)


@pytest.mark.slow
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("text", ["Yes.", "Hello, world.", PROSE], ids=["word", "phrase", "prose"])
def test_real_speech_leaves_at_minus_18_lufs_in_every_format(
    engine: Engine, tmp_path: Path, voice: str, text: str
) -> None:
    audio = spoken(engine, voice, text)
    for name in ("wav", "mp3", "ogg"):
        path = tmp_path / name
        encode_file([to_pcm16(audio)], name, path, ffmpeg=Path(imageio_ffmpeg.get_ffmpeg_exe()))
        level = measure(path.read_bytes())
        assert level.integrated == pytest.approx(-18, abs=1), name
        assert level.true_peak < -1, name
