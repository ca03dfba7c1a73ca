"""Gives Kokoro's own decoder, of a file that is not rewritten, the input for the offsets of its norms (`adain.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voxport.engine.kokoro.adain import ADAIN_INPUT, ADAIN_SIZE, adain_slices
from voxport.engine.kokoro.graph.decoder_weights import NODE_PREFIX

if TYPE_CHECKING:
    from onnx import ModelProto


def add_adain_input(model: ModelProto) -> None:
    """Add the offsets of each norm to the output of the layer ("fc") that makes its scales and shifts."""
    from onnx import TensorProto, helper

    graph = model.graph
    maps = {node.name.removeprefix(NODE_PREFIX).rpartition("/fc/")[0].replace("/", "."): node for node in graph.node}
    for path, part in adain_slices().items():
        if path not in maps:
            continue
        node = maps[path]
        name, index = node.output[0], list(graph.node).index(node)
        bounds = [f"{name}_{end}" for end in ("start", "end", "axis")]
        for bound, value in zip(bounds, (part.start, part.stop, 1), strict=True):
            graph.initializer.append(helper.make_tensor(bound, TensorProto.INT64, [1], [value]))
        node.output[0] = f"{name}_of_style"
        graph.node.insert(index + 1, helper.make_node("Slice", [ADAIN_INPUT, *bounds], [f"{name}_of_voice"]))
        graph.node.insert(index + 2, helper.make_node("Add", [node.output[0], f"{name}_of_voice"], [name]))
    graph.input.append(helper.make_tensor_value_info(ADAIN_INPUT, TensorProto.FLOAT, [1, ADAIN_SIZE]))
