"""Chooses and prepares what is heard: recordings of a speaker, and the same sentences in voices like the speaker's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from benchmarks.quality.speaker_similarity import GROUPS
from benchmarks.recordings import Speaker, load
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.loudness import gated_blocks, limit_peaks, lufs
from voxport.audio.pitch import median_f0
from voxport.audio.trim import trim_silence
from voxport.engine import Engine, EngineVoice
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice_blend import stock_embeddings

Kind = Literal["recording", "stock", "instant", "old", "new"]
KINDS: Final[tuple[Kind, ...]] = ("recording", "stock", "instant", "old", "new")
"""What a candidate may be: the speaker's own recording, the nearest stock voice, the instant clone, the persistent
clone of an older engine, and that of this one."""

LANGUAGE: Final = "en-us"
LEVEL_LUFS: Final = -23.0
"""The level of EBU R 128. At -18, as Voxport speaks, the limiter would make a clip with high peaks softer."""

SENTENCES: Final = tuple(sentence for group in GROUPS for sentence in group)
_MAX_ANCHOR_SECONDS: Final = 13.0
_HIDDEN_SECONDS: Final = 4.0
"""About as long as a sentence, so that the length does not tell the recording from the others."""


@dataclass(frozen=True)
class Screen:
    """What is rated at once: candidates by kind, float32 mono at 24 kHz and of one loudness."""

    sentence: str
    candidates: Mapping[Kind, FloatArray]


@dataclass(frozen=True)
class HeardSpeaker:
    """A speaker with the recording that the candidates are compared with, and the screens."""

    name: str
    anchor: FloatArray
    screens: Sequence[Screen]


def heard_speaker(
    name: str, recordings: Sequence[FloatArray], speak: Mapping[Kind, Callable[[str], FloatArray]], sentences: list[str]
) -> HeardSpeaker:
    """Return what is heard of a speaker. `recordings` are at least two that the voice was not cloned from; one becomes
    the anchor, the others are the candidates that are real. `speak` has the voices by kind."""
    anchor, hidden = _choose([levelled(recording) for recording in recordings])
    screens = [
        Screen(
            sentence,
            {
                "recording": hidden[number % len(hidden)],
                **{kind: levelled(voice(sentence)) for kind, voice in speak.items()},
            },
        )
        for number, sentence in enumerate(sentences)
    ]
    return HeardSpeaker(name, anchor, screens)


def heldout_recordings(speaker: Speaker) -> list[FloatArray]:
    return [load(path) for path in speaker.heldout]


def sentences_for(speaker_number: int, count: int) -> list[str]:
    """Return `count` sentences. Speakers that follow each other get different ones until all have been used."""
    start = speaker_number * count
    return [SENTENCES[(start + number) % len(SENTENCES)] for number in range(count)]


def levelled(audio: FloatArray) -> FloatArray:
    """Trim the silence, and bring the speech to `LEVEL_LUFS`. Silence is returned unchanged."""
    trimmed = trim_silence(audio)
    blocks = gated_blocks(trimmed)
    gain = 10 ** ((LEVEL_LUFS - lufs(float(blocks.mean()))) / 20) if blocks.size else 1.0
    return limit_peaks((trimmed * gain).astype(np.float32))


def speaking(engine: Engine, voice: EngineVoice) -> Callable[[str], FloatArray]:
    """Return a function that speaks a sentence in a voice."""

    def speak(sentence: str) -> FloatArray:
        parts: list[FloatArray] = []
        for chunk in engine.plan(sentence, LANGUAGE):
            parts += [engine.speak(chunk, voice), np.zeros(round(chunk.pause_after * SAMPLE_RATE), np.float32)]
        return np.concatenate(parts)

    return speak


def nearest_stock_voice(engine: Engine, reference: FloatArray) -> EngineVoice:
    """Return the stock voice that the engine's own encoder finds nearest at the speaker's pitch."""
    similar = stock_embeddings().at_pitch(median_f0(reference, SAMPLE_RATE) or 150.0) @ engine.embed(reference)
    return stock_packs().voice(int(np.argmax(similar)))


def _choose(recordings: list[FloatArray]) -> tuple[FloatArray, list[FloatArray]]:
    """Return the anchor, which is the longest recording that is not tiring, and the others, those of a sentence's
    length first."""
    seconds = [recording.size / SAMPLE_RATE for recording in recordings]
    short = [number for number, length in enumerate(seconds) if length <= _MAX_ANCHOR_SECONDS]
    anchor = max(short, key=seconds.__getitem__) if short else int(np.argmin(seconds))
    hidden = sorted(set(range(len(recordings))) - {anchor}, key=lambda number: abs(seconds[number] - _HIDDEN_SECONDS))
    return recordings[anchor], [recordings[number] for number in hidden]
