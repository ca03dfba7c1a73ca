"""Builds `assets/speaker_encoder.onnx` from the weights in the Resemblyzer 0.1.4 wheel (Apache-2.0), without torch.

    pip download --no-deps Resemblyzer==0.1.4
    python scripts/build_speaker_encoder.py Resemblyzer-0.1.4-py3-none-any.whl

The model has three LSTM layers of 256, a linear layer and a ReLU. The weights are stored as float16 and cast to float32
when the model is loaded. `pretrained.pt` is a chain of pickles; the unpickler accepts only three harmless names.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

TARGET = Path(__file__).parents[1] / "src/voxport/audio/assets/speaker_encoder.onnx"
FRAMES, MELS, SIZE, LAYERS = 160, 40, 256, 3


def main(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        weights = read_weights(archive.read("resemblyzer/pretrained.pt"))
    model = build(weights)
    onnx.checker.check_model(model)
    TARGET.write_bytes(model.SerializeToString())
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.2f} MB, {sum(w.size for w in weights.values())} weights")


def build(weights: dict[str, np.ndarray[Any, Any]]) -> onnx.ModelProto:
    """Build the model: mels float32 [windows, 160, 40] → embeddings float32 [windows, 256], each of length 1."""
    nodes: list[NodeProto] = [helper.make_node("Transpose", ["mels"], ["layer0"], perm=[1, 0, 2])]
    stored: list[TensorProto] = []

    def store(name: str, values: np.ndarray[Any, Any]) -> str:
        stored.append(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        nodes.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
        return name

    for layer in range(LAYERS):
        w = store(f"w{layer}", _reorder_gates(weights[f"lstm.weight_ih_l{layer}"])[None])
        r = store(f"r{layer}", _reorder_gates(weights[f"lstm.weight_hh_l{layer}"])[None])
        biases = [_reorder_gates(weights[f"lstm.bias_{side}_l{layer}"]) for side in ("ih", "hh")]
        b = store(f"b{layer}", np.concatenate(biases)[None])
        outputs = [f"all{layer}", f"last{layer}"]
        nodes.append(helper.make_node("LSTM", [f"layer{layer}", w, r, b], outputs, hidden_size=SIZE))
        nodes.append(helper.make_node("Squeeze", [f"all{layer}", "direction"], [f"layer{layer + 1}"]))
    linear = [store("linear", weights["linear.weight"]), store("bias", weights["linear.bias"])]
    nodes += [
        helper.make_node("Squeeze", [f"last{LAYERS - 1}", "first"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", *linear], ["projected"], transB=1),
        helper.make_node("Relu", ["projected"], ["raw"]),
        helper.make_node("LpNormalization", ["raw"], ["embeddings"], axis=1, p=2),
    ]
    stored.append(numpy_helper.from_array(np.array([1], np.int64), "direction"))
    stored.append(numpy_helper.from_array(np.array([0], np.int64), "first"))
    mels_input = helper.make_tensor_value_info("mels", TensorProto.FLOAT, ["windows", FRAMES, MELS])
    embeddings_output = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["windows", SIZE])
    graph = helper.make_graph(nodes, "speaker_encoder", [mels_input], [embeddings_output], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _reorder_gates(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Reorder the gates from PyTorch's order (input, forget, cell, output) to ONNX's (input, output, forget, cell)."""
    into, forget, cell, out = np.split(values, 4)
    return np.concatenate([into, out, forget, cell])


def read_weights(content: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """Read the tensors of `model_state` from a checkpoint in PyTorch's first file format: three pickles of preamble,
    the checkpoint, the list of storages, then each storage as a count and that many float32."""
    file = io.BytesIO(content)
    for _ in range(3):
        _Unpickler(file).load()
    checkpoint = _Unpickler(file).load()
    storages: dict[str, np.ndarray[Any, Any]] = {}
    for key in _Unpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        storages[key] = np.frombuffer(file.read(4 * count), "<f4")
    return {name: tensor.read(storages) for name, tensor in checkpoint["model_state"].items()}


class _Tensor:
    def __init__(self, storage: str, offset: int, shape: tuple[int, ...]) -> None:
        self.storage, self.offset, self.shape = storage, offset, shape

    def read(self, storages: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        size = int(np.prod(self.shape))
        return storages[self.storage][self.offset : self.offset + size].reshape(self.shape)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch", "FloatStorage"): "float32",
        }
        return known[module, name]

    def persistent_load(self, pid: Any) -> str:
        kind, dtype, key, *_ = pid
        if (kind, dtype) != ("storage", "float32"):
            raise pickle.UnpicklingError(f"unexpected {kind} of {dtype}")
        return str(key)


def _rebuild_tensor(storage: str, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> _Tensor:
    expected = tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
    if stride != expected:
        raise pickle.UnpicklingError("a tensor that does not lie in one piece")
    return _Tensor(storage, offset, tuple(shape))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
