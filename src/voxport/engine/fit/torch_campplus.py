"""CAM++ in PyTorch, differentiable from audio to embedding, with the weights of the engine's asset."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from voxport.audio import campplus

_BLOCKS: Final = ((12, 1), (24, 2), (16, 2))  # (layers, dilation), as in scripts/build_campplus.py


class TorchCampplus:
    """The network of `audio/campplus.py`. Its input has at most campplus.WINDOW_FRAMES frames."""

    def __init__(self) -> None:
        self._weights = _load_weights()
        self._window = torch.from_numpy(campplus.povey_window())
        self._filters = torch.from_numpy(campplus.mel_filters().T.copy())

    def log_mels(self, audio: Tensor) -> Tensor:
        """The input of the network for `audio` [samples] at 24 kHz: [frames, 80]."""
        frames = audio.unfold(0, campplus.FRAME_SIZE, campplus.FRAME_HOP)
        frames = (frames - frames.mean(1, keepdim=True)) * self._window
        spectrum = torch.fft.rfft(frames, campplus.FFT_SIZE)[:, : campplus.BINS]
        power = (spectrum.real.square() + spectrum.imag.square()) * campplus.POWER_SCALE
        return torch.log((power @ self._filters).clamp(min=campplus.POWER_FLOOR))

    def __call__(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (frames, embeddings) of `windows` [windows, frames, 80] of log mels: the network's last features of
        each 20 ms, [windows, frames / 2, 512], and the embeddings, [windows, 192], each of length 1."""
        windows = windows - windows.mean(1, keepdim=True)
        x = self._head(windows.transpose(1, 2)[:, None])
        x = torch.relu(self._conv("xvector.tdnn.linear", x, stride=2, padding=2))
        for number, (layers, dilation) in enumerate(_BLOCKS, start=1):
            for layer in range(1, layers + 1):
                x = torch.cat([x, self._layer(f"xvector.block{number}.tdnnd{layer}", x, dilation)], 1)
            transit = f"xvector.transit{number}"
            x = self._conv(f"{transit}.linear", self._norm_relu(f"{transit}.nonlinear.batchnorm", x))
        x = self._norm_relu("xvector.out_nonlinear.batchnorm", x)
        pooled = torch.cat([x.mean(2, keepdim=True), x.std(2, keepdim=True)], 1)
        embeddings = functional.normalize(self._conv("xvector.dense.linear", pooled)[:, :, 0], dim=1)
        return x.transpose(1, 2), embeddings

    def _head(self, x: Tensor) -> Tensor:
        x = torch.relu(self._conv2d("head.conv1", x))
        for layer in ("head.layer1", "head.layer2"):
            for block, stride in ((f"{layer}.0", 2), (f"{layer}.1", 1)):
                y = torch.relu(self._conv2d(f"{block}.conv1", x, stride=stride))
                y = self._conv2d(f"{block}.conv2", y)
                if stride == 2:
                    x = self._conv2d(f"{block}.shortcut.0", x, stride=2, padding=0)
                x = torch.relu(y + x)
        x = torch.relu(self._conv2d("head.conv2", x, stride=2))
        return x.flatten(1, 2)

    def _layer(self, path: str, x: Tensor, dilation: int) -> Tensor:
        x = self._norm_relu(f"{path}.nonlinear1.batchnorm", x)
        x = torch.relu(self._conv(f"{path}.linear1", x))
        local = self._conv(f"{path}.cam_layer.linear_local", x, padding=dilation, dilation=dilation)
        context = torch.relu(self._conv(f"{path}.cam_layer.linear1", x.mean(2, keepdim=True)))
        return local * torch.sigmoid(self._conv(f"{path}.cam_layer.linear2", context))

    def _conv(self, path: str, x: Tensor, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> Tensor:
        weight, bias = self._weights[f"{path}.weight"], self._weights[f"{path}.bias"]
        return functional.conv1d(x, weight, bias, stride, padding, dilation)

    def _conv2d(self, path: str, x: Tensor, *, stride: int = 1, padding: int = 1) -> Tensor:
        weight, bias = self._weights[f"{path}.weight"], self._weights[f"{path}.bias"]
        return functional.conv2d(x, weight, bias, (stride, 1), padding)

    def _norm_relu(self, path: str, x: Tensor) -> Tensor:
        return torch.relu(torch.addcmul(self._weights[f"{path}.shift"], x, self._weights[f"{path}.scale"]))


def _load_weights() -> dict[str, Tensor]:
    import onnx
    from onnx import numpy_helper

    content = (files("voxport.audio") / "assets" / "campplus.onnx").read_bytes()
    return {
        tensor.name.removesuffix("_half"): torch.from_numpy(np.array(numpy_helper.to_array(tensor), np.float32))
        for tensor in onnx.load_from_string(content).graph.initializer
        if tensor.name.endswith("_half")
    }
