"""What the listening test plays: the folders of voices, and a page made from real recordings."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.quality import listen
from benchmarks.quality.listening import voice_folder
from benchmarks.quality.listening.clips import SENTENCES, sentences_for
from benchmarks.quality.listening.page_folder import require_folder_outside_git
from benchmarks.quality.listening.voice_folder import VoiceFolder, describe_tree
from voxport.engine import EngineVoice
from voxport.engine.kokoro.stock_voices import stock_packs


def test_a_voice_is_fitted_once_and_read_from_the_folder_afterwards(tmp_path: Path) -> None:
    folder, fits = VoiceFolder(tmp_path / "voices"), []

    def fit() -> EngineVoice:
        fits.append(1)
        return stock_packs().voice(0)

    first = folder.read_or_fit("ana", fit)
    assert folder.read_or_fit("ana", fit) == first == folder.read("ana")
    assert len(fits) == 1
    assert folder.about() == describe_tree()


def test_voices_of_another_engine_are_not_taken_for_this_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = VoiceFolder(tmp_path)
    folder.read_or_fit("ana", lambda: stock_packs().voice(0))
    monkeypatch.setattr(voice_folder, "describe_tree", lambda: {"engine": "another"})
    with pytest.raises(SystemExit, match="of another engine"):
        folder.read_or_fit("ana", lambda: stock_packs().voice(0))
    (tmp_path / "voices.json").unlink()
    with pytest.raises(SystemExit, match="of another engine"):
        folder.read_or_fit("ben", lambda: stock_packs().voice(0))


def test_a_missing_voice_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"has no ana\.voice"):
        VoiceFolder(tmp_path).read("ana")


def test_speakers_get_different_sentences_until_all_have_been_used() -> None:
    used = [sentence for number in range(8) for sentence in sentences_for(number, 2)]
    assert len(set(used)) == 16
    assert sentences_for(7, 3) == [SENTENCES[1], SENTENCES[2], SENTENCES[3]]


def test_no_page_is_written_to_where_git_would_take_the_recordings(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("/out/\n")
    with pytest.raises(SystemExit, match="does not ignore it"):
        require_folder_outside_git(tmp_path / "pages" / "one")
    require_folder_outside_git(tmp_path / "out" / "one")
    (tmp_path / "out" / "one").mkdir(parents=True)
    (tmp_path / "out" / "one" / "file").touch()
    with pytest.raises(SystemExit, match="not an empty folder"):
        require_folder_outside_git(tmp_path / "out" / "one")


@pytest.mark.slow
def test_a_page_is_made_from_real_recordings_with_an_older_voice(
    tmp_path: Path, recording: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "libri_1998.voice").write_bytes(stock_packs().voice(3).to_bytes())
    page = tmp_path / "page"
    arguments = ["--speakers", "1", "--sentences", "1", "--no-fit", "--old", str(old), "--output", str(page)]
    listen.main(arguments)
    assert f"Open {page / 'index.html'}" in capsys.readouterr().out
    script = (page / "page" / "data.js").read_text("utf-8")
    data = json.loads(script.removeprefix("const LISTENING = ").rstrip().removesuffix(";"))
    (speaker,) = data["speakers"]
    assert len(speaker["screens"][0]["clips"]) == 4  # the recording, stock, instant and old
    assert any("CC BY" in licence for licence in data["licences"])
    assert data["page"]["tree"] == describe_tree()

    (old / "libri_1998.voice").write_bytes(b"damaged")
    with pytest.raises(SystemExit, match=r"libri_1998\.voice: "):
        listen.main([*arguments[:-1], str(tmp_path / "page2")])
