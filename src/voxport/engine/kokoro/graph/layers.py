"""Writes the layers of the decoder on tensors [time, channels], so that each convolution is one matrix product.

An eight-bit convolution quantises its input (with one scale), gathers the taps of each output side by side, and
multiplies by the weight, which ONNX Runtime keeps packed. The product is in floats and includes scale and bias.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.engine.kokoro.graph.builder import ORT_DOMAIN, GraphBuilder
from voxport.engine.kokoro.graph.decoder_weights import DecoderWeights

_EPSILON: Final = 1e-5
"""Added to the variance, as in PyTorch's InstanceNorm1d."""
_END: Final = np.iinfo(np.int64).max


class Layers:
    """Writes layers into `graph`. `adain` takes its scale and shift from tensors named after the layer."""

    def __init__(self, graph: GraphBuilder, weights: DecoderWeights) -> None:
        self.graph = graph
        self.weights = weights
        self.channels: dict[str, int] = {}
        """The number of channels of each adaptive norm, in the order of use."""
        self.alphas: dict[str, str] = {}
        """The alpha of each norm that a Snake follows; such a norm returns alpha times its value."""
        self._statistics: dict[str, tuple[str, str]] = {}
        self._tap_indices: dict[tuple[str, int, int], str] = {}

    def conv(self, path: str, x: str, *, rate: str, dilation: int = 1) -> str:
        """A convolution that keeps the length. Convolutions with the same `rate`, the name of a time axis, share their
        indices."""
        g, weight = self.graph, self.weights.quantised[path]
        outputs, _, taps = weight.values.shape
        scale, zero = f"{x}_scale", f"{x}_zero"
        if f"{x}_eight" not in self._statistics:
            self._quantise(x)
        quantised = f"{x}_eight"
        if taps > 1:
            half_kernel = dilation * (taps - 1) // 2
            windows = g.op(
                "Gather", g.pad_rows(quantised, half_kernel, half_kernel, zero), self._indices(x, rate, taps, dilation)
            )
            quantised = g.op("Reshape", windows, g.int_constant(0, -1))
        matrix = weight.values.transpose(2, 1, 0).reshape(-1, outputs)
        operands = [
            quantised,
            g.constant(f"{path}.weight", matrix),
            scale,
            g.float_constant(f"{path}.scale", weight.scale),
        ]
        operands += [zero, g.constant(f"{path}.zero", weight.zero)]
        if f"{path}.bias" in self.weights.floats:
            operands.append(g.float_constant(f"{path}.bias", self.weights.floats[f"{path}.bias"]))
        return g.op("MatMulIntegerToFloat", *operands, domain=ORT_DOMAIN)

    def float_conv(self, path: str, x: str, *, stride: int = 1, padding: int = 0) -> str:
        """A float convolution [1, inputs, time] → [time, outputs], for the few small ones that are not written as a
        matrix product."""
        g = self.graph
        weight = self.weights.quantised[path].dequantise()
        operands = [
            x,
            g.float_constant(f"{path}.weight", weight),
            g.float_constant(f"{path}.bias", self.weights.floats[f"{path}.bias"]),
        ]
        output = g.op("Conv", *operands, strides=[stride], pads=[padding, padding])
        return g.op("Transpose", g.op("Squeeze", output, g.int_constant(0)), perm=[1, 0])

    def float_same_conv(self, path: str, x: str, *, rate: str, gain: float = 1.0) -> str:
        """A convolution in float32 with its weight times `gain`, for the last layer, whose outputs are phases."""
        g, weight = self.graph, self.weights.floats[f"{path}.weight"]
        outputs, _, taps = weight.shape
        windows = g.op("Gather", g.pad_rows(x, taps // 2, taps // 2), self._indices(x, rate, taps, 1))
        matrix = gain * weight.transpose(2, 1, 0).reshape(-1, outputs)
        product = g.op(
            "MatMul", g.op("Reshape", windows, g.int_constant(0, -1)), g.float_constant(f"{path}.weight", matrix)
        )
        return g.op("Add", product, g.float_constant(f"{path}.bias", self.weights.floats[f"{path}.bias"]))

    def upsample(self, path: str, x: str, *, stride: int, gain: float = 1.0) -> str:
        """A transposed convolution of 2 x `stride` taps: each input and the previous one make `stride` outputs."""
        g, weight = self.graph, self.weights.floats[f"{path}.weight"]  # [inputs, outputs, taps]
        inputs, outputs, _ = weight.shape
        tap_pairs = weight.reshape(inputs, outputs, 2, stride).transpose(2, 0, 3, 1)
        matrix = gain * tap_pairs.reshape(2 * inputs, stride * outputs)
        neighbours = g.op("Concat", g.pad_rows(x, 0, 1), g.pad_rows(x, 1, 0), axis=1)
        product = g.op("MatMul", neighbours, g.float_constant(f"{path}.weight", matrix))
        output = g.op("Reshape", product, g.int_constant(-1, outputs))
        cropped = g.slice_rows(output, stride // 2, -(stride // 2))
        return g.op("Add", cropped, g.float_constant(f"{path}.bias", self.weights.floats[f"{path}.bias"]))

    def repeat_rows(self, x: str, channels: int) -> str:
        """Repeat each row twice."""
        return self.interleave(x, x, channels)

    def upsample_depthwise(self, path: str, x: str) -> str:
        """The decoder's depthwise transposed convolution of three taps with stride two."""
        g, weight = self.graph, self.weights.floats[f"{path}.weight"]  # [channels, 1, 3]
        before, middle, after = (g.float_constant(f"{path}.weight.{tap}", weight[None, :, 0, tap]) for tap in range(3))
        bias = g.float_constant(f"{path}.bias", self.weights.floats[f"{path}.bias"])
        next_rows = g.pad_rows(g.slice_rows(x, 1, _END), 0, 1)
        even = g.op("Add", g.op("Mul", x, middle), bias)
        odd = g.op("Add", g.op("Add", g.op("Mul", x, after), g.op("Mul", next_rows, before)), bias)
        return self.interleave(even, odd, weight.shape[0])

    def interleave(self, even: str, odd: str, channels: int) -> str:
        g = self.graph
        return g.op("Reshape", g.op("Concat", even, odd, axis=1), g.int_constant(-1, channels))

    def adain(self, path: str, x: str, channels: int) -> str:
        """Normalise each channel to mean 0 and variance 1 over time, then scale and shift it by the style."""
        g = self.graph
        self.channels[path] = channels
        if x not in self._statistics:
            self._statistics[x] = self._mean_and_deviation(x)
        mean, deviation = self._statistics[x]
        slope = g.op("Div", f"{path}.gamma", deviation)
        offset = g.op("Sub", f"{path}.beta", g.op("Mul", mean, slope))
        return g.op("Add", g.op("Mul", x, slope), offset)

    def adain_snake(self, path: str, alpha: str, x: str, channels: int) -> str:
        """An adaptive norm, then Snake: y + sin²(alpha y) / alpha. The norm returns alpha y directly."""
        g = self.graph
        self.alphas[path] = alpha
        y = self.adain(path, x, channels)
        sine = g.op("Sin", y)
        inverse = g.float_constant(f"{alpha}.inverse", 1.0 / self.weights.floats[alpha].reshape(1, -1))
        return g.op("Mul", g.op("Add", y, g.op("Mul", sine, sine)), inverse)

    def _mean_and_deviation(self, x: str) -> tuple[str, str]:
        g = self.graph
        mean = g.op("ReduceMean", x, g.int_constant(0), keepdims=1)
        power = g.op("ReduceMean", g.op("Mul", x, x), g.int_constant(0), keepdims=1)
        variance = g.op("Relu", g.op("Sub", power, g.op("Mul", mean, mean)))
        return mean, g.op("Sqrt", g.op("Add", variance, g.float_constant("epsilon", _EPSILON)))

    def _quantise(self, x: str) -> None:
        from onnx import helper

        names = [f"{x}_eight", f"{x}_scale", f"{x}_zero"]
        self.graph.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], names, name=f"Quantise_{x}"))
        self._statistics[names[0]] = (names[1], names[2])

    def _indices(self, x: str, rate: str, taps: int, dilation: int) -> str:
        """The indices of the padded rows of each output, int32 [time, taps]."""
        g = self.graph
        if (rate, taps, dilation) not in self._tap_indices:
            length = g.op("Squeeze", g.op("Shape", x, start=0, end=1))
            zero, one = (g.constant(f"scalar_{n}", np.array(n, np.int64)) for n in (0, 1))
            times = g.op("Cast", g.op("Range", zero, length, one), to=6)
            offsets = g.constant(f"offsets_{taps}_{dilation}", dilation * np.arange(taps, dtype=np.int32)[None])
            self._tap_indices[rate, taps, dilation] = g.op("Add", g.op("Unsqueeze", times, g.int_constant(1)), offsets)
        return self._tap_indices[rate, taps, dilation]
