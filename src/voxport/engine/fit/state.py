"""The state of a fit, which is saved after each step, so that a killed fit can resume."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.engine.kokoro.adain import ADAIN_SIZE

PARAMETERS: Final = 128 + ADAIN_SIZE
"""The numbers that are fitted: the offset of the timbre, and those of the norms (`kokoro/adain.py`)."""
_ARRAYS: Final = ("offset", "first", "second", "mean", "best")


def _zeros() -> FloatArray:
    return np.zeros(PARAMETERS, np.float32)


@dataclass(frozen=True)
class Validation:
    """What was measured on the validation sentence: the loss, and the number of voiced frames."""

    loss: float
    voiced: float


@dataclass
class FitState:
    """The state after `step` steps. Each array is [PARAMETERS], float32."""

    step: int = 0
    offset: FloatArray = field(default_factory=_zeros)
    """The fitted numbers."""
    first: FloatArray = field(default_factory=_zeros)
    second: FloatArray = field(default_factory=_zeros)
    """Adam's two moments."""
    mean: FloatArray = field(default_factory=_zeros)
    """The running mean of `offset`."""
    best: FloatArray = field(default_factory=_zeros)
    """The mean with the smallest loss of the validation sentence."""
    validations: list[Validation] = field(default_factory=list)
    """The first one is from before the first step."""
    is_stopped: bool = False

    def to_bytes(self) -> bytes:
        """The state as a file, 0.75 MB."""
        file = io.BytesIO()
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        validations = np.array([(one.loss, one.voiced) for one in self.validations], np.float64).reshape(-1, 2)
        np.savez(file, step=self.step, stopped=self.is_stopped, validations=validations, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> FitState:
        """Raises ValueError when `content` is not a state of this version."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                arrays = {name: stored[name].astype(np.float32) for name in _ARRAYS}
                if any(array.shape != (PARAMETERS,) for array in arrays.values()):
                    raise ValueError("another size")
                validations = [Validation(float(loss), float(voiced)) for loss, voiced in stored["validations"]]
                return cls(int(stored["step"]), validations=validations, is_stopped=bool(stored["stopped"]), **arrays)
        except Exception as error:
            raise ValueError("this is no state of a fit") from error
