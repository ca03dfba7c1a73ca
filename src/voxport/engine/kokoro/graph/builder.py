"""A small builder for ONNX graphs: each call adds one or a few nodes and returns the name of the output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

ORT_DOMAIN = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""


class GraphBuilder:
    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self._name_count = 0

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        output_name = output or self._new_name()
        self.nodes.append(
            helper.make_node(kind, list(inputs), [output_name], name=f"{kind}_{output_name}", **attributes)
        )
        return output_name

    def split(self, tensor: str, sizes: list[int], names: list[str], axis: int) -> None:
        from onnx import helper

        node = helper.make_node("Split", [tensor, self.int_constant(*sizes)], names, name=f"Split_{tensor}", axis=axis)
        self.nodes.append(node)

    def scan(self, tensors: Sequence[str], write_body: Callable[..., Sequence[str]]) -> list[str]:
        """Run nodes once for each index of the first axis of `tensors`, and stack their outputs along a new first axis.

        `write_body` writes these nodes. It receives the name of each tensor's part, and returns the names of the
        outputs, all float32 matrices. It can use the tensors and constants of the graph.
        """
        from onnx import TensorProto, helper

        outer_nodes, self.nodes = self.nodes, []
        parts = [self._new_name() for _ in tensors]
        results = write_body(*parts)
        body = helper.make_graph(
            self.nodes,
            f"body_{results[0]}",
            [helper.make_empty_tensor_value_info(part) for part in parts],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, [None, None]) for result in results],
        )
        self.nodes = outer_nodes
        stacked = [self._new_name() for _ in results]
        self.nodes.append(
            helper.make_node(
                "Scan", list(tensors), stacked, name=f"Scan_{stacked[0]}", body=body, num_scan_inputs=len(parts)
            )
        )
        return stacked

    def constant(self, name: str, value: Any) -> str:
        """Add a constant, or reuse the existing one of the same name."""
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def float_constant(self, name: str, value: Any) -> str:
        return self.constant(name, np.asarray(value, np.float32))

    def int_constant(self, *values: int) -> str:
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, np.int64))

    def slice_rows(self, tensor: str, start: int, end: int) -> str:
        """Rows from `start` up to `end`, counted as in Python."""
        return self.op("Slice", tensor, self.int_constant(start), self.int_constant(end), self.int_constant(0))

    def pad_rows(self, tensor: str, before: int, after: int, value: str = "") -> str:
        """Pad `tensor` [rows, columns] with rows of the constant named `value` (zero by default)."""
        return self.op("Pad", tensor, self.int_constant(before, 0, after, 0), *([value] if value else []))

    def _new_name(self) -> str:
        self._name_count += 1
        return f"made_{self._name_count}"
