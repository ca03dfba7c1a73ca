"""Fits a voice to a speaker in this process. Importing this module imports PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from voxport.audio.arrays import FloatArray
from voxport.engine.fit.optimizer import FitTarget, VoiceOptimizer
from voxport.engine.fit.sentences import TRAINING_TEXTS, VALIDATION_TEXT, SourceModule
from voxport.engine.fit.speaker_distance import CampplusDistance, ResemblyzerDistance, SpeakerDistance
from voxport.engine.fit.spectrum import LongTermSpectrum, SpectralEqFilter
from voxport.engine.fit.state import FitState
from voxport.engine.fit.threads import ThreadCount
from voxport.engine.fit.torch_decoder import TorchDecoder
from voxport.engine.fit.torch_weights import load_decoder_weights
from voxport.engine.kokoro.planner import plan
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import TIMBRE, EngineVoice
from voxport.text.phonemizer import Phonemizer

_LANGUAGE: Final = "en-us"

OnProgress = Callable[[float, bytes], None]
"""Called after each step with the progress of the fit (0 to 1) and a checkpoint to resume from."""
MakeDistances = Callable[[FloatArray, FloatArray], Sequence[SpeakerDistance]]
"""Makes the distances from the speaker of a recording (float32 mono, 24 kHz), whose embedding [256] is given."""


def fit_voice(
    start: EngineVoice,
    audio: FloatArray,
    embedding: FloatArray,
    synthesizer: Synthesizer,
    phonemizer: Phonemizer,
    *,
    bandwidth_hz: float,
    threads: int,
    steps: int,
    model_path: Path | None,
    checkpoint: bytes | None,
    on_progress: OnProgress,
    make_distances: MakeDistances | None = None,
) -> EngineVoice:
    """Fit the timbre of `start` to the speaker of `audio` (float32 mono, 24 kHz), whose embedding [256] is given.

    The rhythm, the pitch and the EQ of `start` stay. The descent takes at most `steps` steps. `checkpoint` resumes a
    killed fit: it is the last state that `on_progress` received. A damaged one is ignored. `make_distances` makes other
    distances than the two of `speaker_distances`.
    """
    thread_count = ThreadCount(threads)
    weights, source_graph = load_decoder_weights(model_path)
    source = SourceModule(source_graph)
    chunks = [plan(text, _LANGUAGE, phonemizer)[0] for text in (*TRAINING_TEXTS, VALIDATION_TEXT)]
    *training, validation = [source.decoder_input(chunk, start, synthesizer).segments() for chunk in chunks]
    # All beginnings, then all ends, so that two consecutive steps never share a sentence.
    segments = [part[at] for at in (0, -1) for part in training]
    spectrum = LongTermSpectrum(max_hz=bandwidth_hz)
    recorded = torch.from_numpy(np.array(audio, np.float32))
    target = FitTarget((make_distances or speaker_distances)(audio, embedding), spectrum(recorded))
    deviation = stock_packs().means[:, TIMBRE].std(axis=0)
    decoder = TorchDecoder(weights, half=bool(torch.cpu.get_capabilities().get("avx512_bf16")))
    optimizer = VoiceOptimizer(
        decoder, spectrum, segments, validation[:1], target, deviation, SpectralEqFilter(start.spectral_eq)
    )

    def on_step(state: FitState) -> None:
        on_progress(state.step / steps, state.to_bytes())
        thread_count.adapt()

    timbre, adain_offsets = optimizer.run(_restore(checkpoint), on_step, steps=steps)
    return start.with_timbre(timbre).with_adain_offsets(start.adain_offsets + adain_offsets)


def speaker_distances(recording: FloatArray, embedding: FloatArray) -> Sequence[SpeakerDistance]:
    """The distances of a fit, by Resemblyzer's encoder and by CAM++."""
    return [ResemblyzerDistance(embedding), CampplusDistance(recording)]


def _restore(checkpoint: bytes | None) -> FitState:
    if checkpoint is None:
        return FitState()
    try:
        return FitState.from_bytes(checkpoint)
    except ValueError:
        return FitState()
