"""The step that moves a voice towards what two speaker encoders should hear."""

from __future__ import annotations

import numpy as np
import pytest

from voxport.audio.arrays import FloatArray
from voxport.audio.speaker_encoder import EMBEDDING_SIZE, SpeakerEncoder
from voxport.engine import Engine, EngineVoice
from voxport.engine.enrolment.speaker_correction import SpeakerHearing, corrected_voice

TEXT = "It was a bright cold day, and the clocks were striking."


def speech(engine: Engine, voice: EngineVoice, text: str = TEXT) -> FloatArray:
    return np.concatenate([engine.speak(chunk, voice) for chunk in engine.plan(text, "en-us")])


@pytest.fixture(scope="module")
def hearing() -> SpeakerHearing:
    return SpeakerHearing(SpeakerEncoder(threads=1), threads=1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "goal"), [("am_michael", "am_onyx"), ("af_heart", "bf_emma")])
def test_a_corrected_voice_is_nearer_by_both_encoders_also_in_another_sentence(
    engine: Engine, hearing: SpeakerHearing, name: str, goal: str
) -> None:
    start = engine.stock_voice(name)
    wanted = hearing.hear(speech(engine, engine.stock_voice(goal)))
    corrected = corrected_voice(start, heard=hearing.hear(speech(engine, start)), wanted=wanted)
    other = "Every morning the baker opens his shop."
    before, after = (hearing.hear(speech(engine, voice, other)) * wanted for voice in (start, corrected))
    for part in (slice(0, EMBEDDING_SIZE), slice(EMBEDDING_SIZE, None)):
        assert after[part].sum() > before[part].sum() + 0.01


def test_a_voice_that_is_heard_as_it_should_be_stays_as_it_is(engine: Engine) -> None:
    voice = engine.stock_voice("af_heart")
    heard = np.random.default_rng(1).normal(size=448).astype(np.float32)
    same = corrected_voice(voice, heard=heard, wanted=heard)
    np.testing.assert_array_equal(same.mean, voice.mean)
    assert not same.adain_offsets.any()
