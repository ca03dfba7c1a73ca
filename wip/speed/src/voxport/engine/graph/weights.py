"""The numbers of Kokoro's decoder, taken out of its ONNX graph by the names that its export gave them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from voxport.engine.arrays import Floats

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PREFIX: Final = "/decoder/decoder/"
_INITIALIZER_PREFIX: Final = "decoder.decoder."
_BASIS: Final = "inverse_basis"


@dataclass(frozen=True)
class Quantised:
    """A weight as eight-bit numbers: its value is `values` (int8, from -64 to 63 in Kokoro's int8 file, so that two
    products fit 16 bits on processors without VNNI) times `scale` (one number, or one for each output)."""

    values: Any
    scale: Floats

    def dequantised(self) -> Floats:
        weight: Floats = self.values.astype(np.float32) * self.scale
        return weight


@dataclass(frozen=True)
class DecoderWeights:
    """By module path ("generator.resblocks.0.convs1.0"): convolutions [outputs, inputs, taps], linear maps
    [inputs, outputs], biases; `floats` holds what the file keeps in float32, biases and Snake's alphas among them."""

    quantised: dict[str, Quantised] = field(default_factory=dict)
    floats: dict[str, Floats] = field(default_factory=dict)


def read_weights(model: ModelProto) -> DecoderWeights:
    """Of Kokoro's int8 graph. Raises KeyError when a weight is no constant of the graph."""
    from onnx import numpy_helper

    constants = {weight.name: weight for weight in model.graph.initializer}

    def array(name: str) -> Any:
        return numpy_helper.to_array(constants[name])

    weights = DecoderWeights()
    for node in model.graph.node:
        if node.name.startswith(PREFIX):
            _read(node, array, weights)
    for name in constants:
        if name.startswith(_INITIALIZER_PREFIX):
            path = name.removeprefix(_INITIALIZER_PREFIX)
            if path.endswith(".bias") or ".alpha" in path:
                weights.floats[path] = array(name).astype(np.float32)
            elif path.endswith(_BASIS):
                weights.floats[_BASIS] = array(name).astype(np.float32)
    return weights


def _read(node: NodeProto, array: Callable[[str], Any], weights: DecoderWeights) -> None:
    path = _module(node.name)
    if node.op_type in ("ConvInteger", "MatMulInteger"):
        values, zero = (array(node.input[place]).astype(np.int16) for place in (1, 3))
        scale = array(node.input[1].replace("_quantized", "_scale")).astype(np.float32)
        weights.quantised[path] = Quantised((values - zero).astype(np.int8), scale)
    elif node.op_type in ("Conv", "ConvTranspose"):
        weights.floats[path + ".weight"] = array(node.input[1]).astype(np.float32)


def _module(node: str) -> str:
    """`/decoder/decoder/generator/resblocks.0/convs1.0/Conv_quant` → `generator.resblocks.0.convs1.0`."""
    path = node.removeprefix(PREFIX).rsplit("/", 1)[0].replace("/", ".")
    return path.replace("asr_res.asr_res.0", "asr_res.0")
