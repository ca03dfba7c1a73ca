"""The rewritten decoder's layers against the same computation in NumPy, on small tensors."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from voxport.audio.arrays import FloatArray
from voxport.audio.onnx_sessions import open_session
from voxport.engine.kokoro.graph import blocks
from voxport.engine.kokoro.graph.blocks import BlockLayers
from voxport.engine.kokoro.graph.builder import GraphBuilder
from voxport.engine.kokoro.graph.decoder_weights import DecoderWeights, QuantisedWeight
from voxport.engine.kokoro.graph.layers import Layers
from voxport.engine.kokoro.graph.snake import write_snake

CHANNELS, TAPS = 4, 5


def run(graph: GraphBuilder, output: str, inputs: dict[str, FloatArray]) -> FloatArray:
    values = [onnx.helper.make_tensor_value_info(name, 1, [None] * array.ndim) for name, array in inputs.items()]
    result = onnx.helper.make_empty_tensor_value_info(output)
    written = onnx.helper.make_graph(graph.nodes, "test", values, [result], list(graph.constants.values()))
    imports = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(written, opset_imports=imports, ir_version=9)
    answer: FloatArray = open_session(model.SerializeToString(), 1).run([output], inputs)[0]
    return answer


def test_the_polynomial_is_near_to_snake_however_large_the_number() -> None:
    graph = GraphBuilder()
    numbers = np.linspace(-40.0, 40.0, 20_001, dtype=np.float32)[:, None]
    sine = numbers + np.sin(np.pi * numbers.astype(np.float64)) ** 2 / np.pi
    assert np.abs(run(graph, write_snake(graph, "x"), {"x": numbers}) - sine).max() < 3e-4


@pytest.fixture
def small_weights() -> DecoderWeights:
    random = np.random.default_rng(5)
    values = random.integers(-64, 64, (CHANNELS, CHANNELS, TAPS)).astype(np.int8)
    weight = QuantisedWeight(values, np.array(3, np.int8), np.array(0.01, np.float32))
    bias, alpha = random.standard_normal(CHANNELS).astype(np.float32), random.uniform(0.3, 3.0, CHANNELS)
    return DecoderWeights({"conv": weight}, {"conv.bias": bias, "alpha": alpha.astype(np.float32)})


@pytest.mark.parametrize("length", [1, 3, 16, 17, 63])
@pytest.mark.parametrize("dilation", [1, 3])
def test_a_convolution_in_blocks_is_the_one_of_the_whole_tensor(
    small_weights: DecoderWeights, monkeypatch: pytest.MonkeyPatch, length: int, dilation: int
) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_SIZE", 16 * CHANNELS)
    graph = GraphBuilder()
    layers = BlockLayers(Layers(graph, small_weights))
    axis = layers.axis("time", "x", CHANNELS)
    blocked = layers.conv("conv", layers.repeat_last_row("x", axis), axis, dilation=dilation)
    whole = Layers(graph, small_weights).conv("conv", "x", rate="time", dilation=dilation)
    x = np.random.default_rng(length).standard_normal((length, CHANNELS)).astype(np.float32)
    answer, expected = run(graph, blocked, {"x": x}), run(graph, whole, {"x": x})
    assert len(answer) % -(-length // 16) == 0
    assert np.array_equal(answer[:length], expected)
    assert np.array_equal(answer[length:], np.repeat(expected[-1:], len(answer) - length, axis=0))


@pytest.mark.parametrize("length", [2, 16, 17, 63])
def test_a_norm_in_blocks_leaves_the_repeated_rows_out(
    small_weights: DecoderWeights, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_SIZE", 16 * CHANNELS)
    graph = GraphBuilder()
    layers = BlockLayers(Layers(graph, small_weights))
    axis = layers.axis("time", "x", CHANNELS)
    output = layers.adain_snake("norm", "alpha", layers.repeat_last_row("x", axis), axis)
    x = np.random.default_rng(length).standard_normal((length, CHANNELS)).astype(np.float32)
    gamma, beta, alpha = np.array([[1, 2, 0.5, 1]]), np.array([[0, 1, -1, 2]]), small_weights.floats["alpha"]
    folded = {"norm.gamma": gamma * alpha / np.pi, "norm.beta": beta * alpha / np.pi}
    y = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) * gamma + beta
    answer = run(graph, output, {"x": x, **{name: value.astype(np.float32) for name, value in folded.items()}})
    assert np.allclose(answer[:length], y + np.sin(alpha * y) ** 2 / alpha, atol=5e-3)
