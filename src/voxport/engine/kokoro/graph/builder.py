"""A small pen for ONNX graphs: each call writes one node, or a few, and gives the name of what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np

MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""


class GraphBuilder:
    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        made = output or f"made_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [made], name=f"{kind}_{made}", **attributes))
        return made

    def split(self, tensor: str, sizes: list[int], names: list[str], axis: int) -> None:
        from onnx import helper

        node = helper.make_node("Split", [tensor, self.integers(*sizes)], names, name=f"Split_{tensor}", axis=axis)
        self.nodes.append(node)

    def constant(self, name: str, value: Any) -> str:
        """A constant; one of a name that is there already is used again."""
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def floats(self, name: str, value: Any) -> str:
        return self.constant(name, np.asarray(value, np.float32))

    def integers(self, *values: int) -> str:
        return self.constant("integers_" + "_".join(map(str, values)), np.array(values, np.int64))

    def rows(self, tensor: str, start: int, end: int) -> str:
        """Rows from `start` up to `end`, counted as in Python."""
        return self.op("Slice", tensor, self.integers(start), self.integers(end), self.integers(0))

    def padded(self, tensor: str, before: int, after: int, value: str = "") -> str:
        """`tensor` [rows, columns] with rows of `value` (zero when none is named) around it."""
        return self.op("Pad", tensor, self.integers(before, 0, after, 0), *([value] if value else []))
