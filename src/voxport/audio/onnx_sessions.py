"""ONNX Runtime, set up the same way for each network. It is imported only when a network is loaded."""

from __future__ import annotations

import os
from typing import Any


def open_session(model: str | bytes, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` on the processor, with `threads` threads."""
    # The pinned version has no telemetry; one that somebody installs in its place may have, and asks the network then.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A pattern is kept for each length of input, and sentences have hundreds: at 250 tokens the peak is a third lower
    # without, and nothing is slower.
    options.enable_mem_pattern = False
    # A thread that waits for work must not burn the processor that HTTP needs. Synthesis is no slower for it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
