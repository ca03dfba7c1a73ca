"""Resemblyzer's encoder in PyTorch, differentiable from audio to embedding, with the weights of the engine's asset."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.speaker_encoder import slaney_filterbank

_LAYERS, _HIDDEN_SIZE, _MELS = 3, 256, 40
_WINDOW_FRAMES: Final = 160
_STEP_FRAMES: Final = 40  # frames between two windows: fewer than at inference, as the fit's sentences are short
_TARGET_RMS: Final = 10 ** (-24 / 20)
# Windows of 25 ms every 10 ms, as at 16 kHz: the bins up to 8 kHz are the same frequencies.
_FFT, _HOP, _BINS = 600, 240, 201
_POWER_SCALE: Final = (16_000 / SAMPLE_RATE) ** 2


class TorchSpeakerEncoder:
    """Resemblyzer's network with the weights of the engine's own asset, differentiable from audio to embedding."""

    def __init__(self) -> None:
        weights = _load_encoder_weights()
        self._lstm = torch.nn.LSTM(_MELS, _HIDDEN_SIZE, _LAYERS, batch_first=True)
        for layer in range(_LAYERS):
            biases = _reorder_gates(weights[f"b{layer}"].reshape(8, _HIDDEN_SIZE))
            for name, values in (
                ("weight_ih", _reorder_gates(weights[f"w{layer}"].reshape(4, _HIDDEN_SIZE, -1))),
                ("weight_hh", _reorder_gates(weights[f"r{layer}"].reshape(4, _HIDDEN_SIZE, -1))),
                ("bias_ih", biases[: 4 * _HIDDEN_SIZE]),
                ("bias_hh", biases[4 * _HIDDEN_SIZE :]),
            ):
                getattr(self._lstm, f"{name}_l{layer}").data = torch.from_numpy(values)
        self._lstm.requires_grad_(False)
        self._linear = torch.from_numpy(weights["linear"].astype(np.float32))
        self._bias = torch.from_numpy(weights["bias"].astype(np.float32))
        self._mels = torch.from_numpy(slaney_filterbank(16_000, 400, _MELS).astype(np.float32))
        self._window = torch.hann_window(_FFT)

    def __call__(self, audio: Tensor) -> Tensor:
        """The embedding [256], of length 1, of `audio` [samples] at 24 kHz, which is normalised to one loudness."""
        audio = audio * (_TARGET_RMS / (audio.square().mean().sqrt() + 1e-6))
        spectrum = torch.stft(
            audio, _FFT, _HOP, _FFT, self._window, center=True, pad_mode="constant", return_complex=True
        )[:_BINS]
        mels = (self._mels @ (spectrum.real.square() + spectrum.imag.square()) * _POWER_SCALE).T
        mels = functional.pad(mels, (0, 0, 0, max(0, _WINDOW_FRAMES - mels.shape[0])))
        starts = range(0, mels.shape[0] - _WINDOW_FRAMES + 1, _STEP_FRAMES)
        windows = torch.stack([mels[start : start + _WINDOW_FRAMES] for start in starts])
        last = self._lstm(windows)[1][0][-1]
        embeddings = functional.normalize(torch.relu(functional.linear(last, self._linear, self._bias)), dim=1)
        return functional.normalize(embeddings.mean(0), dim=0)


def _load_encoder_weights() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    import onnx
    from onnx import numpy_helper

    content = (files("voxport.audio") / "assets" / "speaker_encoder.onnx").read_bytes()
    return {
        tensor.name.removesuffix("_half"): np.array(numpy_helper.to_array(tensor), np.float32)
        for tensor in onnx.load_from_string(content).graph.initializer
        if tensor.name.endswith("_half")
    }


def _reorder_gates(
    blocks: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Reorder blocks of four LSTM gates from ONNX's order (i, o, f, c) to PyTorch's (i, f, c, o)."""
    order = [start + gate for start in range(0, len(blocks), 4) for gate in (0, 2, 3, 1)]
    return np.ascontiguousarray(np.concatenate([blocks[index] for index in order]))
