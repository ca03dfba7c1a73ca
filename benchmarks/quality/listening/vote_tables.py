"""Sums up votes: means with bootstrap intervals by kind and speaker, and how often one kind beats another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.quality.listening.clips import KINDS, Kind
from benchmarks.quality.listening.votes import VotedScreen, Votes
from voxport.audio.arrays import FloatArray

_DRAWS: Final = 4000
_DUELS: Final[tuple[tuple[Kind, Kind], ...]] = (
    ("new", "old"), ("new", "instant"), ("new", "stock"), ("instant", "stock"), ("recording", "new"),
)  # fmt: skip


@dataclass(frozen=True)
class Interval:
    """A mean with the 95 % interval, which is None if there is only one vote to draw from."""

    mean: float
    bounds: tuple[float, float] | None

    def text(self, decimals: int) -> str:
        if self.bounds is None:
            return f"{self.mean:.{decimals}f}"
        low, high = self.bounds
        return f"{self.mean:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"


@dataclass(frozen=True)
class _Rated:
    """A screen as one rater rated it."""

    rater: str
    speaker: str
    screen: VotedScreen


def tables(files: Sequence[Votes]) -> str:
    """Return the tables in Markdown. Only screens that were rated whole count."""
    rated = [_Rated(votes.session, s.speaker, s) for votes in files for s in votes.screens if s.is_rated()]
    if not rated:
        return "No screen was rated."
    kinds = [kind for kind in KINDS if any(row.screen.of(kind) for row in rated)]
    sections = [_by_kind(rated, kinds), _by_speaker(rated, kinds), _duels(rated), _raters(files)]
    return "\n\n".join(section for section in sections if section)


def interval(values: FloatArray, factors: Sequence[Sequence[str]]) -> Interval:
    """Return the mean of `values` [n] and its 95 % interval by the pigeonhole bootstrap (Owen, Annals of Applied
    Statistics 2007): the levels of each factor (such as the speaker and the rater of each vote) are drawn with
    replacement, and a vote counts as often as the product of its levels. Votes by one person, or on one speaker, depend
    on each other; drawing single votes would give too narrow an interval."""
    random = np.random.default_rng(17)
    weights = np.ones((_DRAWS, values.size))
    for factor in factors:
        names, levels = np.unique(np.asarray(factor), return_inverse=True)
        drawn = random.multinomial(names.size, np.full(names.size, 1 / names.size), size=_DRAWS)
        weights *= drawn[:, levels]
    totals = weights.sum(axis=1)
    means = (weights @ values)[totals > 0] / totals[totals > 0]
    low, high = np.percentile(means, [2.5, 97.5])
    has_choice = any(len(set(factor)) > 1 for factor in factors)
    return Interval(float(values.mean()), (float(low), float(high)) if has_choice else None)


def _by_kind(rated: list[_Rated], kinds: list[Kind]) -> str:
    rows = []
    for kind in kinds:
        heard, likeness, naturalness = _scores(rated, kind)
        factors = _factors(heard)
        rows.append((kind, interval(likeness, factors).text(0), interval(naturalness, factors).text(1), len(heard)))
    return _table(("all speakers", "like the person, 0–100 (95 %)", "natural, 1–5 (95 %)", "votes"), rows)


def _by_speaker(rated: list[_Rated], kinds: list[Kind]) -> str:
    rows = []
    for speaker in sorted({row.speaker for row in rated}):
        cells = []
        for kind in kinds:
            heard, likeness, _ = _scores([row for row in rated if row.speaker == speaker], kind)
            cells.append(interval(likeness, _factors(heard)).text(0) if heard else "–")
        rows.append((_clean(speaker), *cells))
    return _table(("like the person, 0–100", *kinds), rows)


def _duels(rated: list[_Rated]) -> str:
    """How often a kind is rated above another on the same screen, and by how much."""
    rows = []
    for one, other in _DUELS:
        heard = [row for row in rated if row.screen.of(one) and row.screen.of(other)]
        if not heard:
            continue
        more = _scores(heard, one)[1] - _scores(heard, other)[1]
        wins, ties = int(np.sum(more > 0)), int(np.sum(more == 0))
        share = interval(100 * (np.sign(more) + 1) / 2, _factors(heard))
        difference = interval(more, _factors(heard))
        rows.append((f"{one} above {other}", f"{wins} of {len(heard)}", ties, f"{share.text(0)} %", difference.text(1)))
    columns = ("like the person", "screens", "ties", "share, ties as half (95 %)", "points more (95 %)")
    return _table(columns, rows) if rows else ""


def _raters(files: Sequence[Votes]) -> str:
    """Who rated, and whether they heard the difference that everybody hears: the recording above the stock voice."""
    rows = []
    for votes in files:
        rated = [screen for screen in votes.screens if screen.is_rated()]
        pairs = [(screen.of("recording"), screen.of("stock")) for screen in rated]
        sure = [(one.likeness or 0) > (other.likeness or 0) for one, other in pairs if one and other]
        minutes = sum(screen.seconds for screen in rated) / 60
        name = _clean(votes.rater) or votes.session[:6]
        rows.append(
            (
                name, _clean(votes.device) or "–", f"{len(rated)} of {len(votes.screens)}", f"{minutes:.0f}",
                f"{sum(sure)} of {len(sure)}",
            )
        )  # fmt: skip
    return _table(("rater", "by", "screens", "minutes", "recording above stock"), rows)


def _scores(rated: Iterable[_Rated], kind: Kind) -> tuple[list[_Rated], FloatArray, FloatArray]:
    """Return the screens that have the kind, with its likeness and naturalness."""
    found = [(row, candidate) for row in rated if (candidate := row.screen.of(kind))]
    likeness = np.array([candidate.likeness for _, candidate in found], np.float64)
    naturalness = np.array([candidate.naturalness for _, candidate in found], np.float64)
    return [row for row, _ in found], likeness, naturalness


def _factors(rated: Sequence[_Rated]) -> list[list[str]]:
    """Speakers and raters are drawn. The sentences take the speakers' place where there is only one."""
    speakers = [row.speaker for row in rated]
    if len(set(speakers)) == 1:
        speakers = [row.screen.sentence for row in rated]
    return [speakers, [row.rater for row in rated]]


def _clean(text: str) -> str:
    """Text from a file of votes, safe to print in a table on a terminal."""
    return "".join(char if char.isprintable() and char != "|" else " " for char in text).strip()[:40]


def _table(columns: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
