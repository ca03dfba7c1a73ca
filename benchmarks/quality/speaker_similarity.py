"""Compares clones with their speakers' own recordings, by three speaker encoders.

Enrolment never uses the d-vector model; it uses the two others, which judge clones that were fitted without them.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.d_vector import DVectorDistance
from benchmarks.quality.metrics import Dnsmos, Transcriber, UnseenEncoder, unit
from benchmarks.recordings import Speaker, load
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.campplus import CampplusEncoder
from voxport.audio.pitch import median_f0
from voxport.engine import Engine, EngineVoice
from voxport.engine.enrolment.speaking_rate import syllable_rate
from voxport.engine.fit.fitting import MakeDistances
from voxport.engine.fit.speaker_distance import CampplusDistance, ResemblyzerDistance
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice_blend import stock_embeddings

GROUPS = (
    (
        "The ferry leaves the island at seven in the morning.",
        "Nobody remembers how the custom began.",
        "When you have finished the letter, put it under the blue lamp.",
        "I will read it tonight, after the guests have gone home.",
    ),
    (
        "A cold wind came down from the hills and shook the trees.",
        "My sister keeps two horses and a very old dog.",
        "The road to the harbour was closed for the second time this week.",
        "Please wait for the signal before you open the door.",
    ),
    (
        "She bought fresh bread, cheese and a jar of honey at the market.",
        "The train was late, so we walked along the river for an hour.",
        "There is a small garden behind the church.",
        "He asked whether anyone had seen his brown leather bag.",
    ),
    (
        "Most of the windows were broken, but the roof was still sound.",
        "We could not agree on a name for the boat.",
        "Thank you for the flowers, they are beautiful.",
        "The teacher wrote three long words on the board.",
    ),
    (
        "If the weather holds, we shall reach the village before dark.",
        "The old clock above the station has stopped again.",
        "Children were playing football in the empty square.",
        "Every evening he counts the ships that pass the lighthouse.",
    ),
)
"""Twenty sentences that are in no recording and that the fit does not speak, judged in groups of four."""
JUDGES = ("d_vector", "resemblyzer", "campplus")
"""The first one is in no fit that is shipped."""
ROTATION: dict[str, MakeDistances] = {
    "campplus": lambda audio, embedding: [ResemblyzerDistance(embedding), DVectorDistance(audio)],
    "resemblyzer": lambda audio, _: [CampplusDistance(audio), DVectorDistance(audio)],
}
"""The distances of a fit without the named judge. The shipped fit is the one without the d-vector model."""
_COHORT_REFERENCE_SHARE = 0.62
_BETWEEN = np.zeros(round(0.4 * SAMPLE_RATE), np.float32)


@dataclass(frozen=True)
class KnownSpeaker:
    """A speaker of the benchmark: the recording to clone from, and measurements of the other recordings."""

    name: str
    reference: FloatArray
    pitch: float  # Hz
    syllables: float  # a second, counted in the held-out recordings
    embeddings: dict[str, FloatArray]  # of the held-out recordings, by judge
    cohort_index: int | None = None
    """The speaker's place among the strangers, who are then the others."""


class SimilarityBench:
    """The engine, and the judges of its clones."""

    def __init__(self, found: list[Speaker], cohort: list[Path]) -> None:
        self.engine = Engine.load(threads=2)
        self._d_vector, self._campplus = UnseenEncoder(), CampplusEncoder(threads=2)
        self._transcriber = Transcriber()
        self.dnsmos = Dnsmos.require()
        self._recordings = [load(path) for path in cohort]
        cohort_embeddings = [self._embed(audio) for audio in self._recordings]
        self._cohort = {judge: np.stack([one[judge] for one in cohort_embeddings]) for judge in JUDGES}
        self.known = [
            self._known_speaker(speaker.name, load(speaker.reference), [load(path) for path in speaker.heldout])
            for speaker in found
        ]
        self.clones: dict[str, EngineVoice] = {}
        self._stock: dict[str, tuple[list[FloatArray], dict[str, float]]] = {}

    def evaluate(self, speaker: KnownSpeaker) -> dict[str, Any]:
        """Return all figures of a speaker, for the persistent clone, the instant clone and the nearest stock voice."""
        start = time.perf_counter()
        clone = self.engine.enrol(speaker.reference)
        full = time.perf_counter()
        self.clones[speaker.name] = clone
        instant = self.engine.enrol(speaker.reference, instant=True)
        quick = time.perf_counter()
        stock_id = self._nearest_stock(speaker)
        row: dict[str, Any] = {
            "speaker": speaker.name,
            "reference_hz": round(speaker.pitch, 1),
            "seconds": round(full - start, 1),
            "instant_seconds": round(quick - full, 1),
            "stock_id": stock_id,
            "clone": self.score(self.speak_groups(clone), speaker),
            "instant": self.score(self.speak_groups(instant), speaker),
            "stock": self._score_stock(stock_id, speaker),
        }
        print(json.dumps(row), flush=True)
        return row

    def evaluate_left_out(self, speaker: KnownSpeaker, judge: str) -> dict[str, Any]:
        """Return the likeness, by `judge` and by the others, of a clone that was fitted by the two other encoders."""
        if judge in ROTATION:
            engine = Engine.load(threads=2, make_distances=ROTATION[judge])
            voice = engine.enrol(speaker.reference)
            engine.close()
        else:
            voice = self.clones[speaker.name]
        figures = self.likeness(self.speak_groups(voice), speaker)
        row = {"speaker": speaker.name, "left_out": judge}
        row |= {f"{one}_{kind}": figures[f"{one}_{kind}"] for one in JUDGES for kind in ("normalised", "from_nearest")}
        row |= {"rank": figures[f"{judge}_rank"]}
        print(json.dumps(row), flush=True)
        return row

    def evaluate_degraded(self, speaker: KnownSpeaker, degraded: FloatArray) -> dict[str, Any]:
        """Return the figures of a clone from the speaker's degraded recording."""
        voice = self.engine.enrol(degraded)
        figures = self.score(self.speak_groups(voice, groups=2), speaker)
        row = {"speaker": speaker.name, "stock_dnsmos": self._stock[self._nearest_stock(speaker)][1]["dnsmos"]}
        row |= {f"{judge}_normalised": figures[f"{judge}_normalised"] for judge in JUDGES}
        row |= {name: figures[name] for name in ("dnsmos", "word_errors")}
        print(json.dumps(row), flush=True)
        return row

    def curve(self, speaker: KnownSpeaker, steps: tuple[int, ...]) -> list[dict[str, Any]]:
        """Return similarity and naturalness over the steps of the fit, with 0 for the instant clone: a clone of each
        number of steps."""
        points = []
        for count in steps:
            engine = Engine.load(threads=2, fit_steps=max(count, 1))
            voice = engine.enrol(speaker.reference, instant=count == 0)
            engine.close()
            points.append({"step": count, **self.score(self.speak_groups(voice, groups=2), speaker)})
        print(json.dumps({"speaker": speaker.name, "curve": points}), flush=True)
        return points

    def stock_audio(self, speaker: KnownSpeaker) -> FloatArray:
        """Return the first sentences in the nearest stock voice."""
        return self._stock[self._nearest_stock(speaker)][0][0]

    def speak_groups(self, voice: EngineVoice, groups: int = len(GROUPS)) -> list[FloatArray]:
        """Speak the first `groups` groups of sentences in a voice, each group as one piece of audio."""
        return [self._group(voice, group) for group in GROUPS[:groups]]

    def _group(self, voice: EngineVoice, group: tuple[str, ...]) -> FloatArray:
        parts = []
        for text in group:
            parts += [*(self.engine.speak(chunk, voice) for chunk in self.engine.plan(text, "en-us")), _BETWEEN]
        return np.concatenate(parts)

    def cohort_speaker(self, index: int) -> KnownSpeaker:
        """Return a stranger as a speaker to clone, from the first part of the recording: for what is tuned."""
        audio = self._recordings[index]
        cut = round(_COHORT_REFERENCE_SHARE * len(audio))
        return replace(self._known_speaker(f"cohort {index}", audio[:cut], [audio[cut:]]), cohort_index=index)

    def _known_speaker(self, name: str, reference: FloatArray, heldout: list[FloatArray]) -> KnownSpeaker:
        embeddings = [self._embed(audio) for audio in heldout]
        return KnownSpeaker(
            name,
            reference,
            median_f0(reference, SAMPLE_RATE) or 0.0,
            float(np.mean([syllable_rate(audio) or 0.0 for audio in heldout])),
            {judge: unit(np.mean([one[judge] for one in embeddings], axis=0)) for judge in JUDGES},
        )

    def _embed(self, audio: FloatArray) -> dict[str, FloatArray]:
        return {
            "d_vector": self._d_vector.embed(audio),
            "resemblyzer": self.engine.embed(audio),
            "campplus": self._campplus.embed(audio),
        }

    def _score_stock(self, stock_id: str, speaker: KnownSpeaker) -> dict[str, Any]:
        """Score a stock voice. It is spoken and transcribed once, because several speakers may have the same one."""
        if stock_id not in self._stock:
            packs = stock_packs()
            spoken = self.speak_groups(packs.voice(packs.ids.index(stock_id)))
            self._stock[stock_id] = spoken, self._speech(spoken)
        spoken, speech = self._stock[stock_id]
        return {**self.likeness(spoken, speaker), **speech}

    def score(self, spoken: list[FloatArray], speaker: KnownSpeaker) -> dict[str, Any]:
        return {**self.likeness(spoken, speaker), **self._speech(spoken)}

    def likeness(self, spoken: list[FloatArray], speaker: KnownSpeaker) -> dict[str, Any]:
        """Return similarities: raw, normalised (0: the mean of the strangers), and with 0 at the three nearest
        strangers; whether the speaker is the nearest of all; semitones between the median pitch and the recording's; by
        how many percent the syllables per second exceed those in the speaker's other recordings."""
        audio = np.concatenate(spoken)
        heard, ceiling = self._embed(audio), self._embed(speaker.reference)
        figures: dict[str, Any] = {}
        for judge in JUDGES:
            truth = speaker.embeddings[judge]
            strangers = self._cohort[judge]
            if speaker.cohort_index is not None:
                strangers = np.delete(strangers, speaker.cohort_index, axis=0)
            cohort = np.sort(strangers @ truth)
            top, value = float(ceiling[judge] @ truth), float(heard[judge] @ truth)
            figures[judge] = round(value, 3)
            figures[f"{judge}_ceiling"] = round(top, 3)
            figures[f"{judge}_normalised"] = round(_between(cohort.mean(), value, top), 3)
            figures[f"{judge}_from_nearest"] = round(_between(cohort[-3:].mean(), value, top), 3)
            others = [float(heard[judge] @ known.embeddings[judge]) for known in self.known]
            others += list(strangers @ heard[judge])
            figures[f"{judge}_rank"] = 1 + sum(bool(one > value) for one in others)
        pitch = median_f0(audio, SAMPLE_RATE)
        figures["semitones"] = round(12 * float(np.log2(pitch / speaker.pitch)), 2) if pitch else float("nan")
        figures["rate"] = round(100 * ((syllable_rate(audio) or 0.0) / speaker.syllables - 1), 1)
        return figures

    def _speech(self, spoken: list[FloatArray]) -> dict[str, float]:
        """Return word errors in percent, and naturalness."""
        errors = [self._transcriber.errors(one, " ".join(group)) for one, group in zip(spoken, GROUPS, strict=False)]
        return {
            "word_errors": round(100 * sum(wrong for wrong, _ in errors) / sum(words for _, words in errors), 1),
            "dnsmos": round(float(np.mean([self.dnsmos.overall(one) for one in spoken])), 3),
        }

    def _nearest_stock(self, speaker: KnownSpeaker) -> str:
        """Return the stock voice that the engine's own encoder finds nearest at the speaker's pitch."""
        similar = stock_embeddings().at_pitch(speaker.pitch) @ self.engine.embed(speaker.reference)
        return stock_packs().ids[int(np.argmax(similar))]


def _between(low: float, value: float, high: float) -> float:
    return float((value - low) / (high - low))
