"""`voxport say`, `instant` and `estimate`: where the audio goes, what it costs, and what is refused before that."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.served import Served, output_of, refused
from tests.support.client import open_client
from tests.support.cutting_proxy import CuttingProxy
from voxport.cli import say
from voxport.cli.audio_output import Playback, unused_path
from voxport_client import StreamBrokenError


def test_a_text_becomes_the_named_file_and_is_charged_once(served: Served, tmp_path: Path) -> None:
    result = served.run("say", "Good morning.", "--voice", "Heart", "-o", "hi.mp3")
    assert result.exit_code == 0, result.output
    assert result.stdout == "hi.mp3\n"
    assert (tmp_path / "hi.mp3").read_bytes().startswith(b"\xff\xf3")
    assert "1.0 s of speech for 0.01 tokens; 99.99 are left." in result.stderr
    assert len(served.charges()) == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == ["hi.mp3"]


def test_with_json_standard_output_is_only_json(served: Served, tmp_path: Path) -> None:
    said = output_of(served.run("say", "Good morning.", "-v", "af_heart", "-o", "hi.wav", "--json"))
    assert said["file"] == "hi.wav"
    assert said["voice_id"] == "af_heart"
    assert (said["tokens"], said["balance"], said["duration_seconds"]) == (0.01, 99.99, 1.0)
    assert (tmp_path / "hi.wav").read_bytes().startswith(b"RIFF")


@pytest.mark.parametrize(
    ("name", "begin"), [("a.ogg", b"OggS"), ("a.OPUS", b"OggS"), ("a.flac", b"fLaC"), ("a.pcm", b"")]
)
def test_the_name_of_the_file_decides_its_format(served: Served, tmp_path: Path, name: str, begin: bytes) -> None:
    assert served.run("say", "x", "-v", "Heart", "-o", name).exit_code == 0
    assert (tmp_path / name).read_bytes().startswith(begin)


def test_a_text_comes_from_a_file_or_from_standard_input(served: Served, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe aus der Datei.\n")
    assert served.run("say", "--file", "text.txt", "-v", "Heart", "-o", "a.mp3").exit_code == 0
    assert served.run("say", "-", "-v", "Heart", "-o", "b.mp3", stdin="From a pipe.\n").exit_code == 0
    assert len(served.charges()) == 2


def test_standard_output_takes_the_audio_itself(served: Served) -> None:
    result = served.run("say", "x", "-v", "Heart", "-o", "-")
    assert result.exit_code == 0
    assert result.stdout_bytes.startswith(b"\xff\xf3")
    refused(served.run("say", "x", "-v", "Heart", "-o", "-", "--json"), 2, "can't hold both")


def test_a_pipe_gets_the_audio_and_stays_a_pipe(served: Served, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe.mp3").read_bytes()), daemon=True)
    reader.start()
    result = served.run("say", "x", "-v", "Heart", "-o", "pipe.mp3")
    assert result.exit_code == 0, result.output
    reader.join(30)
    assert got[0].startswith(b"\xff\xf3")
    assert (tmp_path / "pipe.mp3").is_fifo()
    assert served.run("say", "x", "-v", "Heart", "--format", "mp3", "-o", "/dev/null").exit_code == 0
    assert Path("/dev/null").is_char_device()


def test_a_link_stays_and_what_it_leads_to_is_replaced(served: Served, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    old = tmp_path / "there" / "old.mp3"
    old.write_bytes(b"old")
    old.chmod(0o600)
    for name, target in (("a.mp3", "there/old.mp3"), ("b.mp3", "there/new.mp3")):
        (tmp_path / name).symlink_to(target)
        assert served.run("say", "x", "-v", "Heart", "-o", name).exit_code == 0
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / target).read_bytes().startswith(b"\xff\xf3")
    assert old.stat().st_mode & 0o777 == 0o600
    (tmp_path / "c.mp3").symlink_to("nowhere/c.mp3")
    refused(served.run("say", "x", "-v", "Heart", "-o", "c.mp3"), 3, "There is no folder")


def test_kept_audio_follows_no_link_that_was_put_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speech.wav").symlink_to("victim")
    assert unused_path(".wav") == Path("speech-2.wav")
    monkeypatch.setenv("PATH", "")
    playback = Playback("ffplay", Path("speech.wav"))
    with pytest.raises(OSError, match="ffplay"):
        playback.play(iter([b"RIFF"]))
    assert Path("speech-2.wav").read_bytes() == b"RIFF"
    assert not (tmp_path / "victim").exists()


def test_without_a_player_the_audio_goes_to_a_new_file(served: Served, tmp_path: Path) -> None:
    for name in ("speech.mp3", "speech-2.mp3"):
        result = served.run("say", "x", "-v", "Heart")
        assert result.stdout == f"{name}\n"
        assert f"no player here (ffplay, mpv, paplay, aplay, afplay). The audio goes to {name}" in result.stderr
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize("player", ["aplay", "paplay"])
def test_a_player_gets_the_whole_audio(served: Served, tmp_path: Path, player: str) -> None:
    make_player(tmp_path, player, f'/bin/cat "$([ -e "$1" ] && echo "$1" || echo -)" > {tmp_path}/heard.wav')
    result = served.run("say", "Heard.", "-v", "Heart")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    heard = (tmp_path / "heard.wav").read_bytes()
    assert heard.startswith(b"RIFF")
    assert len(heard) >= 44 + 24_000 * 2
    assert len(served.charges()) == 1


def test_audio_that_a_player_can_not_play_is_kept(served: Served, tmp_path: Path) -> None:
    make_player(tmp_path, "ffplay", "exit 1")
    result = served.run("say", "Paid for.", "-v", "Heart")
    assert result.exit_code == 0
    assert result.stdout == "speech.wav\n"
    assert "could not be played by ffplay" in result.stderr
    assert (tmp_path / "speech.wav").read_bytes().startswith(b"RIFF")


def test_audio_that_breaks_off_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_player(tmp_path, "aplay", "/bin/cat > /dev/null")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def chunks() -> Iterator[bytes]:
        yield b"RIFF and some audio"
        raise StreamBrokenError("The stream broke off.")

    with pytest.raises(StreamBrokenError):
        Playback("aplay", tmp_path / "speech.wav").play(chunks())
    assert (tmp_path / "speech.wav").read_bytes() == b"RIFF and some audio"


def make_player(folder: Path, name: str, script: str) -> None:
    (folder / "bin").mkdir()
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_long_text_becomes_a_job(served: Served, tmp_path: Path) -> None:
    (tmp_path / "chapter.txt").write_text("A sentence of a book. " * 300)
    with served.working():
        result = served.run("say", "--file", "chapter.txt", "-v", "Heart", "-o", "chapter.mp3")
    assert result.exit_code == 0, result.output
    assert "6,599 characters become a job: about" in result.stderr
    assert (tmp_path / "chapter.mp3").stat().st_size > 1000
    assert [row["job_id"] is not None for row in served.charges()] == [True]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("missing/hi.mp3", ["There is no folder missing", "mkdir -p missing"]),
        (".", ["is a folder"]),
        ("hi.xyz", [".xyz is no format", ".mp3"]),
        ("hi", ["no format", "--format"]),
        ("/proc/hi.mp3", ["can't be written"]),
        ("file/hi.mp3", ["can't be written"]),
        ("\0.mp3", ["can't be written"]),
        (f"{'x' * 300}.mp3", ["can't be written"]),
    ],
)
def test_an_output_that_can_not_be_written_is_refused_before_it_is_paid(
    served: Served, tmp_path: Path, output: str, words: list[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    refused(served.run("say", "x", "-v", "Heart", "-o", output), 3, *words)
    assert served.charges() == []
    assert served.customer.balance()["balance"] == 100


def test_a_format_beside_another_name_is_refused(served: Served) -> None:
    refused(served.run("say", "x", "-v", "Heart", "-o", "a.mp3", "--format", "wav"), 3, "named as mp3")
    assert served.run("say", "x", "-v", "Heart", "-o", "a.audio", "--format", "wav").exit_code == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Gr\xfc\xdfe\n", ["not UTF-8", "byte 0xfc in line 1", "iconv -f WINDOWS-1252"]),
        ("Grüße".encode("utf-16"), ["UTF-16", "iconv -f UTF-16"]),
        (b"PK\x03\x04\x00\x00", ["no text file"]),
        (b" \n\t\n", ["empty"]),
        (b"", ["empty"]),
        (b"x" * (4 * 1024**2 + 1), ["more than 4 MB"]),
    ],
)
def test_a_file_that_is_no_text_is_refused(served: Served, tmp_path: Path, content: bytes, words: list[str]) -> None:
    (tmp_path / "text.txt").write_bytes(content)
    refused(served.run("say", "--file", "text.txt", "-v", "Heart", "-o", "a.mp3"), 3, *words)
    refused(served.run("say", "-", "-v", "Heart", "-o", "a.mp3", stdin=content), 3, words[0])
    assert served.charges() == []


def test_text_and_file_are_not_taken_for_each_other(served: Served, tmp_path: Path) -> None:
    (tmp_path / "chapter.txt").write_text("Once upon a time.")
    refused(served.run("say", "chapter.txt", "-v", "Heart", "-o", "a.mp3"), 3, "Use --file chapter.txt")
    refused(served.run("say", "-v", "Heart"), 2, "--file FILE")
    refused(served.run("say", "x", "--file", "chapter.txt", "-v", "Heart"), 2, "--file FILE")
    refused(served.run("say", "--file", "missing.txt", "-v", "Heart"), 3, "No such file")
    refused(served.run("say", "--file", ".", "-v", "Heart"), 3, "Is a directory")
    refused(served.run("say", "bytes of latin-1: \udcfc", "-v", "Heart", "-o", "a.mp3"), 3, "not UTF-8")


def test_an_answer_that_is_lost_is_asked_for_again_and_charged_once(
    served: Served, shared_server: tuple[object, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = CuttingProxy()
    proxy.gateway_port = int(served.url.rpartition(":")[2])
    real = say._abilities

    def cut_next(*arguments: object) -> object:
        proxy.cuts.append("before the answer")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(say, "_abilities", cut_next)
    with proxy.running():
        result = served.run("say", "Once.", "-v", "Heart", "-o", "once.mp3", VOXPORT_URL=proxy.url)
    assert result.exit_code == 0, result.output
    assert len(served.charges()) == 1


def test_a_stream_that_is_cut_is_heard_whole_and_charged_once(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_player(tmp_path, "aplay", f"/bin/cat > {tmp_path}/heard.wav")
    proxy = CuttingProxy()
    proxy.gateway_port = int(served.url.rpartition(":")[2])
    real = say._abilities

    def cut_next(*arguments: object) -> object:
        proxy.cuts.append("in the answer")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(say, "_abilities", cut_next)
    with proxy.running():
        result = served.run("say", "Once.", "-v", "Heart", VOXPORT_URL=proxy.url)
    assert result.exit_code == 0, result.output
    assert len((tmp_path / "heard.wav").read_bytes()) >= 44 + 24_000 * 2
    assert len(served.charges()) == 1


def test_an_instant_clone_becomes_a_file(served: Served, tmp_path: Path, recording: str) -> None:
    said = output_of(served.run("instant", recording, "Once.", "--yes-i-may", "-o", "once.wav", "--json"))
    assert (said["file"], said["tokens"], said["balance"]) == ("once.wav", 2.0, 98.0)
    assert (tmp_path / "once.wav").read_bytes().startswith(b"RIFF")
    refused(served.run("instant", recording, "Once.", "--yes-i-may", "-o", "once.mp3"), 3, ".wav")
    refused(served.run("instant", recording, "Once.", "-o", "once.wav"), 2, "--yes-i-may")
    assert len(served.charges()) == 1


def test_an_estimate_costs_nothing(served: Served) -> None:
    shown = served.run("estimate", "Good morning.", "--voice", "Heart")
    assert shown.exit_code == 0
    assert "13 characters by Heart: about" in shown.stdout
    found = output_of(served.run("estimate", "Good morning.", "--voice", "Heart", "--json"))
    assert found["estimate"]["held"] >= found["estimate"]["tokens"] > 0
    assert served.charges() == []


def test_a_dictionary_comes_and_goes_and_a_text_is_previewed_by_it(served: Served, tmp_path: Path) -> None:
    (tmp_path / "names.pls").write_text(
        '<lexicon version="1.0" alphabet="ipa" xml:lang="en-US" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon">'
        "<lexeme><grapheme>Nguyen</grapheme><alias>win</alias></lexeme></lexicon>",
        encoding="utf-8",
    )
    made = served.run("pronunciations", "import", "names.pls").stdout.strip()
    assert made.startswith("pron_")
    assert [one["name"] for one in output_of(served.run("pronunciations", "--json"))] == ["names"]
    shown = served.run("preview", "Nguyen came.", "-v", "Heart", "--pronunciations", made)
    assert shown.stdout == "win came.\n"
    assert served.run("pronunciations", "export", made, "-o", "again.pls").exit_code == 0
    assert "<alias>win</alias>" in (tmp_path / "again.pls").read_text("utf-8")
    assert served.run("pronunciations", "delete", made).exit_code == 0
    refused(
        served.run("say", "x", "-v", "Heart", "-o", "a.mp3", "--pronunciations", made),
        3,
        "`voxport pronunciations` lists",
    )
    assert served.charges() == []


def test_a_dictionary_that_is_imported_again_is_replaced_or_needs_another_name(served: Served, tmp_path: Path) -> None:
    served.customer = open_client(served.customer.gateway)
    path = tmp_path / "names.pls"
    path.write_text(
        '<lexicon xml:lang="en"><lexeme><grapheme>Nguyen</grapheme><alias>win</alias></lexeme></lexicon>', "utf-8"
    )
    made = served.run("pronunciations", "import", "names.pls", "--replace").stdout
    refused(served.run("pronunciations", "import", "names.pls"), 3, f"names already: {made.strip()}", "--replace")
    path.write_text(path.read_text("utf-8").replace("win", "wen"), "utf-8")
    replaced = served.run("pronunciations", "import", "names.pls", "--replace")
    assert replaced.stdout == made
    assert "names is replaced: version 2." in replaced.stderr
    exported = served.run("pronunciations", "export", made.strip())
    assert "<alias>wen</alias>" in exported.stdout
    assert exported.stderr == ""

    other = served.run("pronunciations", "import", "names.pls", "--name", "other").stdout
    assert other not in ("", made)
    body = {"name": "names", "language": "en", "rules": [{"match": "Nguyen", "alias": "win"}]}
    ignoring_case = served.customer.post("/v1/pronunciations", body).json()["data"]["id"]
    assert "1 of 1 rules ignore case" in served.run("pronunciations", "export", ignoring_case).stderr
    refused(served.run("pronunciations", "import", "names.pls", "--replace"), 3, "2 dictionaries names", "delete")


def test_times_and_subtitles_need_a_file(served: Served) -> None:
    refused(served.run("say", "x", "-v", "Heart", "--subtitles", "srt"), 2, "name it with -o FILE")
    refused(served.run("say", "x", "-v", "Heart", "-o", "-", "--timestamps", "word"), 2, "name it with -o FILE")
    refused(served.run("say", "x", "-v", "Heart", "-o", "a.mp3", "--timestamps", "word"), 2, "--json")


def test_a_sample_rate_is_asked_for(served: Served, tmp_path: Path) -> None:
    assert served.run("say", "x", "-v", "Heart", "-o", "a.wav", "--sample-rate", "8000").exit_code == 0
    assert int.from_bytes((tmp_path / "a.wav").read_bytes()[24:28], "little") == 8000
