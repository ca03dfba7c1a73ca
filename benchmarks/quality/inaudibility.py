"""Measures how audible the watermark is: its level relative to the speech, and DNSMOS."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.quality.metrics import Dnsmos
from voxport.audio.arrays import SAMPLE_RATE, FloatArray

_FRAME = SAMPLE_RATE // 50
_ACTIVE_DB = -40.0


def inaudibility(unmarked: list[FloatArray], marked: list[FloatArray]) -> dict[str, Any]:
    """Return the mark's level relative to the speech, overall and in 20 ms frames (segmental SNR, median); DNSMOS."""
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


def _segmental_snr(clip: FloatArray, added: FloatArray) -> float:
    """Return the segmental SNR in dB: the mean over frames of speech, each clipped to 0 to 35 dB."""
    frames = clip.size // _FRAME
    speech = np.mean(clip[: frames * _FRAME].reshape(frames, _FRAME) ** 2, axis=1)
    mark = np.mean(added[: frames * _FRAME].reshape(frames, _FRAME) ** 2, axis=1)
    active = speech > speech.max() * 10 ** (_ACTIVE_DB / 10)
    ratios = 10 * np.log10(speech[active] / (mark[active] + 1e-12))
    return float(np.mean(np.clip(ratios, 0, 35)))
