"""Optimises the 128 numbers of the timbre by gradient descent, and stops before the speech degrades.

The loss is a sum of three terms (`benchmarks/quality/ablation.py` leaves out each of them):

- one minus the cosine of the speaker encoder's embeddings: the speaker's identity. A fit with this term alone games it;
- the squared distance of the long-term spectra: differences that the encoder ignores, and a guard against gaming it;
- the squared distance from the start, in units of the stock voices' deviation: stays near the network's training data.

The similarity by the fit's own encoder keeps rising when no other measure does, so it does not decide when to stop. A
validation sentence, which is never fitted, decides: by its spectrum, a measure that involves no network, and by the
share of it that is still voiced.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from torch import Tensor

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.pitch import log_f0
from voxport.engine.fit.losses import LongTermSpectrum, SpectralEqFilter, TorchSpeakerEncoder
from voxport.engine.fit.sentences import DecoderInput
from voxport.engine.fit.torch_decoder import TorchDecoder

_LEARNING_RATE: Final = 0.12  # of Adam, in units of the stock voices' deviation
_EMBEDDING_WEIGHT: Final = 1.0
_SPECTRUM_WEIGHT: Final = 0.1
_OFFSET_WEIGHT: Final = 0.0015
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # Adam's defaults
_VALIDATION_INTERVAL: Final = 4  # steps
_MIN_STEPS: Final = 8
_AVERAGE_WEIGHT: Final = 0.5  # weight of a step's result in the running mean that is returned
_MIN_VOICED_RATIO: Final = 0.85
"""The fit stops when fewer than this share of the start's voiced frames is still voiced: the voice breaks up."""
_MAX_LOSS_RATIO: Final = 1.5
"""The fit stops when the spectral loss of the validation sentence exceeds its best by this factor."""


_CHECKPOINT_ARRAYS: Final = ("offset", "first", "second", "mean", "best")


@dataclass(frozen=True)
class FitTarget:
    """The target of the fit: the sample's embedding [256], and the (mean, deviation) of its spectrum."""

    embedding: Tensor
    spectrum: tuple[Tensor, Tensor]


@dataclass
class FitState:
    """The state of a fit. It is small and saved after each step, so that a killed fit can resume."""

    step: int = 0
    offset: FloatArray = field(default_factory=lambda: np.zeros(128, np.float32))
    first: FloatArray = field(default_factory=lambda: np.zeros(128, np.float32))
    second: FloatArray = field(default_factory=lambda: np.zeros(128, np.float32))
    mean: FloatArray = field(default_factory=lambda: np.zeros(128, np.float32))
    best: FloatArray = field(default_factory=lambda: np.zeros(128, np.float32))
    validations: list[tuple[float, float]] = field(default_factory=list)
    """(spectral loss, voiced frames) of the validation sentence; the first entry is from before the first step."""
    is_stopped: bool = False

    def to_bytes(self) -> bytes:
        file = io.BytesIO()
        arrays = {name: getattr(self, name) for name in _CHECKPOINT_ARRAYS}
        looks = np.array(self.validations, np.float64).reshape(-1, 2)
        np.savez(file, step=self.step, stopped=self.is_stopped, looks=looks, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> FitState:
        """Raises ValueError when `content` is not a state."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                arrays = {name: stored[name].astype(np.float32) for name in _CHECKPOINT_ARRAYS}
                looks = [(float(loss), float(voiced)) for loss, voiced in stored["looks"]]
                return cls(step=int(stored["step"]), validations=looks, is_stopped=bool(stored["stopped"]), **arrays)
        except Exception as error:
            raise ValueError("this is no state of a fit") from error


class TimbreOptimizer:
    """Runs the fit. `deviation` [128] is the stock voices' deviation, the unit of all offsets in a FitState."""

    def __init__(
        self,
        decoder: TorchDecoder,
        encoder: TorchSpeakerEncoder,
        spectrum: LongTermSpectrum,
        segments: list[DecoderInput],
        validation: list[DecoderInput],
        target: FitTarget,
        deviation: FloatArray,
        spectral_eq: SpectralEqFilter,
    ) -> None:
        self._decoder = decoder
        self._encoder = encoder
        self._spectrum = spectrum
        self._segments = segments
        self._validation = validation
        self._target = target
        self._deviation = torch.from_numpy(deviation)
        self._spectral_eq = spectral_eq

    def run(self, state: FitState, on_step: Callable[[FitState], None], *, steps: int) -> FloatArray:
        """Continue the fit from `state`, and return the offset of the timbre half of the style [128].

        `on_step` receives the state after each step. The fit ends after `steps` steps in total, or earlier when the
        validation sentence gets worse.
        """
        if not state.validations:
            self._validate(state)
        while state.step < steps and not state.is_stopped:
            self._step(state)
            if state.step % _VALIDATION_INTERVAL == 0 or state.step == steps:
                self._validate(state)
            on_step(state)
        return np.asarray(state.best * self._deviation.numpy(), np.float32)

    def _step(self, state: FitState) -> None:
        offset = torch.from_numpy(state.offset).requires_grad_()
        segment = self._segments[state.step % len(self._segments)]
        self._loss(self._synthesize(segment, offset), offset).backward()  # type: ignore[no-untyped-call]
        assert offset.grad is not None
        gradient = offset.grad.numpy()
        state.step += 1
        state.first = _BETA1 * state.first + (1 - _BETA1) * gradient
        state.second = _BETA2 * state.second + (1 - _BETA2) * gradient**2
        first = state.first / (1 - _BETA1**state.step)
        second = state.second / (1 - _BETA2**state.step)
        state.offset = (state.offset - _LEARNING_RATE * first / (np.sqrt(second) + _EPSILON)).astype(np.float32)
        # The last steps circle around the optimum, as each sentence pulls in its own direction; their mean is nearer.
        weight = 1.0 if state.step <= 2 else _AVERAGE_WEIGHT
        state.mean = (state.mean + weight * (state.offset - state.mean)).astype(np.float32)

    def _loss(self, audio: Tensor, offset: Tensor) -> Tensor:
        embedding_distance = 1 - self._encoder(audio) @ self._target.embedding
        spectrum_distance = (self._spectrum(audio)[0] - self._target.spectrum[0]).square().mean()
        return (
            _EMBEDDING_WEIGHT * embedding_distance
            + _SPECTRUM_WEIGHT * spectrum_distance
            + _OFFSET_WEIGHT * offset.square().sum()
        )

    def _synthesize(self, segment: DecoderInput, offset: Tensor) -> Tensor:
        style = segment.style + self._deviation * offset
        return self._spectral_eq(self._decoder(segment.features, segment.f0, segment.noise, segment.source_tone, style))

    def _validate(self, state: FitState) -> None:
        """Judge the running mean on the validation sentence: keep it as the result, or stop when it got worse."""
        with torch.no_grad():
            audio = torch.cat([self._synthesize(segment, torch.from_numpy(state.mean)) for segment in self._validation])
            mean, deviation = self._spectrum(audio)
        loss = float(
            (mean - self._target.spectrum[0]).square().mean() + (deviation - self._target.spectrum[1]).square().mean()
        )
        voiced = float(log_f0(audio.numpy(), SAMPLE_RATE).size)
        state.validations.append((loss, voiced))
        is_broken = voiced < _MIN_VOICED_RATIO * state.validations[0][1]
        is_worse = state.step >= _MIN_STEPS and loss > _MAX_LOSS_RATIO * min(seen for seen, _ in state.validations)
        state.is_stopped = is_broken or is_worse
        if not state.is_stopped:
            state.best = state.mean
