"""Opens ONNX Runtime sessions with common options. ONNX Runtime is imported only when a network is loaded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_is_releasing = False


class OnnxSession:
    """An `onnxruntime.InferenceSession`. It keeps the memory that its longest input took, until `releasing_memory`."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.input_names: frozenset[str] = frozenset(value.name for value in session.get_inputs())

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Any]) -> list[Any]:
        """Returns the named outputs, or all."""
        options = None
        if _is_releasing:
            import onnxruntime

            options = onnxruntime.RunOptions()
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        answers: list[Any] = self._session.run(outputs, inputs, options)
        return answers


@contextlib.contextmanager
def releasing_memory() -> Iterator[None]:
    """During the block, each run of a session returns the memory that it needs no more to the system. For one thread.

    With every run it would cost 6 to 10 % of the time of speech (decision 0070)."""
    global _is_releasing
    _is_releasing = True
    try:
        yield
    finally:
        _is_releasing = False


def open_session(model: str | bytes, threads: int) -> OnnxSession:
    """Opens a session on the CPU, with `threads` threads."""
    # The pinned version has no telemetry, but another installed version may have it and connect to the network.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # ONNX Runtime would store a memory pattern for each input length, and sentences have hundreds. Without patterns,
    # the memory peak at 250 tokens is a third lower, and nothing is slower.
    options.enable_mem_pattern = False
    # An idle thread must not use CPU time that HTTP needs. Synthesis is not slower without spinning.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return OnnxSession(onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]))
