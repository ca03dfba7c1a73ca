"""Audiobooks as ffmpeg reads them."""

from __future__ import annotations

import re
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.outputs.rendered import PNG, spoken_script, tone
from voxport.audio.arrays import Pcm
from voxport.scripts.outputs.m4b import write_m4b
from voxport.scripts.script import Cover

HARD = "=T;i#t\\l=e\\"
CHAPTERS = [("One", [("Ana", "Hi.")]), (HARD, [("Ana", "Hi."), ("Ben", "Yo.")]), ("a\nb [CHAPTER] é漢", [("Ana", "x")])]


def described(ffmpeg: Path, path: Path) -> str:
    return subprocess.run([ffmpeg, "-hide_banner", "-i", path], capture_output=True, text=True, check=False).stderr


def metadata(ffmpeg: Path, path: Path) -> str:
    command = [str(ffmpeg), "-loglevel", "error", "-i", str(path), "-f", "ffmetadata", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_an_audiobook_has_chapters_tags_and_cover(ffmpeg: Path, tmp_path: Path) -> None:
    script = spoken_script(CHAPTERS, title=HARD, cover=Cover(PNG, "image/png"))
    path = tmp_path / "book.m4b"
    assert write_m4b(path, tone(10), script, ffmpeg=ffmpeg) == ()
    shown = described(ffmpeg, path)
    chapters = re.findall(r"Chapter #0:\d+: start ([\d.]+), end ([\d.]+)\s+Metadata:\s+title +: (.*)", shown)
    assert [(float(start), float(end), title.strip()) for start, end, title in chapters] == [
        (0.0, 2.5, "One"),
        (2.5, 7.5, HARD),
        (7.5, 10.0, "a b [CHAPTER] é漢"),
    ]
    assert "Duration: 00:00:10.0" in shown
    assert "Audio: aac (LC)" in shown and "24000 Hz, mono" in shown and "(eng)" in shown
    assert "(attached pic)" in shown and "Video: png" in shown
    for tag, value in {
        "title": HARD,
        "album": HARD,
        "artist": "Ana Müller",
        "genre": "Audiobook",
        "media_type": "2",
    }.items():
        assert re.search(rf"^    {tag} +: {re.escape(value)} ?$", shown, re.MULTILINE), tag
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "players start before the whole file is there"
    assert list(tmp_path.iterdir()) == [path]
    again = tmp_path / "again.m4b"
    write_m4b(again, tone(10), script, ffmpeg=ffmpeg)
    assert again.read_bytes() == content


def test_the_audio_is_heard_in_full(ffmpeg: Path, tmp_path: Path) -> None:
    path = tmp_path / "book.m4b"
    write_m4b(path, tone(10), spoken_script(CHAPTERS), ffmpeg=ffmpeg)
    command = [str(ffmpeg), "-loglevel", "error", "-i", str(path), "-map", "0:a", "-f", "s16le", "-"]
    samples = len(subprocess.run(command, capture_output=True, check=True).stdout) // 2
    assert 240_000 <= samples < 240_000 + 2_048


@pytest.mark.parametrize("cover", [b"\x89PNG\r\n\x1a\n broken", b"\xff\xd8\xff\xe0 broken", b"", b"\0" * 100])
def test_a_cover_that_can_not_be_read_is_left_out_with_a_warning(ffmpeg: Path, tmp_path: Path, cover: bytes) -> None:
    kind = "image/jpeg" if cover.startswith(b"\xff") else "image/png"
    path = tmp_path / "book.m4b"
    warnings = write_m4b(path, tone(10), spoken_script(CHAPTERS, cover=Cover(cover, kind)), ffmpeg=ffmpeg)
    assert len(warnings) == 1 and "cover" in warnings[0]
    shown = described(ffmpeg, path)
    assert shown.count("Chapter #") == 3 and "attached pic" not in shown
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_the_pieces_leaves_no_file(ffmpeg: Path, tmp_path: Path) -> None:
    def failing() -> Iterator[Pcm]:
        yield from tone(1)
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        write_m4b(tmp_path / "book.m4b", failing(), spoken_script(CHAPTERS), ffmpeg=ffmpeg)
    assert not list(tmp_path.iterdir())


def test_a_failing_encoder_leaves_no_file(tmp_path: Path) -> None:
    encoder = tmp_path / "ffmpeg"
    encoder.write_text("#!/bin/sh\necho 'no such codec' >&2\nexit 3\n")
    encoder.chmod(0o755)
    with pytest.raises(RuntimeError, match="no such codec"):
        write_m4b(tmp_path / "book.m4b", tone(600), spoken_script(CHAPTERS), ffmpeg=encoder)
    assert list(tmp_path.iterdir()) == [encoder]


def test_a_thousand_chapters_are_listed(ffmpeg: Path, tmp_path: Path) -> None:
    script = spoken_script([(f"Chapter {number}", [("Ana", "Hi.")]) for number in range(1000)], seconds=0.08)
    write_m4b(tmp_path / "book.m4b", tone(script.seconds, piece=0.1), script, ffmpeg=ffmpeg)
    titles = re.findall(r"^title=(.*)$", metadata(ffmpeg, tmp_path / "book.m4b"), re.MULTILINE)
    assert titles == ["The Ferry", *(f"Chapter {number}" for number in range(1000))]


def test_the_memory_of_a_long_book_is_that_of_a_piece(ffmpeg: Path, tmp_path: Path) -> None:
    script = spoken_script([("One", [("Ana", "Hi.")] * 192)])
    tracemalloc.start()
    write_m4b(tmp_path / "book.m4b", tone(script.seconds, piece=10), script, ffmpeg=ffmpeg)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 1024**2, f"{peak:,} bytes for {script.seconds:,} seconds, which are 23 MB of samples"
