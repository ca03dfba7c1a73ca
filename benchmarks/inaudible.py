"""What the mark does to the speech: its level under it, and what a judge of naturalness says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soxr

from voxport.engine import SAMPLE_RATE
from voxport.engine.arrays import Floats

_FRAME = SAMPLE_RATE // 50
_ACTIVE_DB = -40.0


def inaudibility(unmarked: list[Floats], marked: list[Floats]) -> dict[str, Any]:
    """Level of the mark under the speech over all, and in frames of 20 ms (segmental SNR, median); DNSMOS."""
    pairs = list(zip(unmarked, marked, strict=True))
    segmental = [_segmental_snr(clip, with_mark - clip) for clip, with_mark in pairs]
    speech = sum(float(np.sum(clip**2)) for clip in unmarked)
    added = sum(float(np.sum((with_mark - clip) ** 2)) for clip, with_mark in pairs)
    judge = Dnsmos.find()
    scores = [(judge.overall(clip), judge.overall(with_mark)) for clip, with_mark in pairs] if judge else []
    changes = [after - before for before, after in scores]
    return {
        "level_db": round(10 * float(np.log10(speech / added)), 1),
        "segmental_snr_db": round(float(np.median(segmental)), 1),
        "worst_segmental_snr_db": round(min(segmental), 1),
        "dnsmos": round(float(np.mean([before for before, _ in scores])), 2) if scores else None,
        "dnsmos_change": (
            {"mean": round(float(np.mean(changes)), 3), "worst": round(min(changes), 3)} if scores else None
        ),
    }


class Dnsmos:
    """DNSMOS P.835, overall, by the model in the `speechmos` 0.0.1.1 wheel. The wheel's own code needs librosa; the
    model takes 9.01 s of plain samples at 16 kHz. Shorter audio is repeated, as its authors do."""

    SAMPLES = 144_160

    def __init__(self, model: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])

    @classmethod
    def find(cls) -> Dnsmos | None:
        """None where speechmos is not installed."""
        found = importlib.util.find_spec("speechmos")
        if found is None or not found.submodule_search_locations:
            return None
        return cls(Path(found.submodule_search_locations[0]) / "dnsmos_models" / "sig_bak_ovr.onnx")

    def overall(self, audio: Floats) -> float:
        """1 to 5, of float32 mono at 24 kHz."""
        samples = np.asarray(soxr.resample(audio, SAMPLE_RATE, 16_000), np.float32)
        whole = np.tile(samples, -(-self.SAMPLES // samples.size))[: self.SAMPLES]
        raw = float(self._session.run(None, {self._session.get_inputs()[0].name: whole[None]})[0][0][2])
        # The polynomial that DNSMOS fits its raw overall score to listeners with.
        return -0.06766283 * raw**2 + 1.11546468 * raw + 0.04602535


def _segmental_snr(clip: Floats, added: Floats) -> float:
    """dB, the mean over frames of speech; each counts from 0 to 35 dB."""
    frames = clip.size // _FRAME
    speech = np.mean(clip[: frames * _FRAME].reshape(frames, _FRAME) ** 2, axis=1)
    mark = np.mean(added[: frames * _FRAME].reshape(frames, _FRAME) ** 2, axis=1)
    active = speech > speech.max() * 10 ** (_ACTIVE_DB / 10)
    ratios = 10 * np.log10(speech[active] / (mark[active] + 1e-12))
    return float(np.mean(np.clip(ratios, 0, 35)))
