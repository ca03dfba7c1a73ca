"""The decoder's weights as numbers, out of the same ONNX file that speaks.

In the int8 file a weight is `(quantised - zero point) x scale`. Node names carry the module's path in Kokoro's own
source (`/decoder/decoder/generator/resblocks.4/convs1.2/Conv_quant`), which is kept as the weight's name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from voxport.engine.arrays import Floats
from voxport.engine.cut import cut, part
from voxport.engine.errors import EngineUnavailable
from voxport.engine.weights import model_bytes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_NODES: Final = "/decoder/decoder/"
_WEIGHTS: Final = "decoder.decoder."
_SUFFIXES: Final = ("/Conv_quant", "/Gemm_MatMul_quant", "/ConvTranspose", "/Conv", "/Gemm")
_HARMONICS: Final = "/decoder/decoder/generator/Concat_3_output_0"
"""Where the source module hands its tone to the generator: magnitudes and phases of a short-time spectrum."""


def decoder_parts(model_path: Path | None = None) -> tuple[dict[str, Floats], bytes]:
    """(weights by name, float32; the ONNX graph from `f0` to the source's tone), of Kokoro's ONNX file, int8 by
    default. Raises EngineUnavailable where it is missing or another network."""
    import onnx
    from onnx import TensorProto, helper

    decoder = onnx.load_from_string(cut(model_bytes(model_path))[1])
    asked = [value for value in decoder.graph.input if value.name == "f0"]
    tone = helper.make_tensor_value_info(_HARMONICS, TensorProto.FLOAT, [1, 22, "steps"])
    return _weights(decoder), part(decoder, asked, [tone])


def _weights(model: ModelProto) -> dict[str, Floats]:
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}

    def numbers(name: str) -> Floats:
        return np.asarray(numpy_helper.to_array(stored[name]), np.float32)

    found: dict[str, Floats] = {
        name.removeprefix(_WEIGHTS): numbers(name)
        for name in stored
        if name.startswith(_WEIGHTS) and (name.endswith(".bias") or ".alpha" in name)
    }
    for node in model.graph.node:
        name = _module(node)
        if name is None or node.input[1] not in stored:
            continue
        if node.op_type in ("ConvInteger", "MatMulInteger"):
            scale = numbers(node.input[1].replace("_quantized", "_scale"))
            found[f"{name}.weight"] = (numbers(node.input[1]) - numbers(node.input[3])) * scale
        else:
            weight = numbers(node.input[1])
            found[f"{name}.weight"] = weight.T if node.op_type == "Gemm" else weight
            if len(node.input) > 2:
                found[f"{name}.bias"] = numbers(node.input[2])
    if "generator.conv_post.weight" not in found:
        raise EngineUnavailable("The weights of the engine's decoder can't be read from its model file.")
    return found


def _module(node: NodeProto) -> str | None:
    if not node.name.startswith(_NODES):
        return None
    if node.op_type not in ("ConvInteger", "MatMulInteger", "ConvTranspose", "Conv", "Gemm"):
        return None
    path = node.name.removeprefix(_NODES)
    for suffix in _SUFFIXES:
        path = path.removesuffix(suffix)
    return path.replace("asr_res/asr_res.0", "asr_res.0").replace("/", ".")
