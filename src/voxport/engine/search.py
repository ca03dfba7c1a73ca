"""The search among mixes of stock voices: speak, listen, take what is nearest to the speaker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from voxport.engine.arrays import Floats
from voxport.engine.listening import Listener
from voxport.engine.mixing import cleaned, nearest_mix, stock_embeddings
from voxport.engine.stock import StockPacks, stock_packs
from voxport.engine.voice import Voice

_SHORTLIST: Final = 12
"""Voices, by the table, that a step of the search may bring in."""


@dataclass(frozen=True)
class Candidate:
    """A voice that was spoken: how near it is to the speaker (cosine), its mix, and how it sounds [256]."""

    voice: Voice
    score: float
    weights: Floats
    embedding: Floats


def search(
    target: Floats, median: float, listener: Listener, language: str, alone: int, steps: int
) -> Iterator[Candidate]:
    """Candidates for the speaker with the embedding `target` and the pitch `median` (Hz), each spoken and judged:
    the nearest mix, the `alone` nearest stock voices, then `steps` refinements of the best so far. The timbre may
    be that of any stock voice; the rhythm is always that of voices of `language`, or it would be an accent."""
    packs = stock_packs()
    table = stock_embeddings().at(median)
    nearest = np.argsort(table @ target)[::-1]
    start = nearest_mix(target, table)
    speaks = _speaks(packs, language)
    rhythm = nearest_mix(target, table * speaks[:, None])

    def judge(timbre: Floats, prosody: Floats) -> Candidate:
        voice = packs.mix(timbre, prosody, language)
        embedding = listener.embedding(voice)
        return Candidate(voice, float(embedding @ target), timbre, embedding)

    best = judge(start, rhythm)
    yield best
    for index in nearest[:alone]:
        single = _single(int(index), len(table))
        candidate = judge(single, single if speaks[index] else rhythm)
        yield candidate
        best = max(best, candidate, key=lambda one: one.score)
    chance = np.random.default_rng(0)
    for step in range(steps):
        weights = _corrected(best, target, table) if step % 4 == 0 else _varied(best.weights, target, table, chance)
        candidate = judge(weights, rhythm)
        yield candidate
        best = max(best, candidate, key=lambda one: one.score)


def _corrected(best: Candidate, target: Floats, table: Floats) -> Floats:
    """The nearest mix to the speaker moved by what the table is wrong about at the best mix so far."""
    expected = best.weights @ table
    expected /= np.linalg.norm(expected)
    return nearest_mix(target + expected - best.embedding, table)


def _varied(weights: Floats, target: Floats, table: Floats, chance: np.random.Generator) -> Floats:
    """The best mix with its weights shaken, and a voice of the shortlist brought in."""
    shortlist = np.argsort(table @ target)[-_SHORTLIST:]
    shaken = weights * np.exp(chance.normal(0.0, 0.5, weights.size))
    share = chance.uniform(0.05, 0.4)
    mixed = (1 - share) * shaken / shaken.sum()
    mixed[chance.choice(shortlist)] += share
    return cleaned(mixed)


def _speaks(packs: StockPacks, language: str) -> Floats:
    """1 for each voice of the language, else 0."""
    return np.array([1.0 if packs.voice_language(i) == language else 0.0 for i in range(len(packs.ids))])


def _single(index: int, count: int) -> Floats:
    weights = np.zeros(count)
    weights[index] = 1.0
    return weights
