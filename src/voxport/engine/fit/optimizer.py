"""The descent: the 128 numbers of the timbre follow the gradient until the speech would pay for it.

The loss, each term for a reason (`benchmarks/quality/ablation.py` leaves each out):

- the distance of the speaker encoder's embeddings, one minus their cosine: who speaks. Alone it is gamed;
- the squared distance of the long-term spectra: what the encoder does not hear, and what holds it to sound;
- the squared distance from the start, in units of the stock voices' deviation: what the network was trained on.

The fit's own encoder climbs on when nothing else does, so it does not say when to stop. A sentence that is never
fitted does: by its spectrum (a view that has no network in it), and by how much of it is still voiced.
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
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # Adam's own
_VALIDATION_INTERVAL: Final = 4  # steps between two looks at the unfitted sentence
_MIN_STEPS: Final = 8
_AVERAGE_WEIGHT: Final = 0.5  # weight of a step's result in the running mean that is returned
_MIN_VOICED_RATIO: Final = 0.85
"""The share of the start's voiced frames below which the voice breaks up."""
_MAX_LOSS_RATIO: Final = 1.5
"""The second view may rise by this over its best before the fit stops."""


_CHECKPOINT_ARRAYS: Final = ("offset", "first", "second", "mean", "best")


@dataclass(frozen=True)
class FitTarget:
    """What the fit is to come near to: the sample's embedding [256], and its spectrum's (mean, deviation)."""

    embedding: Tensor
    spectrum: tuple[Tensor, Tensor]


@dataclass
class FitState:
    """All that a killed fit needs to go on: small, and saved after each step."""

    step: int = 0
    offset: FloatArray = field(default_factory=lambda: np.zeros(128, np.float32))
    first: FloatArray = field(default_factory=lambda: np.zeros(128, np.float32))
    second: FloatArray = field(default_factory=lambda: np.zeros(128, np.float32))
    mean: FloatArray = field(default_factory=lambda: np.zeros(128, np.float32))
    best: FloatArray = field(default_factory=lambda: np.zeros(128, np.float32))
    validations: list[tuple[float, float]] = field(default_factory=list)
    """(second view, voiced frames) of the unfitted sentence, from the start on."""
    is_stopped: bool = False

    def to_bytes(self) -> bytes:
        file = io.BytesIO()
        arrays = {name: getattr(self, name) for name in _CHECKPOINT_ARRAYS}
        looks = np.array(self.validations, np.float64).reshape(-1, 2)
        np.savez(file, step=self.step, stopped=self.is_stopped, looks=looks, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> FitState:
        """Raises ValueError where it is no state."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                arrays = {name: stored[name].astype(np.float32) for name in _CHECKPOINT_ARRAYS}
                looks = [(float(loss), float(voiced)) for loss, voiced in stored["looks"]]
                return cls(step=int(stored["step"]), validations=looks, is_stopped=bool(stored["stopped"]), **arrays)
        except Exception as error:
            raise ValueError("this is no state of a fit") from error


class TimbreOptimizer:
    """`deviation` [128] is the stock voices' deviation, the unit of everything here."""

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
        """The change of the timbre half of the style [128], going on from `state`, which `on_step` hears after each
        step. Ends after `steps` in all, or before, when the voice gets no nearer."""
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
        # The last steps circle around what they look for, each sentence pulling its own way: their mean is nearer.
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
        """Judge the running mean by the unfitted sentence; keep it while it is the best, stop when it pays."""
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
