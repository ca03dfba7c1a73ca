"""`voxport script`: a cast, a price before it is paid, files that change only with their lines, and watching."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.served import Served, output_of, refused
from voxport.cli.errors import CommandError
from voxport.cli.script import group, rendering
from voxport.cli.script.cast_file import CastEntry, add_characters, read_cast
from voxport.cli.script.outputs import save_outputs
from voxport.cli.script.watching import stamp_of, wait_for_change
from voxport_client import Voice, Voxport

SCRIPT = "Ana: Who is there?\nBen: Nobody.\nAna: Then who spoke?\n"
CAST = "Ana: Heart\nBen: {voice: ef_dora, speed: 1.2}\n"


@pytest.fixture
def play(served: Served, tmp_path: Path) -> Iterator[Served]:
    """A customer with a script and its cast, and a worker."""
    (tmp_path / "play.txt").write_text(SCRIPT)
    (tmp_path / "cast.yaml").write_text(CAST)
    with served.working():
        yield served


def test_a_script_becomes_files_by_their_names_and_is_charged_by_its_lines(play: Served, tmp_path: Path) -> None:
    result = play.run("script", "render", "play.txt", "--output", "lines", "--output", "joined", "--output", "stems")
    assert result.exit_code == 0, result.output
    assert result.stdout == "play-audio\n"
    assert "3 of 3 lines to speak: about " in result.stderr
    assert "3 of 3 lines were spoken, 0.03 tokens; 99.97 are left." in result.stderr
    assert files_of(tmp_path / "play-audio") == [
        *("lines/0001.mp3", "lines/0002.mp3", "lines/0003.mp3", "manifest.json", "script.mp3"),
        *("stems/Ana.mp3", "stems/Ben.mp3"),
    ]
    assert "Line 3 of 3, about " in result.stderr
    assert play.customer.get("/v1/media?kind=upload").json()["data"] == [], "the upload was only for the call"


def test_one_changed_line_changes_one_file_of_lines(play: Served, tmp_path: Path) -> None:
    arguments = ("script", "render", "play.txt", "--output", "lines", "-o", "out")
    assert play.run(*arguments).exit_code == 0
    lines = tmp_path / "out" / "lines"
    for file in lines.iterdir():
        os.utime(file, (1, 1))
    (lines / "0001.mp3").write_bytes(b"what another program left")
    (tmp_path / "play.txt").write_text(SCRIPT.replace("Nobody.", "Nobody at all."))
    again = play.run(*arguments)
    assert "1 of 3 lines was spoken, 0.01 tokens" in again.stderr
    assert "out: 2 files are new or changed, 2 were there already." in again.stderr  # the manifest, and 0001.mp3
    assert (lines / "0001.mp3").read_bytes() == (lines / "0003.mp3").read_bytes()
    assert {file.name for file in lines.iterdir() if file.stat().st_mtime == 1} == {"0002.mp3", "0003.mp3"}


def test_files_of_lines_that_are_gone_are_named_and_left(play: Served, tmp_path: Path) -> None:
    arguments = ("script", "render", "play.txt", "--output", "lines", "--output", "stems", "-o", "out")
    assert "left there" not in play.run(*arguments).stderr
    (tmp_path / "play.txt").write_text("Ana: Who is there?\n")
    again = play.run(*arguments)
    assert "left there (3): lines/0002.mp3, lines/0003.mp3, stems/Ben.mp3" in again.stderr
    assert (tmp_path / "out" / "lines" / "0003.mp3").exists()
    only_joined = play.run("script", "render", "play.txt", "-o", "out", "--json")
    assert output_of(only_joined)["stale"] == [], "files of another output are none"


def test_a_dry_run_and_an_estimate_cost_nothing_and_count_by_character(play: Served, tmp_path: Path) -> None:
    for command in (("render", "play.txt", "--dry-run"), ("estimate", "play.txt")):
        shown = play.run("script", *command)
        assert shown.exit_code == 0, shown.output
        rows = [line.split() for line in shown.stdout.splitlines()]
        assert rows[0] == ["CHARACTER", "LINES", "TO", "SPEAK", "SECONDS", "TOKENS"]
        assert [row[:3] for row in rows[1:]] == [["Ana", "2", "2"], ["Ben", "1", "1"]]
    assert output_of(play.run("script", "estimate", "play.txt", "--json"))["spoken"] == 3
    assert play.charges() == []
    assert not (tmp_path / "play-audio").exists()


def test_a_terminal_is_asked_before_anything_is_paid(play: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "_can_ask", lambda: True)
    refused(play.run("script", "render", "play.txt", stdin="n\n"), 9, "was not rendered", "Nothing was charged")
    assert play.charges() == []
    assert play.run("script", "render", "play.txt", stdin="y\n").exit_code == 0
    again = play.run("script", "render", "play.txt", stdin="")
    assert again.exit_code == 0, "what costs nothing is not asked for"
    assert "it costs nothing" in again.stderr
    assert play.customer.balance()["balance"] == pytest.approx(99.97)


def test_a_cap_refuses_before_anything_is_spoken(play: Served) -> None:
    refused(play.run("script", "render", "play.txt", "--max-cost", "0.0001"), 3, "--max-cost is 0.0001")
    assert play.charges() == []


def test_a_character_without_a_voice_is_named_with_the_way_to_add_it(play: Served, tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text(f"{SCRIPT}Cleo: Me.\nDora: And me.\n")
    refused(
        play.run("script", "render", "play.txt"), 3, "Line 4: 'Cleo' is not in the cast", "Without a voice: Cleo, Dora"
    )
    added = play.run("script", "cast", "play.txt")
    assert added.exit_code == 0, added.output
    assert added.stdout == "cast.yaml\n"
    text = (tmp_path / "cast.yaml").read_text()
    assert text.startswith(CAST), "what was there stays as it was"
    assert "Dora: ef_dora" in text, "a voice of the same name"
    assert play.run("script", "render", "play.txt").exit_code == 0
    assert "has all characters" in play.run("script", "cast", "play.txt").stderr


def test_a_new_cast_can_be_rendered_as_it_is(play: Served, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("character,text\nNo,Yes.\n007,Shaken.\n'Quoted' #1,Stirred.\nМаша,Да.\n")
    assert play.run("script", "cast", "odd.csv", "-o", "new.yaml").exit_code == 0
    assert set(read_cast(tmp_path / "new.yaml")) == {"No", "007", "'Quoted' #1", "Маша"}
    assert play.run("script", "render", "odd.csv", "--cast", "new.yaml").exit_code == 0


def test_names_that_differ_only_in_case_are_warned_of(play: Served, tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text(f"{SCRIPT}ben: Me again.\n")
    warning = "Warning: Ben and ben are 2 characters: their names differ only in case."
    assert warning in play.run("script", "cast", "play.txt").stderr
    assert warning in play.run("script", "estimate", "play.txt").stderr
    (tmp_path / "play.txt").write_text(SCRIPT)
    assert "differ" not in play.run("script", "estimate", "play.txt").stderr, "ben says nothing"


def a_voice(voice_id: str) -> Voice:
    return Voice(
        voice_id=voice_id,
        name=voice_id,
        provider="local",
        language="en-us",
        gender=None,
        cloned=False,
        preview_url=None,
        created_at=None,
        kind="stock",
        recipe=None,
    )


def test_a_character_that_is_added_gets_a_voice_that_nobody_has(tmp_path: Path) -> None:
    voices = [a_voice("af_heart"), a_voice("af_bella"), a_voice("am_puck")]
    added = add_characters(tmp_path / "cast.yaml", ["Ylva", "Zoe"], voices, None, {"af_heart"})
    assert {voice.voice_id for voice in added.values()} == {"af_bella", "am_puck"}


def test_what_cannot_be_read_is_named_with_its_line(play: Served, tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text("Ana: Hello.\nWho says this?\n")
    refused(play.run("script", "render", "play.txt"), 3, "Line 2: A text line without a character")
    refused(play.run("script", "render", "no.txt"), 3, "no.txt can't be read")
    refused(play.run("script", "render", "play.txt", "--cast", "no.yaml"), 3, "There is no cast", "voxport script cast")
    (tmp_path / "play.txt").write_text(SCRIPT)
    (tmp_path / "cast.yaml").write_text("Ana: Heart\nBen: Hart\n")
    refused(play.run("script", "render", "play.txt"), 6, "cast.yaml line 2, Ben: There is no voice 'Hart'", "Heart")
    (tmp_path / "file").write_text("")
    refused(play.run("script", "render", "play.txt", "-o", "file"), 3, "file can't be written")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- Ana\n", "line 1: a cast is a list"),
        ("Ana: [a, b]\n", "line 1: the voice of Ana"),
        ("Ana: a\nBen: {speed: 1}\n", "line 2: Ben has no voice"),
        ("Ana: {voice: a, sped: 1}\n", "'sped' is no field of a cast; these are: voice"),
        ("Ana: {voice: a, speed: fast}\n", "'fast' is no speed"),
        ("Ana: {voice: a, speed: .nan}\n", "is no speed"),
        ("Ana: a\nAna: b\n", "line 2: Ana is there twice, first in line 1"),
        ("Ana:\n", "Ana has no voice"),
        ("Ana: {\n", "cast.yaml"),
        ("Ana: *nobody\n", "line 1"),
        ("[" * 2000, "cast.yaml"),
        ("\x07", "cast.yaml"),
        ("x" * 2_000_000, "that is no cast"),
    ],
)
def test_a_cast_with_a_mistake_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "cast.yaml"
    path.write_text(text)
    with pytest.raises(CommandError) as refusal:
        read_cast(path)
    assert said in refusal.value.message


def test_a_cast_says_who_speaks_and_how(tmp_path: Path) -> None:
    path = tmp_path / "cast.yaml"
    path.write_text('Ana: {voice: Heart, speed: 1.1, language: en-gb, pronunciations: [pron_1]}\n"No": Dora\n')
    assert read_cast(path) == {
        "Ana": CastEntry(
            "Heart", 1, {"voice_settings": {"speed": 1.1}, "language": "en-gb", "pronunciations": ["pron_1"]}
        ),
        "No": CastEntry("Dora", 2),
    }


def test_ctrl_c_leaves_the_job_and_says_how_to_go_on(
    play: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rendering, "show_lines", interrupt)
    result = play.run("script", "render", "play.txt", "--watch")
    (job,) = play.customer.get("/v2/jobs").json()["data"]
    assert result.exit_code == 130
    assert f"The job {job['id']} goes on without this command." in result.stderr
    assert f"voxport jobs cancel {job['id']}" in result.stderr


def test_watching_renders_again_at_a_change_and_goes_on_after_a_mistake(
    play: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits: list[Callable[[], object]] = [
        lambda: (tmp_path / "play.txt").write_text(f"{SCRIPT}Nobody\n"),
        lambda: None,
        lambda: (tmp_path / "play.txt").write_text(f"{SCRIPT}Ben: I did.\n"),
        lambda: None,
    ]

    def sleep(_: float) -> None:
        if not edits:
            raise KeyboardInterrupt
        edits.pop(0)()

    monkeypatch.setattr(group, "_sleep", sleep)
    result = play.run("script", "render", "play.txt", "--watch", "--yes")
    assert result.exit_code == 130
    for said in (
        "3 of 3 lines were spoken",
        "Line 4: A text line without a character",
        "1 of 4 lines was spoken",
        "No longer watching",
    ):
        assert said in result.stderr, result.stderr
    assert len(play.charges()) == 2


def test_a_file_that_is_away_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "play.txt"
    path.write_text("a")
    steps: Iterator[Callable[[], object]] = iter(
        [path.unlink, lambda: None, lambda: path.write_text("ab"), lambda: path.write_text("abc"), lambda: None]
    )

    def sleep(_: float) -> None:
        next(steps)()

    last = stamp_of([path])
    assert wait_for_change([path], last, sleep=sleep) == stamp_of([path])
    assert next(steps, None) is None


def test_the_lines_of_a_job_are_listed(play: Served) -> None:
    job_id = output_of(play.run("script", "render", "play.txt", "--json"))["job_id"]
    shown = play.run("script", "lines", job_id).stdout.splitlines()
    assert [line.split()[:4] for line in shown[1:]] == [
        ["0001", "Ana", "spoken", "0.00"],
        ["0002", "Ben", "spoken", "1.50"],
        ["0003", "Ana", "spoken", "3.00"],
    ]
    assert output_of(play.run("script", "lines", job_id, "--json"))[1]["text"] == "Nobody."


@pytest.mark.parametrize(
    "key", ["audio/scripts/j/../../x", "audio/scripts/j//etc/passwd", "audio/scripts/j/a\\b", "x/.."]
)
def test_a_key_leads_to_no_file_outside_of_the_folder(tmp_path: Path, key: str) -> None:
    with (
        Voxport(api_key="vxp_x", base_url="http://127.0.0.1:1") as client,
        pytest.raises(CommandError, match="no place"),
    ):
        save_outputs(client, "j", {key: None}, tmp_path)


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
