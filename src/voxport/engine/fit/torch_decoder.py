"""Kokoro's decoder in PyTorch, for the gradient of the fit.

It has the layers and weights (`torch_weights.py`) of the ONNX graph, in Kokoro's order: encode, four decode blocks, and
the generator, which upsamples by 10 and by 6 and makes a short-time spectrum with windows of 20 samples. The style
changes only the scale and shift after each normalisation ("AdaIN"), so the decoder takes these numbers, `affine`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from voxport.audio.arrays import FloatArray
from voxport.engine.kokoro.adain import ADAIN_CHANNELS, adain_slices

_DILATIONS: Final = (1, 3, 5)
_UPSAMPLING: Final = ((10, 5), (6, 3))  # (stride, padding) of the two stages
_NOISE_CONV_OPTIONS: Final[tuple[dict[str, int], ...]] = ({"stride": 6, "padding": 3}, {})
_BINS: Final = 11
_HALF_POWER: Final[float] = 0.5**0.5
_OUTPUT_GAIN: Final = 1.5
"""Matches the loudness of the exported graph. It adds the windows without dividing by their sum, which is 1.5 for a
squared Hann window with a hop of a quarter of its length."""


class TorchDecoder:
    """The decoder as a function of tensors, which it does not modify. `weights` are those of `load_decoder_weights`."""

    def __init__(self, weights: dict[str, FloatArray], *, half: bool = False) -> None:
        """With `half` the large convolutions are in bfloat16."""
        stored = {name: torch.from_numpy(np.array(numbers, np.float32)) for name, numbers in weights.items()}
        self._affine_weight = torch.cat([stored.pop(f"{path}.fc.weight") for path in ADAIN_CHANNELS], 1)
        self._affine_bias = torch.cat([stored.pop(f"{path}.fc.bias") for path in ADAIN_CHANNELS])
        self._weights = {name: tensor.bfloat16() if half and _is_large(name) else tensor
                         for name, tensor in stored.items()}  # fmt: skip
        self._slices = adain_slices()
        self._window = torch.hann_window(20)

    def affine(self, style: Tensor) -> Tensor:
        """The scales (less 1) and shifts [37396] of all norms, in the order of `adain.py`, by the timbre half of a
        style [128]."""
        return self.affine_change(style) + self._affine_bias

    def affine_change(self, change: Tensor) -> Tensor:
        """How a `change` [128] of the style changes the scales and shifts [37396]."""
        return change @ self._affine_weight

    def sources(self, source_tone: Tensor, affine: Tensor) -> list[Tensor]:
        """The source module's tone [1, 22, steps], as each stage of the generator adds it."""
        tones = [self._conv(f"generator.noise_convs.{i}", source_tone, **_NOISE_CONV_OPTIONS[i]) for i in range(2)]
        return [self._residual(f"generator.noise_res.{i}", tone, affine) for i, tone in enumerate(tones)]

    def __call__(self, features: Tensor, f0: Tensor, noise: Tensor, sources: list[Tensor], affine: Tensor) -> Tensor:
        """Synthesise audio [samples] at 24 kHz from `features` [1, 512, frames], `f0` and `noise` [1, 2 x frames], the
        `sources` and the norms' numbers `affine` [37396]."""
        pitch = self._conv("F0_conv", f0[:, None], stride=2, padding=1)
        energy = self._conv("N_conv", noise[:, None], stride=2, padding=1)
        text = self._conv("asr_res.0", features)
        x = self._block("encode", torch.cat([features, pitch, energy], 1), affine)
        for i in range(4):
            x = self._block(f"decode.{i}", torch.cat([x, text, pitch, energy], 1), affine, upsamples=i == 3)
        return self._generator(x, sources, affine)

    def _generator(self, x: Tensor, sources: list[Tensor], affine: Tensor) -> Tensor:
        for i, (stride, padding) in enumerate(_UPSAMPLING):
            up = f"generator.ups.{i}"
            x = functional.conv_transpose1d(
                functional.leaky_relu(x, 0.1), self._weights[f"{up}.weight"], self._weights[f"{up}.bias"],
                stride=stride, padding=padding,
            )  # fmt: skip
            if i == 1:
                x = functional.pad(x, (1, 0), mode="reflect")
            x = x + sources[i]
            branches = [self._residual(f"generator.resblocks.{3 * i + kernel}", x, affine) for kernel in range(3)]
            x = (branches[0] + branches[1] + branches[2]) / 3
        x = self._conv("generator.conv_post", functional.leaky_relu(x, 0.01), padding=3)
        magnitude, phase = torch.exp(x[:, :_BINS]), torch.sin(x[:, _BINS:])
        spectrum = torch.complex(magnitude * torch.cos(phase), magnitude * torch.sin(phase))
        audio: Tensor = torch.istft(spectrum, 20, 5, 20, self._window)[0] * _OUTPUT_GAIN
        return audio

    def _block(self, name: str, x: Tensor, affine: Tensor, *, upsamples: bool = False) -> Tensor:
        shortcut = functional.interpolate(x, scale_factor=2.0, mode="nearest") if upsamples else x
        if f"{name}.conv1x1.weight" in self._weights:
            shortcut = self._conv(f"{name}.conv1x1", shortcut)
        x = functional.leaky_relu(self._adain(f"{name}.norm1", x, affine), 0.2)
        if upsamples:
            x = functional.conv_transpose1d(
                x, self._weights[f"{name}.pool.weight"], self._weights[f"{name}.pool.bias"],
                stride=2, padding=1, output_padding=1, groups=x.shape[1],
            )  # fmt: skip
        x = self._conv(f"{name}.conv1", x, padding=1)
        x = functional.leaky_relu(self._adain(f"{name}.norm2", x, affine), 0.2)
        return (self._conv(f"{name}.conv2", x, padding=1) + shortcut) * _HALF_POWER

    def _residual(self, name: str, x: Tensor, affine: Tensor) -> Tensor:
        for i, dilation in enumerate(_DILATIONS):
            half_kernel = (self._weights[f"{name}.convs1.{i}.weight"].shape[2] - 1) // 2
            y = self._snake(f"{name}.alpha1.{i}", self._adain(f"{name}.adain1.{i}", x, affine))
            y = self._conv(f"{name}.convs1.{i}", y, padding=dilation * half_kernel, dilation=dilation)
            y = self._snake(f"{name}.alpha2.{i}", self._adain(f"{name}.adain2.{i}", y, affine))
            x = x + self._conv(f"{name}.convs2.{i}", y, padding=half_kernel)
        return x

    def _conv(self, name: str, x: Tensor, **options: int) -> Tensor:
        weight = self._weights[f"{name}.weight"]
        return functional.conv1d(x.to(weight.dtype), weight, self._weights.get(f"{name}.bias"), **options).float()

    def _adain(self, name: str, x: Tensor, affine: Tensor) -> Tensor:
        scale, shift = affine[self._slices[name]].chunk(2)
        return torch.addcmul(shift[None, :, None], functional.instance_norm(x), 1 + scale[None, :, None])

    def _snake(self, name: str, x: Tensor) -> Tensor:
        activated: Tensor = _Snake.apply(x, self._weights[name])  # type: ignore[no-untyped-call]
        return activated


def _is_large(name: str) -> bool:
    """Whether a weight or a bias belongs to a convolution that takes much time. The last one makes phases, which need
    float32."""
    return ".conv" in name and "conv_post" not in name


class _Snake(torch.autograd.Function):
    """x + sin²(ax) / a, with its own gradient, 1 + sin(2ax), for which only x has to be kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: Tensor) -> Tensor:
        ctx.save_for_backward(x, alpha)
        return x + torch.sin(x * alpha).square_().div_(alpha)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, alpha = ctx.saved_tensors
        return torch.sin(x * (2 * alpha)).add_(1).mul_(gradients[0]), None
