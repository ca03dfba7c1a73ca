"""The split network, and the audio that it synthesizes."""

from __future__ import annotations

import stat
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.support.audio_features import log_mels
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.loudness import LoudnessNormalizer
from voxport.audio.trim import trim_silence
from voxport.engine import LANGUAGES, Engine, EngineError, EngineUnavailable
from voxport.engine.kokoro.adain import ADAIN_INPUT, ADAIN_SIZE, adain_slices
from voxport.engine.kokoro.graph.decoder_weights import read_weights
from voxport.engine.kokoro.graph.float_decoder import add_adain_input
from voxport.engine.kokoro.graph.rewrite import build_split_model
from voxport.engine.kokoro.split_model import split_model
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.weights import SplitModel, load_split_model, model_bytes

TEXTS = {
    "en-us": "The weather is lovely today.",
    "en-gb": "The weather is lovely today.",
    "es": "Hoy hace muy buen tiempo.",
    "fr-fr": "Il fait très beau aujourd'hui.",
    "it": "Oggi è una bella giornata.",
    "pt-br": "Hoje está um dia muito bonito.",
    "hi": "आज मौसम बहुत अच्छा है।",
    "ja": "今日はとてもいい天気です。",
    "zh": "今天的天气非常好。",
}


@pytest.fixture(scope="module")
def original() -> Synthesizer:
    """Kokoro's network in two halves, with all nodes unchanged."""
    return Synthesizer(SplitModel(*split_model(model_bytes(None))), threads=1)


@pytest.fixture(scope="module")
def rewritten() -> Synthesizer:
    """The rewritten halves, which the engine uses."""
    return Synthesizer(load_split_model(), threads=1)


@pytest.mark.slow
def test_the_two_halves_as_they_are_cut_make_the_same_audio_as_the_whole_network(
    engine: Engine, original: Synthesizer
) -> None:
    (chunk,) = engine.plan("Both say it.", "en-us")
    style = engine.stock_voice("af_heart").style(len(chunk.tokens))
    whole = onnxruntime.InferenceSession(model_bytes(None), providers=["CPUExecutionProvider"])
    tokens = np.array([[0, *chunk.tokens, 0]], np.int64)
    given = {"tokens": tokens, "style": style[None], "speed": np.ones(1, np.float32)}
    audio = original.decode(original.predict(chunk.tokens, style, 1.0), style)
    np.testing.assert_array_equal(audio, whole.run(None, given)[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("af_heart", "She found a better answer."),
        *((name, "Yes.") for name in ("am_michael", "bm_george", "hf_alpha", "zm_yunxi", "af_nicole")),
    ],
)
def test_the_decoder_written_anew_sounds_as_kokoro_s_own(
    engine: Engine, original: Synthesizer, rewritten: Synthesizer, name: str, text: str
) -> None:
    (chunk,) = engine.plan(text, "en-us")
    style = engine.stock_voice(name).style(len(chunk.tokens))
    prediction = original.predict(chunk.tokens, style, 1.0)
    ours = rewritten.decode(prediction, style)
    theirs = original.decode(prediction, style)
    assert ours.size == theirs.size
    assert np.corrcoef(log_mels(ours).ravel(), log_mels(theirs).ravel())[0, 1] > 0.99
    assert abs(10 * np.log10(np.mean(ours**2) / np.mean(theirs**2))) < 0.2


@pytest.mark.slow
def test_no_weight_is_so_large_that_two_products_with_a_byte_leave_16_bits() -> None:
    weights = read_weights(onnx.load_from_string(split_model(model_bytes(None))[1]))
    convolutions = [one for one in weights.quantised.values() if one.values.ndim == 3]
    assert len(convolutions) > 50
    assert all(one.values.dtype == np.int8 for one in convolutions)
    assert max(2 * 255 * int(np.abs(one.values.astype(int)).max()) for one in convolutions) < 2**15


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_is_spoken_at_a_natural_pace_by_its_own_voice(engine: Engine, language: str) -> None:
    voice = next(voice for voice in engine.stock_voices() if voice.language == language)
    (chunk,) = engine.plan(TEXTS[language], language)
    audio = engine.speak(chunk, engine.stock_voice(voice.id))
    assert audio.dtype == np.float32
    assert 1.0 < audio.size / SAMPLE_RATE < 4.0
    assert 0.1 < np.abs(audio).max() <= 1.0


@pytest.mark.slow
def test_a_loud_voice_is_not_clipped_before_its_loudness_is_normalised(engine: Engine) -> None:
    (chunk,) = engine.plan("चुप!", "hi")
    audio = engine.speak(chunk, engine.stock_voice("hf_alpha"))
    assert np.abs(audio).max() > 1.05
    assert np.abs(LoudnessNormalizer().process(audio)).max() < 0.8


@pytest.mark.slow
def test_speed_two_takes_half_as_long(engine: Engine) -> None:
    (chunk,) = engine.plan("She found a better answer in a small yellow book.", "en-us")
    voice = engine.stock_voice("am_michael")
    normal, fast = (engine.speak(chunk, voice, speed).size for speed in (1.0, 2.0))
    assert 0.4 < fast / normal < 0.65


@pytest.mark.slow
def test_chunks_join_without_a_click(engine: Engine) -> None:
    (chunk,) = engine.plan("Every edge is soft.", "en-us")
    audio = engine.speak(chunk, engine.stock_voice("bf_emma"))
    assert audio[0] == audio[-1] == 0.0
    assert np.abs(np.diff(audio[:24])).max() < 0.01
    assert np.abs(np.diff(audio[-24:])).max() < 0.01


def test_silence_around_the_speech_is_trimmed_to_a_breath() -> None:
    tone = 0.3 * np.sin(np.arange(SAMPLE_RATE) * 0.05)
    audio = np.concatenate([np.zeros(SAMPLE_RATE), tone, np.zeros(SAMPLE_RATE)]).astype(np.float32)
    assert trim_silence(audio).size == pytest.approx(1.09 * SAMPLE_RATE, abs=SAMPLE_RATE / 50)


def test_a_stock_voice_that_does_not_exist_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineError, match="no stock voice 'xx_nobody'"):
        engine.stock_voice("xx_nobody")


def test_a_model_file_that_is_not_kokoro_is_refused(tmp_path: Path) -> None:
    encoder = Path(str(files("voxport.audio"))) / "assets" / "speaker_encoder.onnx"
    with pytest.raises(EngineUnavailable, match="not Kokoro's"):
        load_split_model(encoder, tmp_path)
    with pytest.raises(EngineUnavailable, match="could not be read"):
        load_split_model(tmp_path / "missing.onnx", tmp_path)


@pytest.mark.slow
def test_the_halves_are_cached_and_a_read_only_cache_does_not_matter(tmp_path: Path) -> None:
    cached = load_split_model(None, tmp_path)
    assert isinstance(cached.decoder, str)
    written = Path(cached.decoder)
    first = written.stat().st_mtime_ns
    assert load_split_model(None, tmp_path) == cached
    assert written.stat().st_mtime_ns == first
    blocked = tmp_path / "a file where a directory should be"
    blocked.write_text("")
    blocked.chmod(stat.S_IRUSR)
    in_memory = load_split_model(None, blocked)
    assert in_memory.decoder == written.read_bytes()


def small_model(last: str) -> bytes:
    """A model with only the nodes and inputs at which `split_model` cuts Kokoro's."""
    node, info, kind = onnx.helper.make_node, onnx.helper.make_tensor_value_info, onnx.TensorProto
    nodes = [
        node("Cast", ["tokens"], ["said"], to=kind.FLOAT),
        node("CumSum", ["tokens", "axis"], ["frames"], name="/encoder/CumSum"),
        node("Identity", ["speed"], ["curve"]),
        node("Identity", ["speed"], ["breath"]),
        node("Mul", ["said", "style"], ["a"], name="/decoder/decoder/Concat"),
        node("Mul", ["curve", "a"], ["b"], name="/decoder/decoder/Unsqueeze"),
        node("Mul", ["breath", "b"], ["c"], name="/decoder/decoder/Unsqueeze_1"),
        node(last, ["c", "c"], ["audio"], name="/decoder/decoder/last/Conv_quant"),
    ]
    inputs = [info("tokens", kind.INT64, [1, 1]), info("style", kind.FLOAT, [1, 1]), info("speed", kind.FLOAT, [1])]
    graph = onnx.helper.make_graph(nodes, "small", inputs, [info("audio", kind.FLOAT, ["samples"])])
    return bytes(onnx.helper.make_model(graph).SerializeToString())


def test_a_model_without_eight_bit_convolutions_keeps_its_own_decoder() -> None:
    model = small_model("Conv")
    predictor, decoder = build_split_model(model)
    assert predictor == split_model(model)[0]
    kept, own = (onnx.load_from_string(content).graph for content in (decoder, split_model(model)[1]))
    assert list(kept.node) == list(own.node)


def test_the_norms_of_a_decoder_that_is_kept_take_a_voice_s_offsets() -> None:
    node, info, kind = onnx.helper.make_node, onnx.helper.make_tensor_value_info, onnx.TensorProto
    path = "generator.resblocks.5.adain2.2"
    layer = "/decoder/decoder/generator/resblocks.5/adain2.2"
    weight = onnx.helper.make_tensor("weight", kind.FLOAT, [1, 256], np.ones(256))
    graph = onnx.helper.make_graph(
        [node("Gemm", ["style", "weight"], ["affine"], name=f"{layer}/fc/Gemm")],
        "norm",
        [info("style", kind.FLOAT, [1, 1])],
        [info("affine", kind.FLOAT, [1, 256])],
        [weight],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    add_adain_input(model)
    offsets = np.arange(ADAIN_SIZE, dtype=np.float32)[None]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (affine,) = session.run(None, {"style": np.ones((1, 1), np.float32), ADAIN_INPUT: offsets})
    np.testing.assert_array_equal(affine[0], 1 + offsets[0, adain_slices()[path]])


def test_an_eight_bit_model_that_is_not_kokoro_s_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="not Kokoro's int8 one"):
        build_split_model(small_model("ConvInteger"))
