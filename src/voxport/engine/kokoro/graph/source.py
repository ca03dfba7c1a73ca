"""Writes the STFT of the source module as a matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.audio.onnx_sessions import open_session
from voxport.engine.kokoro.graph.builder import GraphBuilder
from voxport.engine.kokoro.graph.layers import END

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

_WINDOW: Final = 20
_HOP: Final = 5
_BINS: Final = _WINDOW // 2 + 1


def replace_stft(graph: GraphBuilder, source: GraphProto, *, unvoiced_level: float) -> list[NodeProto]:
    """Return the nodes of `source`, with a matrix product in place of the STFT, which takes twenty times as long and
    only one thread. `unvoiced_level` is the constant signal of the source where there is no voice."""
    nodes: list[NodeProto] = []
    for node in source.node:
        nodes += _write_product(graph, source, node, unvoiced_level) if node.op_type == "STFT" else [node]
    return nodes


def _write_product(graph: GraphBuilder, source: GraphProto, stft: NodeProto, unvoiced_level: float) -> list[NodeProto]:
    outer_nodes, graph.nodes = graph.nodes, []
    groups = graph.op("Reshape", stft.input[0], graph.int_constant(-1, _HOP))
    overlap = _WINDOW // _HOP
    shifted = [graph.slice_rows(groups, first, (first + 1 - overlap) or END) for first in range(overlap)]
    basis = graph.float_constant("forward_basis", _basis(source, stft, unvoiced_level))
    product = graph.op("MatMul", graph.op("Concat", *shifted, axis=1), basis)
    graph.op("Reshape", product, graph.int_constant(1, -1, _BINS, 2), output=stft.output[0])
    nodes, graph.nodes = graph.nodes, outer_nodes
    return nodes


def _basis(source: GraphProto, stft: NodeProto, unvoiced_level: float) -> FloatArray:
    """The matrix [_WINDOW, _BINS x 2] from samples to real and imaginary parts.

    Most bins of a constant signal have only rounding errors, but the generator reads their phase. So that unvoiced
    speech sounds the same, the matrix is moved by the millionth part that gives it the errors of the STFT.
    """
    spectrum = np.fft.rfft(np.eye(_WINDOW) * np.hanning(_WINDOW + 1)[:-1])
    basis = np.stack([spectrum.real, spectrum.imag], axis=2).reshape(_WINDOW, -1)
    wanted = _run_stft(source, stft, np.full(_WINDOW, unvoiced_level, np.float32)) / np.float64(unvoiced_level)
    return np.asarray(basis + (wanted - basis.sum(axis=0)) / _WINDOW)


def _run_stft(source: GraphProto, stft: NodeProto, frame: FloatArray) -> FloatArray:
    """Run the STFT on one frame [_WINDOW]: [_BINS x 2]."""
    from onnx import TensorProto, helper

    constants = [constant for constant in source.initializer if constant.name in stft.input]
    names = (stft.input[0], stft.output[0])
    frames, bins = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    graph = helper.make_graph([stft], "stft", [frames], [bins], constants)
    model: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    output: FloatArray = open_session(model.SerializeToString(), 1).run(None, {stft.input[0]: frame[None]})[0]
    return output.ravel()
