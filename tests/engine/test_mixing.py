"""Mixes of voices: weights, what clones carry beside their style, and the pitch, rate and tone that are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.pitch import median_f0
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.engine import Engine, EngineError, EngineProcess, EngineVoice, VoiceFileError, VoiceNotMixable
from voxport.engine.kokoro.adain import ADAIN_SIZE
from voxport.engine.kokoro.spectral_eq import EQ_BANDS, long_term_spectrum
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice_mix import mixed_voice, normalized_weights

TEXT = "The committee will meet again on Thursday to discuss the new plan for the harbour."


def a_clone(seed: int = 1) -> EngineVoice:
    """A voice with everything that a fit adds."""
    random = np.random.default_rng(seed)
    offsets = (0.01 * random.standard_normal(ADAIN_SIZE)).astype(np.float32)
    eq = np.linspace(-1.0, 1.0, EQ_BANDS, dtype=np.float32)
    voice = stock_packs().voice(3).with_adain_offsets(offsets).with_spectral_eq(eq).with_rate(0.8)
    return voice.with_f0(offset=-0.3, slope=0.8, median=120.0)


def spoken(engine: Engine, voice: EngineVoice) -> FloatArray:
    return np.concatenate([engine.speak(chunk, voice) for chunk in engine.plan(TEXT, "en-us")])


def semitones(engine: Engine, voice: EngineVoice) -> float:
    median = median_f0(spoken(engine, voice), SAMPLE_RATE)
    assert median is not None
    return float(12 * np.log2(median))


@pytest.mark.parametrize("weights", [[], [0.0], [1.0, -1.0], [np.nan], [np.inf, 1.0], [1.0] * 9])
def test_weights_that_make_no_mix_are_refused(weights: list[float]) -> None:
    with pytest.raises(EngineError):
        normalized_weights(weights)


def test_weights_count_beside_each_other_however_large_they_are() -> None:
    assert normalized_weights([3.0, 1.0]).tolist() == [0.75, 0.25]
    assert normalized_weights([1e308, 1e308]).tolist() == [0.5, 0.5]
    assert normalized_weights([5e-324, 5e-324]).tolist() == [0.5, 0.5]


def test_everything_that_a_voice_adds_to_the_network_is_mixed_by_weight() -> None:
    one, other = a_clone(1), stock_packs().voice(20)
    mix = mixed_voice([one, other], np.array([0.25, 0.75]), rate=1.0, tone=0.0, language="en-us")
    assert np.abs(mix.pack() - (0.25 * one.pack() + 0.75 * other.pack())).max() < 5e-3
    assert np.allclose(mix.adain_offsets, 0.25 * one.adain_offsets)
    assert np.allclose(mix.spectral_eq, 0.25 * one.spectral_eq)
    assert mix.rate == pytest.approx(0.8**0.25)
    assert mix.f0_slope == pytest.approx(0.25 * 0.8 + 0.75)
    read = EngineVoice.from_bytes(mix.to_bytes(), asset=stock_packs().identity)
    assert np.abs(read.pack() - mix.pack()).max() < 2e-3


def test_a_mix_of_one_clone_is_that_clone(engine: Engine) -> None:
    clone = EngineVoice.from_bytes(a_clone().to_bytes())
    mix = engine.mix_voices([(clone.to_bytes(), 2.0)])
    assert np.abs(mix.pack() - clone.pack()).max() < 2e-3
    assert (mix.f0_offset, mix.f0_slope) == pytest.approx((clone.f0_offset, clone.f0_slope), abs=1e-3)
    assert np.array_equal(mix.adain_offsets, clone.adain_offsets)


def test_mixes_of_slow_mixes_end_where_no_speech_is() -> None:
    voice, slow = stock_packs().voice(3), np.array([1.0])
    once = mixed_voice([voice], slow, rate=0.5, tone=0.0, language="en-us")
    with pytest.raises(VoiceNotMixable) as refused:
        mixed_voice([once], slow, rate=0.5, tone=0.0, language="en-us")
    assert refused.value.setting == "rate"


def test_a_mix_speaks_the_language_of_its_heaviest_part_or_the_one_that_is_asked_for(engine: Engine) -> None:
    assert engine.mix_voices([("af_heart", 1.0), ("ff_siwis", 2.0)]).language == "fr-fr"
    assert engine.mix_voices([("af_heart", 1.0), ("ff_siwis", 1.0)]).language == "en-us"
    assert engine.mix_voices([("af_heart", 1.0), ("ff_siwis", 2.0)], language="it").language == "it"
    with pytest.raises(VoiceNotMixable):
        engine.mix_voices([("af_heart", 1.0)], language="tlh")


def test_a_damaged_file_and_an_unknown_voice_are_refused(engine: Engine) -> None:
    with pytest.raises(VoiceFileError):
        engine.mix_voices([("af_heart", 1.0), (b"no voice", 1.0)])
    with pytest.raises(EngineError, match="nobody"):
        engine.mix_voices([("nobody", 1.0)])


def test_a_pitch_that_no_voice_has_is_refused(engine: Engine) -> None:
    high = engine.stock_voice("jf_alpha").with_f0(offset=0.5, slope=1.0, median=None)
    with pytest.raises(VoiceNotMixable) as refused:
        engine.mix_voices([(high.to_bytes(), 1.0)], pitch=6.0)
    assert refused.value.setting == "pitch"


def test_the_pitch_of_a_mix_is_between_its_parts_and_moves_as_far_as_it_is_asked_to(engine: Engine) -> None:
    low, high = (semitones(engine, engine.stock_voice(one)) for one in ("am_adam", "af_heart"))
    parts: list[tuple[bytes | str, float]] = [("am_adam", 1.0), ("af_heart", 1.0)]
    middle = semitones(engine, engine.mix_voices(parts))
    assert low + 1 < middle < high - 1
    raised = semitones(engine, engine.mix_voices(parts, pitch=3.0))
    assert raised - middle == pytest.approx(3.0, abs=0.8)


def test_a_tone_tilts_the_spectrum_and_a_rate_the_length(engine: Engine) -> None:
    plain = spoken(engine, engine.stock_voice("af_heart"))
    bright = spoken(engine, engine.mix_voices([("af_heart", 1.0)], tone=1.0))
    dark = spoken(engine, engine.mix_voices([("af_heart", 1.0)], tone=-1.0))
    spectra = [long_term_spectrum(audio) for audio in (dark, plain, bright)]
    treble = [float(one[50:70].mean() - one[5:25].mean()) for one in spectra]
    assert treble[0] + 1 < treble[1] < treble[2] - 1
    slow = spoken(engine, engine.mix_voices([("af_heart", 1.0)], rate=0.5))
    assert slow.size / plain.size == pytest.approx(2.0, rel=0.15)


def test_a_mix_sounds_like_each_part_more_than_they_sound_like_each_other(engine: Engine) -> None:
    encoder = SpeakerEncoder(threads=1)
    parts = [encoder.embed(spoken(engine, engine.stock_voice(one))) for one in ("af_bella", "bm_george")]
    mix = encoder.embed(spoken(engine, engine.mix_voices([("af_bella", 1.0), ("bm_george", 1.0)])))
    apart = float(parts[0] @ parts[1])
    assert min(float(mix @ part) for part in parts) > apart


def test_the_process_mixes_files_and_stock_voices(process: EngineProcess) -> None:
    file, language = process.mix_voices([(a_clone().to_bytes(), 1.0), ("ff_siwis", 3.0)], tone=0.5)
    voice = EngineVoice.from_bytes(file, asset=stock_packs().identity)
    assert (voice.language, language) == ("fr-fr", "fr-fr")
    assert np.abs(voice.adain_offsets - 0.25 * a_clone().adain_offsets).max() < 1e-3
    with pytest.raises(VoiceNotMixable) as refused:
        process.mix_voices([("af_heart", 1.0)], language="tlh")
    assert refused.value.setting == "language"
