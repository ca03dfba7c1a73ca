"""The descent: the 128 numbers of the timbre follow the gradient until the speech would pay for it.

The loss, each term for a reason (`benchmarks/ablation.py` leaves each out):

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

from voxport.audio.arrays import SAMPLE_RATE, Floats
from voxport.audio.pitch import log_f0
from voxport.engine.fit.losses import Encoder, Spectrum, Tone
from voxport.engine.fit.sentences import Sentence
from voxport.engine.fit.torch_decoder import Decoder

_RATE: Final = 0.12  # of Adam, in units of the stock voices' deviation
_LIKENESS: Final = 1.0
_SPECTRUM: Final = 0.1
_DISTANCE: Final = 0.0015
_FIRST_DECAY, _SECOND_DECAY, _TINY = 0.9, 0.999, 1e-8  # Adam's own
_EVERY: Final = 4  # steps between two looks at the unfitted sentence
_FEWEST: Final = 8
_AVERAGED: Final = 0.5  # weight of a step's result in the running mean that is returned
_VOICED: Final = 0.85
"""The share of the start's voiced frames below which the voice breaks up."""
_WORSE: Final = 1.5
"""The second view may rise by this over its best before the fit stops."""


_ARRAYS: Final = ("offset", "first", "second", "mean", "best")


@dataclass(frozen=True)
class Aim:
    """What the fit is to come near to: the sample's embedding [256], and its spectrum's (mean, deviation)."""

    embedding: Tensor
    spectrum: tuple[Tensor, Tensor]


@dataclass
class State:
    """All that a killed fit needs to go on: small, and saved after each step."""

    step: int = 0
    offset: Floats = field(default_factory=lambda: np.zeros(128, np.float32))
    first: Floats = field(default_factory=lambda: np.zeros(128, np.float32))
    second: Floats = field(default_factory=lambda: np.zeros(128, np.float32))
    mean: Floats = field(default_factory=lambda: np.zeros(128, np.float32))
    best: Floats = field(default_factory=lambda: np.zeros(128, np.float32))
    looks: list[tuple[float, float]] = field(default_factory=list)
    """(second view, voiced frames) of the unfitted sentence, from the start on."""
    stopped: bool = False

    def to_bytes(self) -> bytes:
        file = io.BytesIO()
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        looks = np.array(self.looks, np.float64).reshape(-1, 2)
        np.savez(file, step=self.step, stopped=self.stopped, looks=looks, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> State:
        """Raises ValueError where it is no state."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                arrays = {name: stored[name].astype(np.float32) for name in _ARRAYS}
                looks = [(float(view), float(voiced)) for view, voiced in stored["looks"]]
                return cls(step=int(stored["step"]), looks=looks, stopped=bool(stored["stopped"]), **arrays)
        except Exception as error:
            raise ValueError("this is no state of a fit") from error


class Descent:
    """`spread` [128] is the stock voices' deviation, the unit of everything here."""

    def __init__(
        self,
        decoder: Decoder,
        encoder: Encoder,
        spectrum: Spectrum,
        stretches: list[Sentence],
        check: list[Sentence],
        aim: Aim,
        spread: Floats,
        tone: Tone,
    ) -> None:
        self._decoder = decoder
        self._encoder = encoder
        self._spectrum = spectrum
        self._stretches = stretches
        self._check = check
        self._aim = aim
        self._spread = torch.from_numpy(spread)
        self._tone = tone

    def run(self, state: State, told: Callable[[State], None], *, steps: int) -> Floats:
        """The change of the timbre half of the style [128], going on from `state`, which `told` hears after each
        step. Ends after `steps` in all, or before, when the voice gets no nearer."""
        if not state.looks:
            self._look(state)
        while state.step < steps and not state.stopped:
            self._step(state)
            if state.step % _EVERY == 0 or state.step == steps:
                self._look(state)
            told(state)
        return np.asarray(state.best * self._spread.numpy(), np.float32)

    def _step(self, state: State) -> None:
        offset = torch.from_numpy(state.offset).requires_grad_()
        stretch = self._stretches[state.step % len(self._stretches)]
        self._loss(self._spoken(stretch, offset), offset).backward()  # type: ignore[no-untyped-call]
        assert offset.grad is not None
        gradient = offset.grad.numpy()
        state.step += 1
        state.first = _FIRST_DECAY * state.first + (1 - _FIRST_DECAY) * gradient
        state.second = _SECOND_DECAY * state.second + (1 - _SECOND_DECAY) * gradient**2
        first = state.first / (1 - _FIRST_DECAY**state.step)
        second = state.second / (1 - _SECOND_DECAY**state.step)
        state.offset = (state.offset - _RATE * first / (np.sqrt(second) + _TINY)).astype(np.float32)
        # The last steps circle around what they look for, each sentence pulling its own way: their mean is nearer.
        share = 1.0 if state.step <= 2 else _AVERAGED
        state.mean = (state.mean + share * (state.offset - state.mean)).astype(np.float32)

    def _loss(self, audio: Tensor, offset: Tensor) -> Tensor:
        far = 1 - self._encoder(audio) @ self._aim.embedding
        unlike = (self._spectrum(audio)[0] - self._aim.spectrum[0]).square().mean()
        return _LIKENESS * far + _SPECTRUM * unlike + _DISTANCE * offset.square().sum()

    def _spoken(self, stretch: Sentence, offset: Tensor) -> Tensor:
        style = stretch.style + self._spread * offset
        return self._tone(self._decoder(stretch.features, stretch.f0, stretch.noise, stretch.tone, style))

    def _look(self, state: State) -> None:
        """Judge the running mean by the unfitted sentence; keep it while it is the best, stop when it pays."""
        with torch.no_grad():
            audio = torch.cat([self._spoken(stretch, torch.from_numpy(state.mean)) for stretch in self._check])
            mean, deviation = self._spectrum(audio)
        view = float(
            (mean - self._aim.spectrum[0]).square().mean() + (deviation - self._aim.spectrum[1]).square().mean()
        )
        voiced = float(log_f0(audio.numpy(), SAMPLE_RATE).size)
        state.looks.append((view, voiced))
        broken = voiced < _VOICED * state.looks[0][1]
        worse = state.step >= _FEWEST and view > _WORSE * min(seen for seen, _ in state.looks)
        state.stopped = broken or worse
        if not state.stopped:
            state.best = state.mean
