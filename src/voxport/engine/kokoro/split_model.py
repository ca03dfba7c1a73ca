"""Splits Kokoro's graph into two models, so that the pitch can be set between them.

    tokens, style, speed ──▶ predictor ──▶ features, f0, noise ──▶ decoder ──▶ audio
                                      └──▶ durations    style ──────┘

The predictor computes the duration of each phoneme and the pitch curve, in about a hundredth of the time. The decoder
makes the sound. No node is changed here: with an unchanged curve the audio is bit for bit that of the whole graph (a
test verifies this). `onnx` is imported only to split the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from voxport.engine_errors import EngineUnavailable

if TYPE_CHECKING:
    from onnx import ModelProto

# The decoder's nodes that read the predictor's outputs first, by their names in Kokoro's own export.
_READS_FEATURES: Final = "/decoder/decoder/Concat"
_READS_F0: Final = "/decoder/decoder/Unsqueeze"
_READS_NOISE: Final = "/decoder/decoder/Unsqueeze_1"
_SEAM_NAMES: Final = ("features", "f0", "noise")
_READS_DURATIONS: Final = "/encoder/CumSum"
"""The predictor's node that adds up the durations of the tokens."""
SOURCE_OUTPUT: Final = "/decoder/decoder/generator/Concat_3_output_0"
"""The source module's output to the generator: magnitudes and phases of a short-time spectrum,
[1, 22, 120 x frames + 1]."""


def split_model(model: bytes) -> tuple[bytes, bytes]:
    """Split Kokoro's ONNX file into (predictor, decoder). Raises EngineUnavailable when it is another network.

    predictor: tokens int64 [1, n], style float32 [1, 256], speed float32 [1] or one for each token [n] → features
    float32 [1, 512, frames] (40 frames a second), f0 (Hz) and noise float32 [1, 2 x frames], durations int64 [n], the
    frames of each token. decoder: style, features, f0, noise → audio float32 [samples].
    """
    import onnx
    from onnx import TensorProto, helper

    whole = onnx.load_from_string(model)
    by_name = {node.name: node for node in whole.graph.node}
    inputs = {value.name: value for value in whole.graph.input}
    try:
        seam_tensors = [by_name[reader].input[0] for reader in (_READS_FEATURES, _READS_F0, _READS_NOISE)]
        durations_tensor = by_name[_READS_DURATIONS].input[0]
        speed = helper.make_tensor_value_info("speed", TensorProto.FLOAT, ["speeds"])
        predictor_inputs = [inputs["tokens"], inputs["style"], speed]
    except KeyError as missing:
        raise EngineUnavailable(f"The engine's model file is not Kokoro's: it has no {missing}.") from None
    _rename(whole, {**dict(zip(seam_tensors, _SEAM_NAMES, strict=True)), durations_tensor: "durations"})
    shapes: list[list[Any]] = [[1, 512, "frames"], [1, "half_frames"], [1, "half_frames"]]
    seam_values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip(_SEAM_NAMES, shapes, strict=True)
    ]
    durations = helper.make_tensor_value_info("durations", TensorProto.INT64, ["tokens"])
    predictor = _extract(whole, predictor_inputs, [*seam_values, durations])
    decoder = _extract(whole, [inputs["style"], *seam_values], [whole.graph.output[0]])
    return predictor, decoder


def extract_source_module(decoder: ModelProto) -> bytes:
    """Extract the source module from the decoder: the nodes from `f0` to SOURCE_OUTPUT."""
    from onnx import TensorProto, helper

    source_inputs = [value for value in decoder.graph.input if value.name == "f0"]
    return _extract(
        decoder, source_inputs, [helper.make_tensor_value_info(SOURCE_OUTPUT, TensorProto.FLOAT, [1, 22, "steps"])]
    )


def _rename(model: ModelProto, names: dict[str, str]) -> None:
    for node in model.graph.node:
        for tensors in (node.input, node.output):
            for index, tensor in enumerate(tensors):
                tensors[index] = names.get(tensor, tensor)


def _extract(model: ModelProto, inputs: list[Any], outputs: list[Any]) -> bytes:
    """Extract the nodes between `inputs` and `outputs`, in their order, with the weights that they need."""
    from onnx import helper

    graph = model.graph
    producers = {tensor: index for index, node in enumerate(graph.node) for tensor in node.output}
    input_names = {value.name for value in inputs}
    pending, seen, needed = [value.name for value in outputs], set[str](), set[int]()
    while pending:
        tensor = pending.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        if tensor not in input_names and tensor in producers:
            needed.add(producers[tensor])
            pending.extend(graph.node[producers[tensor]].input)
    nodes = [graph.node[index] for index in sorted(needed)]
    weights = [weight for weight in graph.initializer if weight.name in seen]
    part = helper.make_graph(nodes, "kokoro", inputs, outputs, weights)
    whole = helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
    return bytes(whole.SerializeToString())
