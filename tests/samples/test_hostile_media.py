"""Hostile files, a small part of the corpus: each is accepted or refused, with no other effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.security.hostile_files import mutate
from benchmarks.security.hostile_media import MediaCase, read, report, run
from voxport.audio.codec.ffmpeg import find_ffmpeg


@pytest.mark.slow
def test_no_hostile_file_does_more_than_be_refused() -> None:
    figures = run(1, is_small=True)
    assert (figures.crashes, figures.errors, figures.hangs, figures.leftovers) == ([], [], [], [])
    assert (figures.canary_reads, figures.canary_visits) == (0, 0)
    assert figures.plain_reached == 2, "without the limits they are reached"
    assert len(figures.outcomes) >= 140
    good = [one for one in figures.outcomes if one.case.group == "good"]
    assert len(good) >= 15
    assert {one.answer for one in good} == {"accepted"}
    assert report(figures).passed


def test_an_error_of_our_own_is_not_counted_as_a_refusal(tmp_path: Path) -> None:
    outcome = read(MediaCase("gone", tmp_path / "missing"), find_ffmpeg())
    assert outcome.answer.startswith("error: FileNotFoundError")


def test_a_seed_spoils_a_file_in_the_same_way_each_time() -> None:
    whole, other = bytes(range(256)) * 40, b"other" * 2_000
    assert all(mutate(whole, other, seed) == mutate(whole, other, seed) for seed in range(30))
    assert len({mutate(whole, other, seed) for seed in range(30)}) == 30
