"""Enrolment: from a recording to a voice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.pitch import median_f0
from voxport.engine import Engine, EngineProcess, EngineVoice, SampleNotEnrollable
from voxport.engine.fit import FIT_STEPS
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice_blend import nearest_blend, stock_embeddings

SPOKEN = "It was a bright cold day, and the clocks were striking."
SAID_BY_CLONES = [
    "Every morning the baker opens his shop.",
    "The two brothers never agreed about the price.",
]


def speech(engine: Engine, voice: EngineVoice, texts: list[str]) -> FloatArray:
    chunks = [chunk for text in texts for chunk in engine.plan(text, "en-us")]
    return np.concatenate([engine.speak(chunk, voice) for chunk in chunks])


@pytest.fixture(scope="module")
def stranger(engine: Engine) -> FloatArray:
    """A synthetic speaker who is not a stock voice: a blend of four, at a pitch that none of them has."""
    packs = stock_packs()
    weights = np.zeros(len(packs.ids))
    weights[[packs.ids.index(name) for name in ("am_onyx", "bm_george", "am_puck", "em_alex")]] = 0.35, 0.3, 0.2, 0.15
    voice = packs.blend(weights, weights, "en-us")
    return speech(engine, engine.with_median_f0(voice, 128.0, chunks=engine.plan(SPOKEN, "en-us")), [SPOKEN])


@pytest.fixture(scope="module")
def nearest(engine: Engine, stranger: FloatArray) -> float:
    """The similarity of the stranger to the nearest stock voice."""
    target = engine.embed(stranger)
    return max(
        float(engine.embed(speech(engine, engine.stock_voice(voice_id), SAID_BY_CLONES)) @ target)
        for voice_id in ("am_onyx", "bm_george", "am_puck", "em_alex")
    )


@pytest.fixture(scope="module")
def instant_clone(engine: Engine, stranger: FloatArray) -> EngineVoice:
    return engine.enrol(stranger, instant=True)


@pytest.fixture(scope="module")
def said(engine: Engine, instant_clone: EngineVoice) -> FloatArray:
    """The instant clone's speech."""
    return speech(engine, instant_clone, SAID_BY_CLONES)


@pytest.mark.slow
def test_an_instant_clone_is_nearer_to_an_unknown_speaker_than_any_stock_voice(
    engine: Engine, stranger: FloatArray, said: FloatArray, nearest: float
) -> None:
    assert float(engine.embed(said) @ engine.embed(stranger)) > nearest


@pytest.mark.slow
@pytest.mark.parametrize("steps", [2, pytest.param(FIT_STEPS, marks=pytest.mark.drill)])
def test_a_clone_is_nearer_to_an_unknown_speaker_than_any_stock_voice(
    engine: Engine, stranger: FloatArray, nearest: float, steps: int
) -> None:
    fitting = Engine.load(threads=1, fit_steps=steps)
    try:
        clone = fitting.enrol(stranger)
    finally:
        fitting.close()
    assert float(engine.embed(speech(engine, clone, SAID_BY_CLONES)) @ engine.embed(stranger)) > nearest


@pytest.mark.slow
def test_a_clone_has_the_speaker_s_pitch_also_in_other_sentences(
    stranger: FloatArray, instant_clone: EngineVoice, said: FloatArray
) -> None:
    own, heard = median_f0(stranger, SAMPLE_RATE), median_f0(said, SAMPLE_RATE)
    assert own is not None and heard is not None
    assert instant_clone.median_f0 == pytest.approx(own, rel=0.01)
    assert abs(12 * np.log2(heard / own)) < 1.0


@pytest.mark.slow
def test_enrolling_twice_gives_the_same_voice(engine: Engine, stranger: FloatArray, instant_clone: EngineVoice) -> None:
    assert engine.enrol(stranger, instant=True).to_bytes() == instant_clone.to_bytes()


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(SAMPLE_RATE, np.float32),
        np.zeros(0, np.float32),
        np.random.default_rng(3).normal(0, 0.1, 3 * SAMPLE_RATE).astype(np.float32),
        np.full(3 * SAMPLE_RATE, np.nan, np.float32),
        np.zeros((2, SAMPLE_RATE), np.float32),
    ],
    ids=["silence", "nothing", "noise", "not numbers", "two channels"],
)
def test_audio_without_a_speaker_is_refused(engine: Engine, audio: FloatArray) -> None:
    with pytest.raises(SampleNotEnrollable):
        engine.enrol(audio)


@pytest.fixture
def one_step() -> Iterator[EngineProcess]:
    process = EngineProcess(threads=1, fit_steps=1)
    yield process
    process.close()


@pytest.mark.slow
def test_the_process_enrols_tells_how_far_it_is_and_a_caller_may_give_up_on_it(
    one_step: EngineProcess, stranger: FloatArray
) -> None:
    heard: list[float] = []
    steps: list[float] = []

    def tell(done: float, state: bytes) -> None:
        heard.append(done)
        if state:
            steps.append(done)

    file = one_step.enrol(stranger, on_progress=tell)
    assert steps == pytest.approx([0.9]), "as many as this process was told to take"
    assert EngineVoice.from_bytes(file, asset=stock_packs().identity).median_f0
    assert heard == sorted(heard)
    assert 0.0 <= heard[0] < heard[-1] == 1.0

    def cancel(done: float, state: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one_step.enrol(stranger, on_progress=cancel)
    (chunk,) = one_step.plan("The next.", "en-us")
    assert one_step.speak(chunk, file).size


@pytest.mark.slow
def test_a_real_speaker_s_clone_is_nearer_than_a_stock_voice_and_at_the_right_pitch(
    engine: Engine, recording: Callable[[str], FloatArray]
) -> None:
    reference = recording("en_libri_2033/2033-164914-0000.flac")
    target = engine.embed(reference)
    clone = engine.enrol(reference, instant=True)
    said = speech(engine, clone, SAID_BY_CLONES)
    nearest = stock_packs().ids[int(np.argmax(stock_embeddings().at_pitch(clone.median_f0 or 0.0) @ target))]
    assert (
        engine.embed(said) @ target > engine.embed(speech(engine, engine.stock_voice(nearest), SAID_BY_CLONES)) @ target
    )
    own, heard = median_f0(reference, SAMPLE_RATE), median_f0(said, SAMPLE_RATE)
    assert own is not None and heard is not None
    assert abs(12 * np.log2(heard / own)) < 1.0


def test_the_nearest_mix_finds_the_weights_that_a_mix_was_made_with() -> None:
    table = np.abs(np.random.default_rng(5).normal(size=(20, 64)))
    created = np.zeros(20)
    created[[2, 7, 11]] = 0.5, 0.3, 0.2
    np.testing.assert_allclose(nearest_blend(created @ table, table), created, atol=1e-3)


def test_a_mix_has_few_voices_and_its_weights_sum_to_one() -> None:
    generator = np.random.default_rng(6)
    weights = nearest_blend(generator.normal(size=64), generator.normal(size=(30, 64)))
    assert np.count_nonzero(weights) <= 6
    assert weights.sum() == pytest.approx(1.0)
    assert weights.min() >= 0.0
