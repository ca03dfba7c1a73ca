"""Opens ONNX Runtime sessions with common options. ONNX Runtime is imported only when a network is loaded."""

from __future__ import annotations

import os
from typing import Any


def open_session(model: str | bytes, threads: int) -> Any:
    """Opens an `onnxruntime.InferenceSession` on the CPU, with `threads` threads."""
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
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
