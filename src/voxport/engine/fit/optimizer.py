"""Optimises a voice by gradient descent, and stops before the speech degrades.

Two sets of numbers are fitted: the 128 of the timbre half of the style, and offsets of the decoder's norms
(`kokoro/adain.py`). The style is what all norms share; the offsets reach voices that no style reaches. The loss is a
sum of (`benchmarks/quality/ablation.py` leaves out each of them):

- the distances from the speaker, by two speaker encoders (`speaker_distance.py`);
- the squared distance of the long-term spectra: differences that the encoders ignore, and a guard against gaming them;
- the squared size of both sets: stays near the network's training data.

A validation sentence, which is never fitted, decides when to stop and which voice is the best: by the same loss, and by
the share of it that is still voiced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.pitch import log_f0
from voxport.engine.fit.sentences import DecoderInput
from voxport.engine.fit.speaker_distance import SpeakerDistance
from voxport.engine.fit.spectrum import LongTermSpectrum, SpectralEqFilter
from voxport.engine.fit.state import PARAMETERS, FitState, Validation
from voxport.engine.fit.torch_decoder import TorchDecoder
from voxport.engine.kokoro.adain import ADAIN_SIZE, adain_slices

# Adam's rates: of the style in units of the stock voices' deviation, and of the norms' scales and shifts.
_STYLE_RATE: Final = 0.12
_ADAIN_RATE: Final = 0.015
_SPECTRUM_WEIGHT: Final = 0.1
_STYLE_WEIGHT: Final = 0.0015
_ADAIN_WEIGHT: Final = 0.0002
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # Adam's defaults
_VALIDATION_INTERVAL: Final = 4  # steps
_AVERAGE_WEIGHT: Final = 0.3  # weight of a step's result in the running mean that is returned
_MIN_VOICED_RATIO: Final = 0.85
"""The fit stops when fewer than this share of the start's voiced frames is still voiced: the voice breaks up."""
_MAX_WORSE_VALIDATIONS: Final = 2
"""The fit stops when so many validations in a row were worse than the best."""
_STYLE_SIZE: Final = PARAMETERS - ADAIN_SIZE


@dataclass(frozen=True)
class FitTarget:
    """The target of the fit: the distances from the speaker, and the mean of the recording's long-term spectrum."""

    distances: Sequence[SpeakerDistance]
    spectrum: Tensor


class VoiceOptimizer:
    """Runs the fit. `deviation` [128] is the stock voices' deviation, the unit of a style's offset."""

    def __init__(
        self,
        decoder: TorchDecoder,
        spectrum: LongTermSpectrum,
        segments: Sequence[DecoderInput],
        validation: Sequence[DecoderInput],
        target: FitTarget,
        deviation: FloatArray,
        spectral_eq: SpectralEqFilter,
    ) -> None:
        self._decoder = decoder
        self._spectrum = spectrum
        self._segments = [_Prepared(segment, decoder) for segment in segments]
        self._validation = [_Prepared(segment, decoder) for segment in validation]
        self._target = target
        self._deviation = torch.from_numpy(deviation)
        self._spectral_eq = spectral_eq
        self._is_fitted = _fitted_norms()
        self._rates = np.full(PARAMETERS, _STYLE_RATE, np.float32)
        self._rates[_STYLE_SIZE:] = _ADAIN_RATE * self._is_fitted.numpy()

    def run(self, state: FitState, on_step: Callable[[FitState], None], *, steps: int) -> tuple[FloatArray, FloatArray]:
        """Continue the fit from `state`. Returns (offset of the timbre half of the style [128], offsets of the norms
        [37396]).

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
        return self.voice_offsets(state.best)

    def voice_offsets(self, numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What to add to a voice's timbre and to its norms, for the fitted `numbers` [PARAMETERS]."""
        style, offsets = self._split(torch.from_numpy(numbers))
        # The norms that are not fitted keep the start's numbers, so the style's effect on them is taken back.
        kept = torch.where(self._is_fitted, offsets, -self._style_effect(style))
        return (self._deviation * style).numpy(), kept.numpy()

    def _step(self, state: FitState) -> None:
        numbers = torch.from_numpy(state.offset).requires_grad_()
        segment = self._segments[state.step % len(self._segments)]
        clips = self._speak([segment], numbers)
        heard = [clip.detach().requires_grad_() for clip in clips]
        with _one_thread():
            self._distance(heard).backward()  # type: ignore[no-untyped-call]
        torch.autograd.backward(
            [*clips, self._size(numbers)], [*(one.grad for one in heard if one.grad is not None), torch.ones(())]
        )
        assert numbers.grad is not None
        gradient = numbers.grad.numpy()
        state.step += 1
        state.first = _BETA1 * state.first + (1 - _BETA1) * gradient
        state.second = _BETA2 * state.second + (1 - _BETA2) * gradient**2
        first = state.first / (1 - _BETA1**state.step)
        second = state.second / (1 - _BETA2**state.step)
        state.offset = (state.offset - self._rates * first / (np.sqrt(second) + _EPSILON)).astype(np.float32)
        # The last steps circle around the optimum, as each sentence pulls in its own direction; their mean is nearer.
        weight = 1.0 if state.step <= 2 else _AVERAGE_WEIGHT
        state.mean = (state.mean + weight * (state.offset - state.mean)).astype(np.float32)

    def _speak(self, segments: Sequence[_Prepared], numbers: Tensor) -> list[Tensor]:
        """The audio of each segment."""
        style, offsets = self._split(numbers)
        moved = torch.where(self._is_fitted, self._style_effect(style) + offsets, torch.zeros(()))
        return [self._spectral_eq(segment.synthesize(moved)) for segment in segments]

    def _distance(self, clips: Sequence[Tensor]) -> Tensor:
        """The terms of the loss that depend on the audio."""
        distances = [distance(clip) for distance in self._target.distances for clip in clips]
        spectrum_distance = (self._spectrum(torch.cat(list(clips))) - self._target.spectrum).square().mean()
        return torch.stack(distances).sum() / len(clips) + _SPECTRUM_WEIGHT * spectrum_distance

    def _size(self, numbers: Tensor) -> Tensor:
        """The terms of the loss that depend on the fitted numbers."""
        style, offsets = self._split(numbers)
        return _STYLE_WEIGHT * style.square().sum() + _ADAIN_WEIGHT * offsets.square().sum()

    def _split(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        return numbers[:_STYLE_SIZE], numbers[_STYLE_SIZE:]

    def _style_effect(self, style: Tensor) -> Tensor:
        """How much a style's offset [128], in deviations, moves the norms' numbers."""
        return self._decoder.affine_change(self._deviation * style)

    def _validate(self, state: FitState) -> None:
        """Judge the running mean on the validation sentence: keep it when it is the best, or stop the fit."""
        numbers = torch.from_numpy(state.mean)
        with torch.no_grad():
            clips = self._speak(self._validation, numbers)
            with _one_thread():
                loss = float(self._distance(clips) + self._size(numbers))
        now = Validation(loss, float(log_f0(torch.cat(clips).numpy(), SAMPLE_RATE).size))
        state.validations.append(now)
        losses = [one.loss for one in state.validations]
        worse = len(losses) - 1 - int(np.argmin(losses))
        is_broken = now.voiced < _MIN_VOICED_RATIO * state.validations[0].voiced
        state.is_stopped = is_broken or worse >= _MAX_WORSE_VALIDATIONS
        if worse == 0 and not is_broken:
            state.best = state.mean


class _Prepared:
    """A segment, and what of its synthesis the fit does not change."""

    def __init__(self, segment: DecoderInput, decoder: TorchDecoder) -> None:
        self._segment = segment
        self._decoder = decoder
        with torch.no_grad():
            self._affine = decoder.affine(segment.style) + segment.adain_offsets
            self._sources = decoder.sources(segment.source_tone, self._affine)

    def synthesize(self, moved: Tensor) -> Tensor:
        """The audio [samples] at 24 kHz, with the norms' numbers changed by `moved` [37396]."""
        one = self._segment
        return self._decoder(one.features, one.f0, one.noise, self._sources, self._affine + moved)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The encoders consist of a thousand small operations, which are slower on two threads than on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _fitted_norms() -> Tensor:
    """Whether each number of the norms is fitted, [37396]: all but those that shape the source's tone. Their gradient
    would cost a third of a step, and they have a third of the decoder's work done once for each segment."""
    fitted = torch.ones(ADAIN_SIZE, dtype=torch.bool)
    for path, part in adain_slices().items():
        if "noise_res" in path:
            fitted[part] = False
    return fitted
