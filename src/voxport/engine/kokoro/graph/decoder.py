"""Builds Kokoro's decoder from its weights, with the same computation in a cheaper order (see docs/engine.md).

    features, f0, noise ──▶ encode, decode.0-3 ──▶ two stages of upsampling and residual blocks ──▶ iSTFT ──▶ audio
    f0 ──▶ tone ─────────────────────────────────────▲
    style, offsets ──▶ scale and shift of every norm ─▲

The nodes from f0 to the tone are copied from Kokoro's own graph, except the STFT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from voxport.engine.kokoro.adain import ADAIN_CHANNELS, ADAIN_INPUT, ADAIN_SIZE
from voxport.engine.kokoro.graph.blocks import BlockedAxis, BlockLayers
from voxport.engine.kokoro.graph.builder import GraphBuilder
from voxport.engine.kokoro.graph.decoder_weights import DecoderWeights
from voxport.engine.kokoro.graph.layers import Layers
from voxport.engine.kokoro.graph.source import replace_stft
from voxport.engine.kokoro.split_model import SOURCE_OUTPUT, extract_source_module

if TYPE_CHECKING:
    from onnx import ModelProto

_STRIDES: Final = (10, 6)
_DILATIONS: Final = (1, 3, 5)
_HOP: Final = 5
_WINDOW: Final = 20
_SOURCE_BIAS: Final = "generator.m_source.l_linear.bias"
_TIMBRE_SIZE: Final = 128
"""The decoder reads only the first numbers of a style."""


def build_decoder(model: ModelProto, weights: DecoderWeights) -> bytes:
    """Build the graph, with the output and the inputs of `model`, Kokoro's own decoder, and one more for the offsets of
    the adaptive norms (`adain.py`). Raises KeyError when a weight is missing."""
    return _DecoderBuilder(weights).build(model)


class _DecoderBuilder:
    def __init__(self, weights: DecoderWeights) -> None:
        self.weights = weights
        self.graph = GraphBuilder()
        self.layers = Layers(self.graph, weights)
        self.blocks = BlockLayers(self.layers)

    def build(self, model: ModelProto) -> bytes:
        import onnx
        from onnx import helper

        self._write_istft(self._write_generator(self._write_decode_blocks()))
        node_count = len(self.graph.nodes)
        self._write_style_affine()
        tone = onnx.load_from_string(extract_source_module(model)).graph
        tone_nodes = replace_stft(self.graph, tone, unvoiced_level=float(np.tanh(self.weights.floats[_SOURCE_BIAS][0])))
        # The norms are known only when the other nodes are written, but the nodes that compute their scales and shifts
        # must come first.
        nodes = [*tone_nodes, *self.graph.nodes[node_count:], *self.graph.nodes[:node_count]]
        constants = [*tone.initializer, *self.graph.constants.values()]
        offsets = helper.make_tensor_value_info(ADAIN_INPUT, onnx.TensorProto.FLOAT, [1, ADAIN_SIZE])
        inputs = [*model.graph.input, offsets]
        graph = helper.make_graph(nodes, "kokoro_decoder", inputs, model.graph.output, constants)
        model_proto = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
        return bytes(model_proto.SerializeToString())

    def _write_decode_blocks(self) -> str:
        """Write the encode and decode blocks. The output is [2 x frames, 512]."""
        g, layers = self.graph, self.layers
        features = g.op("Transpose", g.op("Squeeze", "features", g.int_constant(0)), perm=[1, 0])
        f0, noise = (
            layers.float_conv(path, g.op("Unsqueeze", name, g.int_constant(1)), stride=2, padding=1)
            for name, path in (("f0", "F0_conv"), ("noise", "N_conv"))
        )
        x = self._write_block("encode", g.op("Concat", features, f0, noise, axis=1))
        residual = layers.conv("asr_res.0", features, rate="frames")
        for index in range(4):
            concatenated = g.op("Concat", x, residual, f0, noise, axis=1)
            x = self._write_block(f"decode.{index}", concatenated, upsamples=index == 3)
        return x

    def _write_block(self, path: str, x: str, *, upsamples: bool = False) -> str:
        g, layers = self.graph, self.layers
        rate = "halves" if upsamples else "frames"
        outputs = self.weights.quantised[f"{path}.conv1"].values.shape[0]
        shortcut = layers.conv(f"{path}.conv1x1", x, rate="frames")
        y = g.op("LeakyRelu", layers.adain(f"{path}.norm1", x), alpha=0.2)
        if upsamples:
            shortcut = layers.repeat_rows(shortcut, outputs)
            y = layers.upsample_depthwise(f"{path}.pool", y)
        y = layers.conv(f"{path}.conv1", y, rate=rate)
        y = g.op("LeakyRelu", layers.adain(f"{path}.norm2", y), alpha=0.2)
        y = layers.conv(f"{path}.conv2", y, rate=rate)
        return g.op("Mul", g.op("Add", y, shortcut), g.float_constant("half_root", 0.5**0.5))

    def _write_generator(self, x: str) -> str:
        """Write the generator. The output is log magnitudes and phases, [120 x frames + 1, 22]."""
        g, layers, blocks = self.graph, self.layers, self.blocks
        for stage, stride in enumerate(_STRIDES):
            # The three blocks are summed, not averaged: the weights that follow include the factor 1/3.
            x = g.op("LeakyRelu", x, alpha=0.1)
            x = layers.upsample(f"generator.ups.{stage}", x, stride=stride, gain=1 / 3 if stage else 1.0)
            if stage:
                x = g.op("Concat", g.slice_rows(x, 1, 2), x, axis=0)
            strided = {} if stage else {"stride": 6, "padding": 3}
            tone = layers.float_conv(f"generator.noise_convs.{stage}", SOURCE_OUTPUT, **strided)
            channels = self.weights.quantised[f"generator.noise_res.{stage}.convs1.0"].values.shape[0]
            axis = blocks.axis(f"stage_{stage}", x, channels)
            x, tone = (blocks.repeat_last_row(tensor, axis) for tensor in (x, tone))
            x = g.op("Add", x, self._write_residual_block(f"generator.noise_res.{stage}", tone, axis))
            outputs = [self._write_residual_block(f"generator.resblocks.{3 * stage + n}", x, axis) for n in range(3)]
            x = g.op("Add", g.op("Add", outputs[0], outputs[1]), outputs[2])
            if stage == 0:
                x = g.op("Slice", x, g.int_constant(0), axis.length, g.int_constant(0))
        return blocks.float_conv("generator.conv_post", g.op("LeakyRelu", x, alpha=0.01), axis, gain=1 / 3)

    def _write_residual_block(self, path: str, x: str, axis: BlockedAxis) -> str:
        blocks = self.blocks
        for n, dilation in enumerate(_DILATIONS):
            y = blocks.adain_snake(f"{path}.adain1.{n}", f"{path}.alpha1.{n}", x, axis)
            y = blocks.conv(f"{path}.convs1.{n}", y, axis, dilation=dilation)
            y = blocks.adain_snake(f"{path}.adain2.{n}", f"{path}.alpha2.{n}", y, axis)
            x = blocks.conv(f"{path}.convs2.{n}", y, axis, residual=x)
        return x

    def _write_istft(self, spectrum: str) -> None:
        """Write the inverse STFT: each five samples are a matrix product of the four frames that overlap them."""
        g = self.graph
        bins = _WINDOW // 2 + 1
        g.split(spectrum, [bins, bins], ["log_magnitude", "raw_phase"], axis=1)
        magnitude, phase = g.op("Exp", "log_magnitude"), g.op("Sin", "raw_phase")
        parts = [g.op("Mul", magnitude, g.op(kind, phase)) for kind in ("Cos", "Sin")]
        frames = g.op("Concat", *parts, axis=1)
        overlap = _WINDOW // _HOP
        shifted = [g.pad_rows(frames, back, overlap - 1 - back) for back in range(overlap)]
        # Kokoro's export multiplies by 4 (window / hop), and does not divide by the sum of the windows.
        basis = 4.0 * self.weights.floats["inverse_basis"].reshape(2 * bins, overlap, _HOP).transpose(1, 0, 2)
        matrix = g.float_constant("basis", basis.reshape(-1, _HOP))
        samples = g.op("Reshape", g.op("MatMul", g.op("Concat", *shifted, axis=1), matrix), g.int_constant(-1))
        margin = _WINDOW // 2
        g.op("Slice", samples, g.int_constant(margin), g.int_constant(-margin), output="audio")

    def _write_style_affine(self) -> None:
        """Write one product that computes the scale and shift of each channel of every norm from the style, to which
        the voice's offsets are added. Before a Snake both are multiplied by its alpha / pi."""
        g, floats = self.graph, self.weights.floats
        values, scales, shifts, gains, sizes, names = [], [], [], [], [], []
        for path, channels in ADAIN_CHANNELS.items():
            weight = self.weights.quantised[f"{path}.fc"]
            alpha = self.layers.alphas.get(path)
            gain = np.tile(floats[alpha].ravel() / np.pi, 2) if alpha else np.ones(2 * channels, np.float32)
            values.append(weight.values)
            scales.append(gain * weight.scale)
            gains.append(gain)
            shifts.append(gain * (floats[f"{path}.fc.bias"] + np.repeat([1, 0], channels)))
            sizes += [channels, channels]
            names += [f"{path}.gamma", f"{path}.beta"]
        timbre = g.op("Slice", "style", g.int_constant(0), g.int_constant(_TIMBRE_SIZE), g.int_constant(1))
        weight_ = g.op("Cast", g.constant("affine.weight", np.concatenate(values, axis=1)), to=1)
        scaled = g.op("Mul", g.op("MatMul", timbre, weight_), g.float_constant("affine.scale", np.concatenate(scales)))
        of_style = g.op("Add", scaled, g.float_constant("affine.bias", np.concatenate(shifts)))
        of_voice = g.op("Mul", ADAIN_INPUT, g.float_constant("affine.gain", np.concatenate(gains)))
        affine = g.op("Add", of_style, of_voice, output="affine")
        g.split(affine, sizes, names, axis=1)
