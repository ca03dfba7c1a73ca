"""Files of votes: what is read, what is refused, and the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.quality.listening.vote_tables import interval, tables
from benchmarks.quality.listening.votes import read_votes

LETTERS = "ABCDE"


def test_the_tables_have_each_kind_each_speaker_and_the_duels(tmp_path: Path) -> None:
    first = _file(
        tmp_path, session="s1", rater="Ana", screens=[_screen("ana", new=80, old=60), _screen("ben", new=50, old=50)]
    )
    second = _file(
        tmp_path, session="s2", rater="", screens=[_screen("ana", new=70, old=90), _screen("ben", new=90, old=20)]
    )
    printed = tables(read_votes([first, second]))
    assert "| new | 72 (" in printed  # (80 + 50 + 70 + 90) / 4
    assert "| new above old | 2 of 4 | 1 | 62 (" in printed  # two wins and a tie
    assert "| ana | 75 (60 to 90) | 75 (70 to 80) |" in printed
    assert "| Ana | headphones | 2 of 2 | 1 |" in printed
    assert "| s2 | headphones |" in printed


def test_a_screen_that_is_not_rated_whole_does_not_count(tmp_path: Path) -> None:
    unrated = _screen("ana", new=80, old=60)
    unrated["candidates"][0]["naturalness"] = None
    assert tables(read_votes([_file(tmp_path, screens=[unrated])])) == "No screen was rated."


def test_a_session_saved_twice_counts_once_as_it_was_last(tmp_path: Path) -> None:
    later = _file(tmp_path, "later", saved="2026-01-01T11:00:00.000Z", screens=[_screen("ana", new=80, old=60)])
    earlier = _file(tmp_path, "earlier", saved="2026-01-01T10:00:00.000Z", screens=[_screen("ana", new=1, old=60)])
    for order in ([later, earlier], [earlier, later]):
        (votes,) = read_votes(order)
        assert votes.saved.hour == 11


def test_votes_on_different_pages_are_not_mixed(tmp_path: Path) -> None:
    files = [_file(tmp_path, name, page=name, session=name) for name in ("one", "two")]
    with pytest.raises(SystemExit, match="different pages"):
        read_votes(files)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 2},
        {"seed": -1},
        {"saved": "yesterday"},
        {"saved": "2026-01-01"},
        {"screens": [{"number": 1}]},
        {"screens": None},
    ],
    ids=str,
)
def test_a_file_that_is_none_of_votes_is_refused_by_name(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(SystemExit, match=r"votes\.json is not a file of votes"):
        read_votes([_file(tmp_path, **change), _file(tmp_path, "good", session="s2")])


@pytest.mark.parametrize(
    ("field", "value"), [("likeness", 101), ("likeness", 3.5), ("naturalness", 0), ("kind", "other"), ("plays", -1)]
)
def test_a_vote_outside_the_scale_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    screen = _screen("ana", new=80, old=60)
    screen["candidates"][0][field] = value
    with pytest.raises(SystemExit, match=rf"screens\.0\.candidates\.0\.{field}"):
        read_votes([_file(tmp_path, screens=[screen])])


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[" * 100_000, b"{}", b" " * 10_000_001], ids=lambda c: str(c[:2])
)
def test_bytes_that_are_no_votes_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "votes.json"
    path.write_bytes(content)
    with pytest.raises(SystemExit, match=r"votes\.json"):
        read_votes([path])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"absent\.json can't be read"):
        read_votes([tmp_path / "absent.json"])


def test_a_name_from_a_file_cannot_command_the_terminal(tmp_path: Path) -> None:
    file = _file(tmp_path, rater="\x1b[31mred|\n", screens=[_screen("an\x1ba", new=1, old=2)])
    printed = tables(read_votes([file]))
    assert "\x1b" not in printed
    assert "| [31mred |" in printed


def test_votes_of_one_speaker_are_not_counted_as_independent() -> None:
    """Ten votes on each of two speakers say hardly more on other speakers than two votes."""
    values = np.repeat([20.0, 80.0], 10)
    speakers = ["a"] * 10 + ["b"] * 10
    clustered = interval(values, [speakers, ["ana"] * 20])
    assert clustered.mean == 50
    assert clustered.bounds == (20, 80)
    single = interval(values, [[str(number) for number in range(20)]])
    assert single.bounds is not None
    assert 33 < single.bounds[0] < 42
    assert 58 < single.bounds[1] < 67


def test_a_single_vote_has_no_interval() -> None:
    assert interval(np.array([70.0]), [["ana"], ["r"]]).text(0) == "70"


def _screen(speaker: str, **likeness: int) -> dict[str, Any]:
    return {
        "number": 1,
        "speaker": speaker,
        "sentence": f"A sentence for {speaker}.",
        "seconds": 30.0,
        "candidates": [
            {"letter": LETTERS[i], "kind": kind, "clip": kind, "likeness": value, "naturalness": 3, "plays": 1}
            for i, (kind, value) in enumerate(likeness.items())
        ],
    }


def _file(folder: Path, name: str = "votes", *, page: str = "p", **fields: Any) -> Path:
    path = folder / f"{fields.get('session', '')}{name}.json"
    content = {
        "format": "voxport-listening-votes", "version": 1, "page": {"id": page, "made": "2026"}, "session": "s",
        "seed": 1, "rater": "Ana", "device": "headphones", "started": "2026-01-01T09:00:00.000Z",
        "saved": "2026-01-01T10:00:00.000Z",
        "screens": [], **fields,
    }  # fmt: skip
    path.write_text(json.dumps(content), "utf-8")
    return path
