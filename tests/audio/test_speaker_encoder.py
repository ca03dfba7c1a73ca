"""The speaker encoder tells speakers apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import Engine, SampleNotEnrollable


@pytest.mark.slow
def test_an_embedding_has_length_one_and_knows_neither_loudness_nor_pauses(engine: Engine) -> None:
    audio = engine.speak(
        engine.plan("Nobody knew why he had changed his mind.", "en-us")[0], engine.stock_voice("am_adam")
    )
    embedding = engine.embed(audio)
    assert embedding.shape == (256,)
    assert np.linalg.norm(embedding) == pytest.approx(1.0, abs=1e-5)
    quiet = np.concatenate([np.zeros(3 * SAMPLE_RATE, np.float32), 0.003 * audio, np.zeros(SAMPLE_RATE, np.float32)])
    assert engine.embed(quiet) @ embedding > 0.95


@pytest.mark.slow
def test_one_voice_is_nearer_to_itself_in_another_sentence_than_to_another_voice(engine: Engine) -> None:
    texts = ["The rain fell softly on the roof of the old house.", "Please bring three fresh oranges from the market."]
    chunks = [engine.plan(text, "en-us")[0] for text in texts]
    heart, other_heart = (engine.embed(engine.speak(chunk, engine.stock_voice("af_heart"))) for chunk in chunks)
    adam = engine.embed(engine.speak(chunks[1], engine.stock_voice("am_adam")))
    assert heart @ other_heart > 0.8 > heart @ adam


@pytest.mark.parametrize("audio", [np.zeros(SAMPLE_RATE), np.zeros(0), np.full(2000, 0.1)])
def test_no_speaker_is_found_where_there_is_hardly_any_sound(engine: Engine, audio: FloatArray) -> None:
    with pytest.raises(SampleNotEnrollable):
        engine.embed(audio)


@pytest.mark.slow
def test_real_speakers_are_told_apart(engine: Engine, recording: Callable[[str], FloatArray]) -> None:
    one = engine.embed(recording("en_libri_1998/1998-15444-0000.flac"))
    again = engine.embed(recording("en_libri_1998/1998-15444-0001.flac"))
    other_speaker = engine.embed(recording("en_libri_2033/2033-164914-0000.flac"))
    assert one @ again > 0.8 > one @ other_speaker
