"""The d-vector judge as a distance that a fit can make small: only for the rotation of encoders, never shipped."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.quality.metrics import UnseenEncoder, d_vector_model
from voxport.audio.arrays import FloatArray
from voxport.audio.speaker_encoder import slaney_filterbank

_HIDDEN_SIZE, _LAYERS, _MELS = 768, 3, 40
# The frames of UnseenEncoder at 24 kHz: a window of 25 ms in a transform with the same frequencies up to 8 kHz.
_FFT, _WINDOW, _HOP, _BINS = 768, 600, 240, 257
_POWER_SCALE = (16_000 / 24_000) ** 2
_WINDOW_FRAMES, _STEP_FRAMES = 80, 20
_LSTMS = (("val_43", "val_44", "val_66"), ("val_106", "val_107", "val_129"), ("val_166", "val_167", "val_189"))
"""Names of (input weights, recurrent weights, biases) of each layer in the ONNX file."""


class DVectorDistance:
    """One minus the cosine of the d-vectors. Implements the fit's SpeakerDistance."""

    def __init__(self, recording: FloatArray) -> None:
        import onnx
        from onnx import numpy_helper

        model = onnx.load(str(d_vector_model()))
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self._lstm = torch.nn.LSTM(_MELS, _HIDDEN_SIZE, _LAYERS, batch_first=True)
        for layer, (inputs, recurrent, biases) in enumerate(_LSTMS):
            weights = (_floats(stored, inputs)[0].T, _floats(stored, recurrent)[0].T, *np.split(stored[biases][0], 2))
            for name, values in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights, strict=True):
                getattr(self._lstm, f"{name}_l{layer}").data = _reorder_gates(values)
        self._lstm.requires_grad_(False)
        self._linear = torch.from_numpy(_floats(stored, "proj.linear_layer.weight"))
        self._bias = torch.from_numpy(stored["proj.linear_layer.bias"].copy())
        side = (_FFT - _WINDOW) // 2
        window = np.pad(np.hamming(_WINDOW + 1)[:-1], (side, _FFT - _WINDOW - side))
        self._window = torch.from_numpy(window.astype(np.float32))
        self._mels = torch.from_numpy(slaney_filterbank(16_000, 512, _MELS).T.astype(np.float32))
        self._target = torch.from_numpy(UnseenEncoder().embed(recording).astype(np.float32))

    def __call__(self, audio: Tensor) -> Tensor:
        return 1 - self.embed(audio) @ self._target

    def embed(self, audio: Tensor) -> Tensor:
        """The embedding [256], of length 1, of `audio` [samples] at 24 kHz, at least 0.9 s."""
        spectrum = torch.fft.rfft(audio.unfold(0, _FFT, _HOP) * self._window)[:, :_BINS]
        power = (spectrum.real.square() + spectrum.imag.square()) * _POWER_SCALE
        log_mels = torch.log10(power @ self._mels + 1e-10)
        windows = log_mels.unfold(0, _WINDOW_FRAMES, _STEP_FRAMES).transpose(1, 2)
        embeddings = functional.normalize(self._lstm(windows)[0][:, -1] @ self._linear + self._bias, dim=1)
        return functional.normalize(embeddings.mean(0), dim=0)


def _floats(stored: dict[str, Any], name: str) -> FloatArray:
    values, zero = (stored[f"{name}_{part}"].astype(np.float32) for part in ("quantized", "zero_point"))
    return np.asarray((values - zero) * stored[f"{name}_scale"], np.float32)


def _reorder_gates(values: FloatArray) -> Tensor:
    """Reorder from ONNX's gates (i, o, f, c) to PyTorch's (i, f, c, o)."""
    gates = np.split(values, 4)
    return torch.from_numpy(np.ascontiguousarray(np.concatenate([gates[0], gates[2], gates[3], gates[1]])))
