"""Subtitles, manifest and labels of a spoken script."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripts.outputs.rendered import spoken_script
from voxport.scripts.outputs.manifest import write_manifest
from voxport.scripts.outputs.spoken_sentences import spoken_sentences
from voxport.scripts.outputs.subtitles import write_script_subtitles

CAST = [("One", [("Ana", "Who is <there>? Tell me & go."), ("Ben K", "Nobody.")]), ("Two", [("Ana", "Good bye.")])]


def test_subtitles_of_a_cast_say_who_speaks() -> None:
    script = spoken_script(CAST)
    assert write_script_subtitles(script, "vtt").split("\n\n") == [
        "WEBVTT",
        "00:00:00.000 --> 00:00:00.950\n<v Ana>Who is &lt;there&gt;?",
        "00:00:00.950 --> 00:00:02.000\n<v Ana>Tell me &amp; go.",
        "00:00:02.450 --> 00:00:04.500\n<v Ben K>Nobody.",
        "00:00:04.950 --> 00:00:07.000\n<v Ana>Good bye.\n",
    ]
    assert write_script_subtitles(script, "srt").startswith(
        "1\n00:00:00,000 --> 00:00:00,950\nAna: Who is <there>?\n\n2\n00:00:00,950 --> 00:00:02,000\nTell me & go.\n\n"
        "3\n00:00:02,450 --> 00:00:04,500\nBen K: Nobody.\n\n4\n"
    )


def test_subtitles_of_one_reader_have_no_name() -> None:
    script = spoken_script([("One", [("Narrator", "Hi there.")])])
    assert write_script_subtitles(script, "srt") == "1\n00:00:00,000 --> 00:00:02,000\nHi there.\n"


def test_lines_without_times_of_words_have_cues_by_their_length() -> None:
    text = "A first sentence of the line. " + "And then a very long one that can't stand in one cue of two lines, " * 2
    script = spoken_script([("One", [("Narrator", text.strip()), ("Narrator", "End.")])], with_words=False)
    cues = re.findall(r"(\S+) --> (\S+)\n", write_script_subtitles(script, "vtt"))
    assert len(cues) > 3
    assert cues[0][0] == "00:00:00.000" and cues[-2][1] == "00:00:02.000" and cues[-1][0] == "00:00:02.450"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Ana", "Ben"]), st.text("ab .!?\n–“”<&", min_size=1, max_size=120).map("x{}".format)
        ),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
)
def test_cues_are_in_order_and_have_the_text(lines: list[tuple[str, str]], with_words: bool) -> None:
    script = spoken_script([("One", lines)], with_words=with_words)
    for subtitle_format in ("srt", "vtt"):
        content = write_script_subtitles(script, subtitle_format)
        assert content.startswith("WEBVTT\n\n") or subtitle_format == "srt"
        times = [time.replace(",", ".") for pair in re.findall(r"(\S+) --> (\S+)\n", content) for time in pair]
        assert times == sorted(times)
        assert content.count(" --> ") == len(times) // 2
    for line in script.lines:
        sentences = spoken_sentences(line)
        assert "".join("".join(each.text for each in sentences).split()) == "".join(line.text.split())
        assert [each.start for each in sentences] == sorted(each.start for each in sentences)
        assert all(line.start <= each.start <= line.end for each in sentences)


def test_the_manifest_has_each_line_with_its_file_voice_and_times() -> None:
    script = spoken_script(CAST)
    manifest = json.loads(write_manifest(script, files={"0002": "lines/0002.mp3"}, voices={"Ben K": "bm_george"}))
    assert manifest["lines"][1] == {
        "id": "0002",
        "character": "Ben K",
        "voice": "bm_george",
        "text": "Nobody.",
        "chapter": 0,
        "file": "lines/0002.mp3",
        "start": 2.5,
        "end": 4.5,
        "seconds": 2.0,
    }
    assert manifest["characters"] == [{"name": "Ana"}, {"name": "Ben K", "voice": "bm_george"}]
    assert manifest["chapters"] == [
        {"title": "One", "level": 1, "start": 0.0, "end": 5.0, "lines": ["0001", "0002"]},
        {"title": "Two", "level": 1, "start": 5.0, "end": 7.5, "lines": ["0003", "0003"]},
    ]
    assert (manifest["seconds"], manifest["version"]) == (7.5, 1)
