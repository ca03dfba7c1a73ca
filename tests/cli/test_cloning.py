"""`voxport clone`, `jobs`, `voices`, `detect` and `usage`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.served import Served, output_of, refused
from tests.cloning.test_sample_check import wav
from tests.support.client import open_client
from voxport.cli import waiting
from voxport.cli.exit_codes import ExitCode


def clone(served: Served, recording: str, *more: str) -> str:
    with served.working():
        result = served.run("clone", recording, "--yes-i-may", *more)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_a_clone_is_checked_paid_and_spoken_with(served: Served, recording: str) -> None:
    with served.working():
        result = served.run("clone", recording, "--name", "Ana", "--speaker", "Ana Lima", "--yes-i-may")
    assert result.exit_code == 0, result.output
    for words in (
        "The recording: Excellent: 50.0 seconds of speech",
        "Cloning: 100 %, done",
        "Ana is ready at local. It cost 5 tokens; 95 are left.",
        'Next: voxport say "This is my cloned voice." --voice Ana',
    ):
        assert words in result.stderr
    (consent,) = served.customer.gateway.consents.page(
        profile_id=served.customer.profile_id, limit=10, cursor=None
    ).rows
    assert (consent.speaker, consent.voice_id) == ("Ana Lima", result.stdout.strip())
    for named in ("Ana", "ana", result.stdout.strip()):
        assert served.run("say", "Hello.", "--voice", named, "-o", "a.mp3").exit_code == 0
    assert served.run("say", "My only own voice.", "-o", "a.mp3").exit_code == 0


def test_with_json_standard_output_is_only_json(served: Served, recording: str) -> None:
    with served.working():
        made = output_of(served.run("clone", recording, "--name", "Ana", "--yes-i-may", "--json"))
    assert (made["voice"]["name"], made["tokens"], made["balance"]) == ("Ana", 5.0, 95.0)
    listed = output_of(served.run("voices", "--mine", "--json"))["voices"]
    assert [voice["voice_id"] for voice in listed] == [made["voice"]["voice_id"]]


def test_without_consent_nothing_is_uploaded(served: Served, recording: str) -> None:
    refused(served.run("clone", recording, "--name", "Ana"), 2, "--yes-i-may")
    assert served.customer.get("/v1/media").json()["data"] == []


def test_two_voices_of_one_name_are_told_apart_by_their_ids(served: Served, recording: str) -> None:
    first = clone(served, recording, "--name", "Ana")
    with served.working():
        again = served.run("clone", recording, "--name", "ana", "--yes-i-may")
    second = again.stdout.strip()
    assert "You have a voice called ana already" in again.stderr
    assert f"--voice {second}" in again.stderr
    result = served.run("say", "Hello.", "--voice", "ANA", "-o", "a.mp3")
    refused(result, 3, "2 voices are called 'ANA'", first, second, "by its id")
    assert served.run("say", "Hello.", "--voice", second, "-o", "a.mp3").exit_code == 0


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("Hart", ["Did you mean Heart"]),
        ("af_hart", ["af_heart"]),
        ("Dor", ["Dora"]),
        ("Zzz", ["`voxport voices` lists"]),
    ],
)
def test_an_unknown_voice_is_answered_with_close_names(served: Served, named: str, words: list[str]) -> None:
    refused(served.run("say", "x", "--voice", named, "-o", "a.mp3"), 6, f"no voice '{named}'", *words)


def test_no_voice_named_and_none_of_ones_own_is_said(served: Served) -> None:
    refused(served.run("say", "x", "-o", "a.mp3"), 2, "no voice of your own", "voxport clone")
    assert served.run("say", "x", "-o", "a.mp3", VOXPORT_VOICE="Dora").exit_code == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"MZ this is a program" * 100, ["no audio or video"]),
        (wav(np.zeros(24_000 * 5)), ["is silent", "30 seconds or more"]),
        (wav(np.zeros(240)), []),
    ],
    ids=["program", "silence", "short"],
)
def test_a_file_that_can_not_be_cloned_costs_nothing(
    served: Served, tmp_path: Path, content: bytes, words: list[str]
) -> None:
    served.samples.is_real = True
    (tmp_path / "bad.wav").write_bytes(content)
    refused(served.run("clone", "bad.wav", "--yes-i-may"), 3, *words)
    assert served.customer.balance()["balance"] == 100
    assert served.customer.get("/v2/jobs").json()["data"] == []


def test_a_recording_that_is_no_file_is_refused_before_anything_is_called(served: Served, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    for name, words in (("missing.wav", "No such file"), (".", "is a folder"), ("empty.wav", "is empty")):
        refused(served.run("clone", name, "--yes-i-may", VOXPORT_URL="http://127.0.0.1:1"), 3, words)
        refused(served.run("instant", name, "x", "--yes-i-may", VOXPORT_URL="http://127.0.0.1:1"), 3, words)
        refused(served.run("detect", name, VOXPORT_URL="http://127.0.0.1:1"), 3, words)


def test_a_clone_that_can_not_be_paid_is_refused_before_the_upload(served: Served, recording: str) -> None:
    served.customer = served.customer.another_customer(credits="4.9")
    refused(served.run("clone", recording, "--yes-i-may"), 5, "costs 5 tokens", "balance is 4.9", "admin credits add")
    assert served.customer.get("/v1/media").json()["data"] == []
    served.customer = served.customer.another_customer(credits="0")
    refused(served.run("say", "x", "-v", "Heart", "-o", "a.mp3"), 5, "voxport admin credits add")


def test_a_job_is_queued_listed_cancelled_and_watched(served: Served, recording: str) -> None:
    queued = served.run("clone", recording, "--yes-i-may", "--no-wait")
    job_id = queued.stdout.strip()
    assert f"voxport jobs watch {job_id}" in queued.stderr
    assert job_id in served.run("jobs").stdout
    assert job_id in served.run("jobs", "list", "--status", "queued").stdout
    assert [job["status"] for job in output_of(served.run("jobs", "--json"))] == ["queued"]
    assert "is cancelled" in served.run("jobs", "cancel", job_id).stderr
    refused(served.run("jobs", "cancel", job_id), 7)
    refused(served.run("jobs", "watch", job_id), 9, "was cancelled")
    refused(served.run("jobs", "watch", "nothing"), 6)


def test_a_job_of_speech_is_watched_to_its_file(served: Served, tmp_path: Path) -> None:
    job_id = served.customer.post(
        "/v1/proxy/core-tts", {"text": "Hello.", "voice_id": "af_heart"}, headers={"Prefer": "respond-async"}
    ).json()["job"]["id"]
    with served.working():
        result = served.run("jobs", "watch", job_id, "-o", "hello.mp3")
    assert result.stdout == "hello.mp3\n", result.output
    assert (tmp_path / "hello.mp3").stat().st_size > 1000
    assert "is completed. It cost 0.01 tokens." in result.stderr


def test_ctrl_c_leaves_the_job_and_says_how_to_go_on(
    served: Served, recording: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting, "show_progress", interrupt)
    result = served.run("clone", recording, "--yes-i-may")
    (job,) = served.customer.get("/v2/jobs").json()["data"]
    assert result.exit_code == 130
    assert f"The job {job['id']} goes on without this command." in result.stderr
    assert f"voxport jobs watch {job['id']}" in result.stderr
    assert f"voxport jobs cancel {job['id']}" in result.stderr
    assert job["status"] == "queued"


def test_usage_shows_what_was_charged_and_the_balance(served: Served) -> None:
    assert served.run("say", "x", "-v", "Heart", "-o", "a.mp3").exit_code == 0
    shown = served.run("usage")
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["SERVICE", "CALLS", "UNITS", "TOKENS"],
        ["core-tts", "1", "1", "0.01"],
    ]
    assert "Balance: 99.99 tokens." in shown.stderr
    found = output_of(served.run("usage", "--by", "day", "--json"))
    assert (found["usage"][0]["tokens"], found["balance"]["balance"]) == (0.01, 99.99)
    assert served.run("usage", "--csv").stdout.startswith("group,calls,units,tokens\ncore-tts,1,")
    refused(served.run("usage", "--from", "yesterday"), 3)


def test_audio_of_others_carries_no_mark(served: Served, tmp_path: Path) -> None:
    served.samples.is_real = True
    (tmp_path / "tone.wav").write_bytes(wav(np.sin(np.arange(24_000 * 4) / 20)))
    shown = served.run("detect", "tone.wav")
    assert shown.exit_code == 0, shown.output
    assert "carries no mark of a Voxport" in shown.stdout
    assert output_of(served.run("detect", "tone.wav", "--json"))["watermarked"] is False


def test_a_voice_is_deleted_by_its_name_once_that_is_confirmed(served: Served, recording: str) -> None:
    served.customer = open_client(served.customer.gateway)
    clone(served, recording, "--name", "Ana")
    asked = served.run("voices", "delete", "ana")
    assert asked.exit_code == ExitCode.USAGE
    assert "--yes" in asked.stderr
    assert served.run("voices", "delete", "Hum", "--yes").exit_code == ExitCode.NOT_FOUND  # a stock voice
    assert output_of(served.run("voices", "delete", "ana", "--yes", "--json"))["deleted"] is True
    assert output_of(served.run("voices", "--mine", "--json"))["voices"] == []
    assert "None of your own yet" not in served.run("voices", "--language", "en-us").stderr


def test_voices_are_mixed_by_their_names_and_a_clone_is_deleted_only_with_its_mixes(
    served: Served, recording: str
) -> None:
    served.customer = open_client(served.customer.gateway)
    clone(served, recording, "--name", "Ana")
    for part in ("Ana", "Ana=", "Ana=0", "=1", "Ana=nan", "Ana=much"):
        assert served.run("voices", "mix", "Reader", "--part", part).exit_code == ExitCode.USAGE, part
    assert served.run("voices", "mix", "Reader", "--part", "Nobody=1").exit_code == ExitCode.NOT_FOUND
    twice = served.run("voices", "mix", "Reader", "--part", "Heart=1", "--part", "af_heart=2")
    assert twice.exit_code == ExitCode.USAGE
    mix = output_of(
        served.run("voices", "mix", "Reader", "--part", "ana=0.6", "--part", "Heart=0.4", "--pitch", "-2", "--json")
    )
    assert (mix["kind"], mix["recipe"]["pitch"]) == ("mix", -2)
    again = served.run("voices", "mix", "reader", "--part", "Heart=1")
    assert "You have a voice called reader already; this makes another one." in again.stderr
    named_as_stock = served.run("voices", "mix", "Heart", "--part", "Heart=1")
    assert "already" not in named_as_stock.stderr, "an own voice is found before a stock voice"
    for voice_id in (again.stderr + named_as_stock.stderr).split("--voice ")[1:]:
        assert served.run("voices", "delete", voice_id.split()[0], "--yes").exit_code == 0
    assert [part["weight"] for part in mix["recipe"]["mix"]] == [0.6, 0.4]
    refused = served.run("voices", "delete", "Ana", "--yes")
    assert refused.exit_code == ExitCode.BAD_INPUT
    assert "Reader" in refused.stderr
    assert output_of(served.run("voices", "delete", "Ana", "--yes", "--with-mixes", "--json"))["deleted"] is True
    assert output_of(served.run("voices", "--mine", "--json"))["voices"] == []


@pytest.mark.sqlite_only("the statement is SQLite's")
def test_a_name_with_control_characters_does_not_reach_the_terminal(served: Served, recording: str) -> None:
    served.customer = open_client(served.customer.gateway)
    clone(served, recording, "--name", "Ana")
    (voice,) = output_of(served.run("voices", "--mine", "--json"))["voices"]
    with served.customer.gateway.database.transaction() as tx:
        tx.connection().exec_driver_sql(
            "UPDATE voices SET name = ? WHERE id = ?", ("\x1b]0;owned\x07", voice["voice_id"])
        )
    shown = served.run("voices", "--mine").stdout
    assert "\x1b" not in shown
    assert "\x07" not in shown
