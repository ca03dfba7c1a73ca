"""Writes the generator's layers block by block of time, so that what one node writes is still in the processor's cache
when the next one reads it.

The last row of a tensor [rows, channels] is repeated until all blocks have the same length. The statistics of the norms
leave the repeated rows out, and a convolution reads zeros in their place, so the sound does not depend on the blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from voxport.engine.kokoro.graph.layers import END, Layers
from voxport.engine.kokoro.graph.snake import write_snake

_BLOCK_SIZE: Final = 2**18
"""Maximum of numbers in a block: 1 MB of floats. A quarter and twice as many took the same time."""


@dataclass(frozen=True)
class BlockedAxis:
    """The names of int64 tensors that describe a time axis: its `length` [1] without the repeated rows, how many rows
    are `repeated` [1], and the `shape` [2] (blocks, rows of a block). `ones` are float32 [1, rows of a block]. `name`
    identifies the axis."""

    name: str
    channels: int
    length: str
    repeated: str
    shape: str
    ones: str


class BlockLayers:
    """Writes layers on tensors [rows, channels] with the rows of a BlockedAxis."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._graph = layers.graph
        self._sums: dict[str, list[str]] = {}
        """The sums over time of each tensor and of its squares, where a layer has computed them."""
        self._tap_indices: dict[tuple[str, int, int], str] = {}

    def axis(self, name: str, x: str, channels: int) -> BlockedAxis:
        """Divide the time axis of `x` [length, any] into blocks of at most _BLOCK_SIZE numbers in `channels`."""
        g = self._graph
        length = g.op("Shape", x, start=0, end=1)
        count = self._divide_up(length, g.int_constant(_BLOCK_SIZE // channels))
        size = self._divide_up(length, count)
        repeated = g.op("Sub", g.op("Mul", count, size), length)
        one = g.float_constant("one", np.ones((1, 1)))
        ones = g.op("Expand", one, g.op("Concat", g.int_constant(1), size, axis=0))
        return BlockedAxis(name, channels, length, repeated, g.op("Concat", count, size, axis=0), ones)

    def repeat_last_row(self, x: str, axis: BlockedAxis) -> str:
        """Add the repeated rows to `x` [length, any]."""
        g = self._graph
        shape = g.op("Concat", axis.repeated, g.int_constant(1), axis=0)
        return g.op("Concat", x, g.op("Expand", self._last_row(x), shape), axis=0)

    def adain_snake(self, path: str, alpha: str, x: str, axis: BlockedAxis) -> str:
        """An adaptive norm, then Snake: y + sin²(alpha y) / alpha."""
        g, layers = self._graph, self._layers
        layers.alphas[path] = alpha
        slope, offset = layers.adain_map(path, *self._mean_and_deviation(x, axis))
        inverse = g.float_constant(f"{alpha}.inverse", np.pi / layers.weights.floats[alpha].reshape(1, -1))

        def write(block: str) -> list[str]:
            return [g.op("Mul", write_snake(g, g.op("Add", g.op("Mul", block, slope), offset)), inverse)]

        return self._join(g.scan([self._divide(x, axis)], write)[0], axis.channels)

    def conv(self, path: str, x: str, axis: BlockedAxis, *, dilation: int = 1, residual: str = "") -> str:
        """An eight-bit convolution that keeps the length, plus `residual` if there is one."""
        g, layers = self._graph, self._layers
        taps = layers.weights.quantised[path].values.shape[2]
        quantised, scale, zero = layers.quantise(x)
        padded = self._pad(quantised, axis, dilation * (taps // 2), zero)

        def write(indices: str, block: str = "") -> list[str]:
            windows = g.op("Reshape", g.op("Gather", padded, indices), g.int_constant(0, -1))
            y = layers.product(path, windows, scale, zero)
            y = g.op("Add", block, y) if block else y
            return [y, *self._block_sums(y, axis)]

        inputs = [self._indices(axis, taps, dilation)]
        outputs, *sums = g.scan([*inputs, self._divide(residual, axis)] if residual else inputs, write)
        y = self._join(outputs, axis.channels)
        self._sums[y] = [g.op("ReduceSum", one, g.int_constant(0), keepdims=0) for one in sums]
        return y

    def float_conv(self, path: str, x: str, axis: BlockedAxis, *, gain: float) -> str:
        """A convolution in float32 with its weight times `gain`, for the last layer, whose outputs are phases. The
        output is [length, outputs], without the repeated rows."""
        g, floats = self._graph, self._layers.weights.floats
        outputs, _, taps = floats[f"{path}.weight"].shape
        matrix = gain * floats[f"{path}.weight"].transpose(2, 1, 0).reshape(-1, outputs)
        padded = self._pad(x, axis, taps // 2)

        def write(indices: str) -> list[str]:
            windows = g.op("Reshape", g.op("Gather", padded, indices), g.int_constant(0, -1))
            product = g.op("MatMul", windows, g.float_constant(f"{path}.weight", matrix))
            return [g.op("Add", product, g.float_constant(f"{path}.bias", floats[f"{path}.bias"]))]

        joined = self._join(g.scan([self._indices(axis, taps, 1)], write)[0], outputs)
        return g.op("Slice", joined, g.int_constant(0), axis.length, g.int_constant(0))

    def _mean_and_deviation(self, x: str, axis: BlockedAxis) -> tuple[str, str]:
        g = self._graph
        if x not in self._sums:
            parts = g.scan([self._divide(x, axis)], lambda block: self._block_sums(block, axis))
            self._sums[x] = [g.op("ReduceSum", part, g.int_constant(0), keepdims=0) for part in parts]
        repeated, length = (g.op("Cast", number, to=1) for number in (axis.repeated, axis.length))
        last = self._last_row(x)
        mean, power = (
            g.op("Div", g.op("Sub", total, g.op("Mul", repeated, row)), length)
            for total, row in zip(self._sums[x], (last, g.op("Mul", last, last)), strict=True)
        )
        return mean, self._layers.deviation(mean, power)

    def _block_sums(self, block: str, axis: BlockedAxis) -> list[str]:
        """The sums [1, channels] of a block and of its squares. ReduceSum takes 1.7 times as long as the product on one
        thread, and 3.7 times on two."""
        g = self._graph
        return [g.op("MatMul", axis.ones, numbers) for numbers in (block, g.op("Mul", block, block))]

    def _indices(self, axis: BlockedAxis, taps: int, dilation: int) -> str:
        """The indices of the rows of `_pad` that each output reads, int32 [blocks, rows of a block, taps]. They count
        from the end: -1 is the last row before the repeated ones, and 0 and more are the zeros before the first."""
        g = self._graph
        if (axis.name, taps, dilation) not in self._tap_indices:
            zero, one = (g.constant(f"scalar_{n}", np.array(n, np.int64)) for n in (0, 1))
            length, repeated = (g.op("Squeeze", number) for number in (axis.length, axis.repeated))
            times = g.op("Range", g.op("Neg", length), repeated, one)
            centres = g.op("Cast", g.op("Min", times, g.op("Sub", zero, one)), to=6)
            reach = dilation * (np.arange(taps, dtype=np.int32) - taps // 2)
            indices = g.op(
                "Add", g.op("Unsqueeze", centres, g.int_constant(1)), g.constant(f"reach_{taps}_{dilation}", reach)
            )
            shape = g.op("Concat", axis.shape, g.int_constant(taps), axis=0)
            self._tap_indices[axis.name, taps, dilation] = g.op("Reshape", indices, shape)
        return self._tap_indices[axis.name, taps, dilation]

    def _pad(self, x: str, axis: BlockedAxis, reach: int, zero: str = "") -> str:
        """Remove the repeated rows of `x`, and put 2 x `reach` rows of `zero` before the first: what the last rows read
        after the end is there too."""
        g = self._graph
        end = g.op("Concat", g.op("Neg", axis.repeated), g.int_constant(0), axis=0)
        pads = g.op("Concat", g.int_constant(2 * reach, 0), end, axis=0)
        return g.op("Pad", x, pads, *([zero] if zero else []))

    def _divide(self, x: str, axis: BlockedAxis) -> str:
        g = self._graph
        return g.op("Reshape", x, g.op("Concat", axis.shape, g.int_constant(axis.channels), axis=0))

    def _join(self, blocks: str, channels: int) -> str:
        return self._graph.op("Reshape", blocks, self._graph.int_constant(-1, channels))

    def _last_row(self, x: str) -> str:
        g = self._graph
        return g.op("Slice", x, g.int_constant(-1), g.int_constant(END), g.int_constant(0))

    def _divide_up(self, number: str, divisor: str) -> str:
        g = self._graph
        return g.op("Div", g.op("Sub", g.op("Add", number, divisor), g.int_constant(1)), divisor)
