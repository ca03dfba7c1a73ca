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
END: Final = np.iinfo(np.int64).max


class Layers:
    """Writes layers into `graph`. `adain` takes its scale and shift from tensors named after the layer."""

    def __init__(self, graph: GraphBuilder, weights: DecoderWeights) -> None:
        self.graph = graph
        self.weights = weights
        self.alphas: dict[str, str] = {}
        """The alpha of each norm that a Snake follows; such a norm returns alpha / pi times its value."""
        self._statistics: dict[str, tuple[str, str]] = {}
        self._quantised: set[str] = set()
        self._tap_indices: dict[tuple[str, int, int], str] = {}

    def conv(self, path: str, x: str, *, rate: str, dilation: int = 1) -> str:
        """A convolution that keeps the length. Convolutions with the same `rate`, the name of a time axis, share their
        indices."""
        g = self.graph
        taps = self.weights.quantised[path].values.shape[2]
        quantised, scale, zero = self.quantise(x)
        if taps > 1:
            half_kernel = dilation * (taps - 1) // 2
            windows = g.op(
                "Gather", g.pad_rows(quantised, half_kernel, half_kernel, zero), self._indices(x, rate, taps, dilation)
            )
            quantised = g.op("Reshape", windows, g.int_constant(0, -1))
        return self.product(path, quantised, scale, zero)

    def product(self, path: str, windows: str, scale: str, zero: str) -> str:
        """The product of quantised `windows` [time, taps x inputs] and the weight of a convolution, in floats, with its
        bias."""
        g, weight = self.graph, self.weights.quantised[path]
        matrix = weight.values.transpose(2, 1, 0).reshape(-1, weight.values.shape[0])
        operands = [
            windows,
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
        next_rows = g.pad_rows(g.slice_rows(x, 1, END), 0, 1)
        even = g.op("Add", g.op("Mul", x, middle), bias)
        odd = g.op("Add", g.op("Add", g.op("Mul", x, after), g.op("Mul", next_rows, before)), bias)
        return self.interleave(even, odd, weight.shape[0])

    def interleave(self, even: str, odd: str, channels: int) -> str:
        g = self.graph
        return g.op("Reshape", g.op("Concat", even, odd, axis=1), g.int_constant(-1, channels))

    def adain(self, path: str, x: str) -> str:
        """Normalise each channel to mean 0 and variance 1 over time, then scale and shift it by the style."""
        g = self.graph
        if x not in self._statistics:
            mean = g.op("ReduceMean", x, g.int_constant(0))
            power = g.op("ReduceMean", g.op("Mul", x, x), g.int_constant(0))
            self._statistics[x] = (mean, self.deviation(mean, power))
        slope, offset = self.adain_map(path, *self._statistics[x])
        return g.op("Add", g.op("Mul", x, slope), offset)

    def adain_map(self, path: str, mean: str, deviation: str) -> tuple[str, str]:
        """The factor and summand [1, channels] of an adaptive norm."""
        g = self.graph
        slope = g.op("Div", f"{path}.gamma", deviation)
        return slope, g.op("Sub", f"{path}.beta", g.op("Mul", mean, slope))

    def deviation(self, mean: str, power: str) -> str:
        """The standard deviation from the means of the numbers and of their squares."""
        g = self.graph
        variance = g.op("Relu", g.op("Sub", power, g.op("Mul", mean, mean)))
        return g.op("Sqrt", g.op("Add", variance, g.float_constant("epsilon", _EPSILON)))

    def quantise(self, x: str) -> tuple[str, str, str]:
        """Quantise a tensor once: its eight-bit numbers, their scale and their zero."""
        from onnx import helper

        names = f"{x}_eight", f"{x}_scale", f"{x}_zero"
        if x not in self._quantised:
            node = helper.make_node("DynamicQuantizeLinear", [x], list(names), name=f"Quantise_{x}")
            self.graph.nodes.append(node)
            self._quantised.add(x)
        return names

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
