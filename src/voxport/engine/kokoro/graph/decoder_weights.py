"""Reads the weights of Kokoro's decoder from its ONNX graph.

A weight's name is the module's path in Kokoro's own source, taken from the node's name:
`/decoder/decoder/generator/resblocks.0/convs1.0/Conv_quant` becomes `generator.resblocks.0.convs1.0`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from voxport.audio.arrays import FloatArray

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

NODE_PREFIX: Final = "/decoder/decoder/"
_INITIALIZER_PREFIX: Final = "decoder.decoder."
_BASIS_NAME: Final = "inverse_basis"


@dataclass(frozen=True)
class QuantisedWeight:
    """A weight as eight-bit numbers, `(values - zero) x scale`. `values` are int8 from -64 to 64; `zero` and `scale`
    are one number, or one per output."""

    values: Any
    zero: Any
    scale: FloatArray

    def dequantise(self) -> FloatArray:
        weight: FloatArray = (self.values.astype(np.float32) - self.zero.astype(np.float32)) * self.scale
        return weight


@dataclass(frozen=True)
class DecoderWeights:
    """The decoder's weights: `quantised` by module path, convolutions [outputs, inputs, taps] and linear maps [inputs,
    outputs]; `floats`, which the file stores in float32, by module path and kind (".weight", ".bias", ".alpha1.0")."""

    quantised: dict[str, QuantisedWeight] = field(default_factory=dict)
    floats: dict[str, FloatArray] = field(default_factory=dict)


def read_weights(model: ModelProto) -> DecoderWeights:
    """Read the weights of Kokoro's decoder, int8 or float32."""
    from onnx import numpy_helper

    stored = {weight.name: weight for weight in model.graph.initializer}

    def array(name: str) -> Any:
        return numpy_helper.to_array(stored[name])

    weights = DecoderWeights()
    for name in stored:
        if name.startswith(_INITIALIZER_PREFIX):
            path = name.removeprefix(_INITIALIZER_PREFIX)
            if path.endswith(".bias") or ".alpha" in path:
                weights.floats[path] = array(name).astype(np.float32)
            elif path.endswith(_BASIS_NAME):
                weights.floats[_BASIS_NAME] = array(name).astype(np.float32)
    for node in model.graph.node:
        if node.name.startswith(NODE_PREFIX) and len(node.input) > 1 and node.input[1] in stored:
            _read_node(node, array, weights)
    return weights


def _read_node(node: NodeProto, array: Callable[[str], Any], weights: DecoderWeights) -> None:
    path = _module_path(node.name)
    if node.op_type in ("ConvInteger", "MatMulInteger"):
        values, zero = array(node.input[1]), array(node.input[3])
        scale = array(node.input[1].replace("_quantized", "_scale")).astype(np.float32)
        if values.dtype == np.uint8:
            values, zero = (_to_int8(numbers) for numbers in (values, zero))
        weights.quantised[path] = QuantisedWeight(values, zero, scale)
    elif node.op_type in ("Conv", "ConvTranspose", "Gemm"):
        weight = array(node.input[1]).astype(np.float32)
        weights.floats[f"{path}.weight"] = weight.T if node.op_type == "Gemm" else weight
        if len(node.input) > 2:
            weights.floats[f"{path}.bias"] = array(node.input[2]).astype(np.float32)


def _to_int8(numbers: Any) -> Any:
    """Convert seven-bit numbers (0 to 127) to int8 from -64, so that the sum of two products with a uint8 fits the 16
    bits in which AVX2 without VNNI adds them."""
    return (numbers.astype(np.int16) - 64).astype(np.int8)


def _module_path(node: str) -> str:
    path = node.removeprefix(NODE_PREFIX).rsplit("/", 1)[0].replace("/", ".")
    return path.replace("asr_res.asr_res.0", "asr_res.0")
