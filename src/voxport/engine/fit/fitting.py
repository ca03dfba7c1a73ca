"""From what is known of a speaker to the fitted voice, in this process (PyTorch is imported here)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import torch

from voxport.audio.arrays import Floats
from voxport.engine.fit.losses import Encoder, Spectrum, Tone
from voxport.engine.fit.optimizer import Aim, Descent, State
from voxport.engine.fit.sentences import CHECK, TEXTS, Source
from voxport.engine.fit.threads import ThreadCount
from voxport.engine.fit.torch_decoder import Decoder
from voxport.engine.fit.torch_weights import decoder_parts
from voxport.engine.kokoro.planner import plan
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import TIMBRE, Voice
from voxport.text.phonemizer import Phonemizer

_LANGUAGE: Final = "en-us"

Save = Callable[[float, bytes], None]
"""Told after each step: how far the fit is (0 to 1), and the state from which it can go on."""


def fitted(
    start: Voice,
    audio: Floats,
    embedding: Floats,
    synthesizer: Synthesizer,
    phonemizer: Phonemizer,
    *,
    bandwidth_hz: float,
    threads: int,
    steps: int,
    model_path: Path | None,
    saved: bytes | None,
    save: Save,
) -> Voice:
    """`start` with its timbre fitted to the speaker of `audio` (float32 mono, 24 kHz), whose embedding [256] is given.
    The rhythm, the pitch and the tone of `start` stay. The descent takes `steps` steps at most.
    `saved` is what `save` was told by a fit that was killed."""
    count = ThreadCount(threads)
    weights, source_graph = decoder_parts(model_path)
    source = Source(source_graph)
    chunks = [plan(text, _LANGUAGE, phonemizer)[0] for text in (*TEXTS, CHECK)]
    *spoken, check = [source.sentence(chunk, start, synthesizer).stretches() for chunk in chunks]
    # All beginnings, then all ends, so that no two steps in a row have a sentence in common.
    stretches = [part[at] for at in (0, -1) for part in spoken]
    spectrum = Spectrum(highest_hz=bandwidth_hz)
    aim = Aim(_tensor(embedding), spectrum(_tensor(audio)))
    spread = stock_packs().means[:, TIMBRE].std(axis=0)
    descent = Descent(Decoder(weights), Encoder(), spectrum, stretches, check, aim, spread, Tone(start.tone))

    def on_step(state: State) -> None:
        save(state.step / steps, state.to_bytes())
        count.adapt()

    offset = descent.run(_resumed(saved), on_step, steps=steps)
    return start.with_timbre(offset)


def _tensor(numbers: Floats) -> torch.Tensor:
    return torch.from_numpy(np.array(numbers, np.float32))


def _resumed(saved: bytes | None) -> State:
    if saved is None:
        return State()
    try:
        return State.from_bytes(saved)
    except ValueError:
        return State()
