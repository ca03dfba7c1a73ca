"""The network, its halves, and the audio that comes out."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from voxport.engine import LANGUAGES, SAMPLE_RATE, Engine, EngineError, EngineUnavailable
from voxport.engine.edges import with_clean_edges
from voxport.engine.synthesizer import Synthesizer
from voxport.engine.weights import load_halves, model_bytes

TEXTS = {
    "en-us": "The weather is lovely today.",
    "en-gb": "The weather is lovely today.",
    "es": "Hoy hace muy buen tiempo.",
    "fr-fr": "Il fait très beau aujourd'hui.",
    "it": "Oggi è una bella giornata.",
    "pt-br": "Hoje está um dia muito bonito.",
    "hi": "आज मौसम बहुत अच्छा है।",
}


@pytest.mark.slow
def test_the_two_halves_make_the_same_audio_as_the_whole_network(engine: Engine) -> None:
    (chunk,) = engine.plan("The two halves say what the whole says.", "en-us")
    style = engine.stock("af_heart").style(len(chunk.tokens))
    whole = onnxruntime.InferenceSession(model_bytes(None), providers=["CPUExecutionProvider"])
    tokens = np.array([[0, *chunk.tokens, 0]], np.int64)
    given = {"tokens": tokens, "style": style[None], "speed": np.ones(1, np.float32)}
    halves = Synthesizer(load_halves(), threads=2)
    audio = halves.decode(halves.predict(chunk.tokens, style, 1.0), style)
    np.testing.assert_array_equal(audio, whole.run(None, given)[0])


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_is_spoken_at_a_natural_pace_by_its_own_voice(engine: Engine, language: str) -> None:
    voice = next(voice for voice in engine.stock_voices() if voice.language == language)
    (chunk,) = engine.plan(TEXTS[language], language)
    audio = engine.speak(chunk, engine.stock(voice.id))
    assert audio.dtype == np.float32
    assert 1.0 < audio.size / SAMPLE_RATE < 4.0
    assert 0.1 < np.abs(audio).max() <= 1.0


@pytest.mark.slow
def test_speed_two_takes_half_as_long(engine: Engine) -> None:
    (chunk,) = engine.plan("She found a better answer in a small yellow book.", "en-us")
    voice = engine.stock("am_michael")
    normal, fast = (engine.speak(chunk, voice, speed).size for speed in (1.0, 2.0))
    assert 0.4 < fast / normal < 0.65


@pytest.mark.slow
def test_chunks_join_without_a_click(engine: Engine) -> None:
    (chunk,) = engine.plan("Every edge is soft.", "en-us")
    audio = engine.speak(chunk, engine.stock("bf_emma"))
    assert audio[0] == audio[-1] == 0.0
    assert np.abs(np.diff(audio[:24])).max() < 0.01
    assert np.abs(np.diff(audio[-24:])).max() < 0.01


def test_silence_around_the_speech_is_trimmed_to_a_breath() -> None:
    tone = 0.3 * np.sin(np.arange(SAMPLE_RATE) * 0.05)
    audio = np.concatenate([np.zeros(SAMPLE_RATE), tone, np.zeros(SAMPLE_RATE)]).astype(np.float32)
    assert with_clean_edges(audio).size == pytest.approx(1.09 * SAMPLE_RATE, abs=SAMPLE_RATE / 50)


def test_a_stock_voice_that_does_not_exist_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineError, match="no stock voice 'xx_nobody'"):
        engine.stock("xx_nobody")


def test_a_model_file_that_is_not_kokoro_is_refused(tmp_path: Path) -> None:
    encoder = Path(load_halves.__code__.co_filename).parent / "assets" / "speaker_encoder.onnx"
    with pytest.raises(EngineUnavailable, match="not Kokoro's"):
        load_halves(encoder, tmp_path)
    with pytest.raises(EngineUnavailable, match="could not be read"):
        load_halves(tmp_path / "missing.onnx", tmp_path)


@pytest.mark.slow
def test_the_halves_are_cached_and_a_read_only_cache_does_not_matter(tmp_path: Path) -> None:
    cached = load_halves(None, tmp_path)
    assert isinstance(cached.decoder, str)
    written = Path(cached.decoder)
    first = written.stat().st_mtime_ns
    assert load_halves(None, tmp_path) == cached
    assert written.stat().st_mtime_ns == first
    blocked = tmp_path / "a file where a directory should be"
    blocked.write_text("")
    blocked.chmod(stat.S_IRUSR)
    in_memory = load_halves(None, blocked)
    assert in_memory.decoder == written.read_bytes()
