"""A script as a job: what is checked before, what is spoken, what is charged, and what a failure or a kill leaves."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import numpy as np
import pytest

from tests.support.client import PUBLIC_URL, GatewayClient, error_of
from tests.support.fake_provider import FakeProvider
from tests.support.jobs import work
from voxport.audit.service import GATEWAY
from voxport.billing.verify import verify
from voxport.errors import ProviderFailed
from voxport.jobs.runner import JobRunner
from voxport.providers.base import StockVoice
from voxport.scripts import preparation
from voxport.scripts.service import ScriptEstimate, ScriptService
from voxport.spoken_lines.service import SpokenLine, forget_voice

BATCH = "/v1/proxy/core-tts-batch"
CAST = {"Ana": {"voice_id": "hum"}, "Ben": {"voice_id": "buzz"}}
LINES: list[dict[str, Any]] = [
    {"id": "a1", "character": "Ana", "text": "Who is there?", "pause_after": 0.4},
    {"id": "b1", "character": "Ben", "text": "Nobody."},
    {"id": "a2", "character": "Ana", "text": "Then who spoke?"},
]


@pytest.fixture(autouse=True)
def two_voices(fake_provider: FakeProvider) -> None:
    fake_provider.settings = ()  # a tone sounds wrong to the check, and would be made again at another speed
    fake_provider.stock = [StockVoice(name, name, "en-us", "female") for name in ("hum", "buzz")]


def submit(client: GatewayClient, **fields: Any) -> str:
    answer = client.post(BATCH, {"script": LINES, "cast": CAST, **fields})
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job"]["id"]
    return job_id


def rendered(client: GatewayClient, **fields: Any) -> dict[str, Any]:
    job_id = submit(client, **fields)
    work(client, job_id)
    job: dict[str, Any] = client.get(f"/v2/jobs/{job_id}").json()
    assert job["status"] == "completed", job
    return job


def step(client: GatewayClient, job_id: str, name: str) -> None:
    """Runs one step of a job, as a worker does."""
    runner = JobRunner(client.gateway.jobs, client.gateway.handlers)
    runner.begin(job_id)
    runner.run_step(job_id, name, {})


def lines_of(client: GatewayClient, job_id: str) -> list[dict[str, Any]]:
    answer = client.get(f"/v2/jobs/{job_id}/lines")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def read(client: GatewayClient, url: str) -> bytes:
    # A presigned URL of S3 takes no Authorization header.
    answer = client.get(url) if url.startswith(PUBLIC_URL) else httpx2.get(url)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_stems_of_names_that_differ_in_case_are_two_files_on_every_computer(customer: GatewayClient) -> None:
    script = [{"character": name, "text": "Who is there?"} for name in ("Ben", "ben", "Ben-2")]
    cast = {line["character"]: {"voice_id": "hum"} for line in script}
    stems = rendered(customer, script=script, cast=cast, outputs=["stems"])["result_data"]["outputs"]["stems"]
    assert set(stems) == set(cast)
    assert len({stem["key"].casefold() for stem in stems.values()}) == 3


def with_text(text: str) -> list[dict[str, Any]]:
    return [*LINES[:1], {**LINES[1], "text": text}, *LINES[2:]]


def test_each_line_is_spoken_once_in_order_and_charged_by_its_seconds(customer: GatewayClient) -> None:
    job = rendered(customer, outputs=["lines", "joined", "stems"], output_format="wav")
    result = job["result_data"]
    assert (result["lines"], result["spoken"], result["reused"]) == (3, 3, 0)
    assert result["duration_seconds"] == pytest.approx(3 + 0.4 + 0.5, abs=0.05)
    assert job["units_consumed"] == pytest.approx(3.0)
    assert job["token_cost"] == pytest.approx(0.03)
    found = lines_of(customer, job["id"])
    assert [(one["id"], one["state"], one["start"]) for one in found] == [
        ("a1", "spoken", 0.0),
        ("b1", "spoken", 1.4),
        ("a2", "spoken", 2.9),
    ]
    assert sum(one["tokens"] for one in found) == pytest.approx(job["token_cost"])
    assert all(read(customer, one["url"])[:4] == b"RIFF" for one in found)
    assert set(result["outputs"]["stems"]) == {"Ana", "Ben"}
    joined = read(customer, result["outputs"]["joined"]["url"])
    for stem in result["outputs"]["stems"].values():
        assert len(read(customer, stem["url"])) == len(joined), "stems are as long as the whole"
    manifest = json.loads(read(customer, result["outputs"]["manifest"]["url"]))
    assert [(one["id"], one["file"], one["start"]) for one in manifest["lines"]] == [
        ("a1", "lines/a1.wav", 0.0),
        ("b1", "lines/b1.wav", 1.4),
        ("a2", "lines/a2.wav", 2.9),
    ]
    assert verify(customer.gateway.database) == []


def test_one_changed_line_is_the_only_one_that_is_spoken_and_charged(
    customer: GatewayClient, fake_provider: FakeProvider
) -> None:
    first = rendered(customer, outputs=["lines", "joined"])
    before = {one["id"]: read(customer, one["url"]) for one in lines_of(customer, first["id"])}
    fake_provider.requests.clear()
    again = rendered(customer, outputs=["lines", "joined"], script=with_text("Nobody at all."))
    assert [one.text for one in fake_provider.requests] == ["Nobody at all."]
    assert (again["result_data"]["spoken"], again["result_data"]["reused"]) == (1, 2)
    assert again["token_cost"] == pytest.approx(0.01)
    found = lines_of(customer, again["id"])
    assert [one["state"] for one in found] == ["reused", "spoken", "reused"]
    assert all(read(customer, one["url"]) == before[one["id"]] for one in found if one["state"] == "reused")


def test_a_line_that_sounds_wrong_is_spoken_again_and_charged_once(
    customer: GatewayClient, fake_provider: FakeProvider
) -> None:
    fake_provider.settings = ("speed",)
    job = rendered(customer, script=LINES[:1])
    assert [one.speed for one in fake_provider.requests] == [1.0, 0.98, 1.02]
    assert job["token_cost"] == pytest.approx(0.01)
    assert job["result_data"]["problems"] == ["a1"], "what stays bad is listed"
    (line,) = lines_of(customer, job["id"])
    assert {one["code"] for one in line["findings"]} >= {"cut_off"}


def test_the_same_script_again_costs_nothing(customer: GatewayClient) -> None:
    rendered(customer)
    dry = customer.post(BATCH, {"script": LINES, "cast": CAST, "dry_run": True}).json()["data"]
    assert (dry["spoken"], dry["tokens"], dry["held"]) == (0, 0, 0)
    assert rendered(customer)["token_cost"] == 0
    assert verify(customer.gateway.database) == []


def test_a_line_that_stands_twice_is_spoken_once(customer: GatewayClient, fake_provider: FakeProvider) -> None:
    twice = [{"id": name, "character": "Ana", "text": "No!"} for name in ("x", "y")]
    job = rendered(customer, script=twice)
    assert len(fake_provider.requests) == 1
    assert job["token_cost"] == pytest.approx(0.01)
    assert [one["state"] for one in lines_of(customer, job["id"])] == ["spoken", "reused"]


def test_a_dry_run_says_what_each_character_costs_and_does_nothing(
    customer: GatewayClient, fake_provider: FakeProvider
) -> None:
    before = customer.balance()
    answer = customer.post(BATCH, {"script": LINES, "cast": CAST, "dry_run": True})
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert [(one["character"], one["lines"]) for one in data["characters"]] == [("Ana", 2), ("Ben", 1)]
    assert data["tokens"] == pytest.approx(sum(one["tokens"] for one in data["characters"]))
    assert 0 < data["tokens"] <= data["held"]
    assert customer.balance() == before
    assert not fake_provider.requests
    assert customer.get("/v2/jobs").json()["data"] == []


def test_a_character_without_a_voice_is_refused_with_its_line(customer: GatewayClient) -> None:
    answer = customer.post(BATCH, {"script": [*LINES, {"id": "z", "character": "Anna", "text": "Hi."}], "cast": CAST})
    assert answer.status_code == 422
    error = error_of(answer)
    assert "Anna" in error["message"]
    assert error["details"]["line"] == "z"
    assert customer.balance()["held"] == 0


def test_a_voice_that_is_not_there_is_refused_with_its_character(customer: GatewayClient) -> None:
    answer = customer.post(BATCH, {"script": LINES, "cast": {**CAST, "Ben": {"voice_id": "nobody"}}})
    assert answer.status_code == 404
    assert error_of(answer)["message"].startswith("Ben: ")


def test_a_line_without_a_word_is_refused_with_its_place(customer: GatewayClient) -> None:
    answer = customer.post(BATCH, {"script": with_text("…"), "cast": CAST})
    assert answer.status_code == 422
    assert error_of(answer)["message"].startswith("Script[1]: ")


def test_a_script_that_is_likely_to_cost_more_than_was_allowed_is_refused(customer: GatewayClient) -> None:
    answer = customer.post(BATCH, {"script": LINES, "cast": CAST, "max_tokens_cost": 0.001})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "max_tokens_cost"]
    assert customer.balance()["held"] == 0


def test_a_job_costs_no_more_than_was_allowed(customer: GatewayClient, fake_provider: FakeProvider) -> None:
    fake_provider.samples *= 60
    job_id = submit(customer, max_tokens_cost=0.05)
    assert customer.balance()["held"] == pytest.approx(0.05)
    work(customer, job_id)
    assert customer.get(f"/v2/jobs/{job_id}").json()["token_cost"] == pytest.approx(0.05)
    assert verify(customer.gateway.database) == []


def test_a_script_without_the_credits_is_refused_and_leaves_nothing(customer: GatewayClient) -> None:
    poor = customer.another_customer(credits="0.001")
    answer = poor.post(BATCH, {"script": LINES, "cast": CAST})
    assert answer.status_code == 402
    assert poor.get("/v2/jobs").json()["data"] == []


def test_a_line_that_fails_costs_nothing_and_the_next_job_goes_on_from_there(
    customer: GatewayClient, fake_provider: FakeProvider
) -> None:
    spoken: list[int] = []

    def fail_at_third(_: int) -> None:
        spoken.append(1)
        if len(spoken) == 3:
            raise ProviderFailed("It broke.")

    fake_provider.on_piece = fail_at_third
    job_id = submit(customer, outputs=["lines", "joined"])
    work(customer, job_id)
    failed = customer.get(f"/v2/jobs/{job_id}").json()
    assert (failed["status"], failed["token_cost"]) == ("failed", 0)
    assert customer.balance()["held"] == 0
    assert all(one["url"] is None for one in lines_of(customer, job_id)), "what is not paid is not handed out"
    fake_provider.on_piece = lambda _: None
    fake_provider.requests.clear()
    job = rendered(customer, outputs=["lines", "joined"])
    assert len(fake_provider.requests) == 1, "the two lines that were spoken are not spoken again"
    assert job["token_cost"] == pytest.approx(0.03), "but they are paid for"
    assert verify(customer.gateway.database) == []


def test_a_cancelled_job_leaves_no_file_and_no_charge(customer: GatewayClient, fake_provider: FakeProvider) -> None:
    job_id = submit(customer)

    def cancel(_: int) -> None:
        customer.post(f"/v2/jobs/{job_id}/cancel")

    fake_provider.on_piece = cancel
    work(customer, job_id)
    assert customer.get(f"/v2/jobs/{job_id}").json()["status"] == "cancelled"
    assert customer.balance()["held"] == 0
    assert [key for key in customer.gateway.storage.list("audio") if "scripts" in key] == []
    assert customer.get("/v1/media").json()["data"] == []


def test_a_voice_that_is_deleted_takes_the_audio_of_its_lines_along(customer: GatewayClient) -> None:
    rendered(customer)
    lines = customer.gateway.spoken_lines
    with customer.gateway.database.transaction() as tx:
        forget_voice(tx, customer.profile_id, "buzz")
    assert lines.sweep() == 1
    assert len(list(customer.gateway.storage.scan("lines"))) == 2


def test_a_line_goes_with_each_voice_that_its_markup_names(
    customer: GatewayClient, fake_provider: FakeProvider
) -> None:
    fake_provider.markup_tags = ("speak", "voice")
    script = [{**LINES[0], "text": 'Who? <voice name="buzz">Me.</voice>', "markup": "ssml"}]
    rendered(customer, script=script)
    with customer.gateway.database.transaction() as tx:
        forget_voice(tx, customer.profile_id, "uzz")
    assert customer.gateway.spoken_lines.sweep() == 0
    with customer.gateway.database.transaction() as tx:
        forget_voice(tx, customer.profile_id, "buzz")
    assert customer.gateway.spoken_lines.sweep() == 1


def test_a_line_whose_named_voice_was_deleted_is_not_delivered(
    customer: GatewayClient, fake_provider: FakeProvider
) -> None:
    fake_provider.markup_tags = ("speak", "voice")
    script = [{**LINES[0], "text": 'Who? <voice name="buzz">Me.</voice>', "markup": "ssml"}]
    job_id = submit(customer, script=script)
    step(customer, job_id, "speak")
    fake_provider.stock.pop()  # buzz
    step(customer, job_id, "store")
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert (job["status"], job["token_cost"]) == ("failed", 0)


def test_two_jobs_with_the_same_new_lines_pay_for_them_once(customer: GatewayClient) -> None:
    first, second = submit(customer), submit(customer)
    for job_id in (first, second):
        step(customer, job_id, "speak")
    for job_id in (first, second):
        step(customer, job_id, "store")
    costs = [customer.get(f"/v2/jobs/{job_id}").json()["token_cost"] for job_id in (first, second)]
    assert costs == [pytest.approx(0.03), 0]
    assert len(list(customer.gateway.storage.scan("lines"))) == 3
    assert verify(customer.gateway.database) == []


def test_a_line_that_is_removed_before_the_end_is_spoken_again_and_charged(customer: GatewayClient) -> None:
    job_id = submit(customer)
    step(customer, job_id, "speak")
    with customer.gateway.database.transaction() as tx:
        forget_voice(tx, customer.profile_id, "hum")
    assert customer.gateway.spoken_lines.sweep() == 2
    step(customer, job_id, "store")
    assert customer.get(f"/v2/jobs/{job_id}").json()["token_cost"] == pytest.approx(0.03)


def test_a_voice_that_was_deleted_is_not_delivered(customer: GatewayClient, fake_provider: FakeProvider) -> None:
    job_id = submit(customer)
    step(customer, job_id, "speak")
    fake_provider.stock.pop()  # buzz
    step(customer, job_id, "store")
    job = customer.get(f"/v2/jobs/{job_id}").json()
    assert (job["status"], job["token_cost"]) == ("failed", 0)
    assert customer.balance()["held"] == 0


def test_a_file_that_a_kill_left_goes_with_its_job_and_those_of_others_stay(customer: GatewayClient) -> None:
    rendered(customer)
    job_id = submit(customer, script=with_text("Another line."))
    stray = customer.gateway.spoken_lines.write(
        customer.profile_id, "a" * 64, job_id, SpokenLine(np.zeros(100, np.int16))
    )
    customer.post(f"/v2/jobs/{job_id}/cancel")
    job = customer.gateway.jobs.find(job_id)
    assert job is not None
    JobRunner(customer.gateway.jobs, customer.gateway.handlers).clean_up(job)
    assert customer.gateway.storage.size(stray) is None
    assert len(list(customer.gateway.storage.scan("lines"))) == 3


def test_what_is_spoken_for_a_profile_that_is_erased_is_not_kept(
    customer: GatewayClient, fake_provider: FakeProvider
) -> None:
    job_id = submit(customer, script=LINES[:1])

    def erase(_: int) -> None:
        customer.gateway.erasure.erase(customer.profile_id, actor=GATEWAY)

    fake_provider.on_piece = erase
    step(customer, job_id, "speak")
    assert list(customer.gateway.storage.scan("lines")) == []


def test_more_silence_than_a_script_has_is_refused(customer: GatewayClient) -> None:
    script = [{"id": f"l{n}", "character": "Ana", "text": "Yes.", "pause_after": 60} for n in range(700)]
    answer = customer.post(BATCH, {"script": script, "cast": CAST, "dry_run": True})
    assert answer.status_code == 422
    assert "pauses" in error_of(answer)["message"]


@pytest.mark.parametrize("url", ["https://10.0.0.1/a.csv", "file:///etc/passwd", "https://localhost/book.epub"])
def test_an_error_of_a_script_url_speaks_of_a_script(customer: GatewayClient, url: str) -> None:
    answer = customer.post(BATCH, {"scriptUrl": url, "cast": CAST})
    assert answer.status_code == 400
    message = error_of(answer)["message"]
    assert "scriptUrl" in message and "EPUB" in message and "audioUrl" not in message


def test_the_upload_url_of_a_script_is_named_as_such(customer: GatewayClient) -> None:
    slot = customer.upload_slot(media_type="document", filename="a.csv", content_type="text/csv")
    message = error_of(customer.post(BATCH, {"scriptUrl": slot["upload_url"], "cast": CAST}))["message"]
    assert "as scriptUrl" in message and "audioUrl" not in message


@pytest.mark.parametrize("names", [("Ana", "Ana "), ("Zoe\u0308", "Zo\u00eb")])
def test_two_names_of_a_cast_that_are_one_are_refused(customer: GatewayClient, names: tuple[str, str]) -> None:
    cast = {names[0]: {"voice_id": "hum"}, names[1]: {"voice_id": "buzz"}}
    script = [{"character": names[0], "text": "Who is there?"}]
    answer = customer.post(BATCH, {"script": script, "cast": cast})
    assert answer.status_code == 422
    assert "twice" in error_of(answer)["message"]


@pytest.mark.parametrize(
    "fields",
    [
        {"script": [{"character": "Ana", "text": "Who is\0 there?"}]},
        {"script_text": '{"character": "Ana", "text": "Who is\\u0000 there?"}', "script_format": "jsonl"},
        {"script": LINES, "title": "A\0B"},
        {"script": LINES, "author": "A\nB"},
    ],
)
def test_a_text_with_characters_that_no_file_takes_is_refused(customer: GatewayClient, fields: dict[str, Any]) -> None:
    answer = customer.post(BATCH, {"cast": CAST, **fields})
    assert answer.status_code == 422, answer.text


def test_the_lines_of_another_profiles_job_are_not_there(customer: GatewayClient) -> None:
    job_id = submit(customer)
    stranger = customer.another_customer()
    assert stranger.get(f"/v2/jobs/{job_id}/lines").status_code == 404


def test_lines_come_in_pages(customer: GatewayClient) -> None:
    job_id = submit(customer)
    first = customer.get(f"/v2/jobs/{job_id}/lines", params={"limit": 2}).json()
    assert [one["state"] for one in first["data"]] == ["waiting", "waiting"]
    rest = customer.get(f"/v2/jobs/{job_id}/lines", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [one["id"] for one in rest["data"]] == ["a2"]
    assert rest["next_cursor"] is None


def test_jobs_of_scripts_are_listed_by_their_service(customer: GatewayClient) -> None:
    job_id = submit(customer)
    found = customer.get("/v2/jobs", params={"service": "core-tts-batch"}).json()["data"]
    assert [one["id"] for one in found] == [job_id]
    assert customer.get("/v2/jobs", params={"service": "core-tts"}).json()["data"] == []


def test_a_call_that_is_sent_again_with_its_key_is_one_job(customer: GatewayClient) -> None:
    body = {"script": LINES, "cast": CAST}
    answers = [customer.post(BATCH, body, headers={"Idempotency-Key": "once"}).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(customer.get("/v2/jobs").json()["data"]) == 1


def test_erasing_a_profile_removes_its_scripts_and_their_audio(customer: GatewayClient) -> None:
    rendered(customer, outputs=["lines", "joined"])
    result = customer.gateway.erasure.erase(customer.profile_id, actor=GATEWAY)
    assert result.left == []
    assert list(customer.gateway.storage.scan("lines")) == []
    assert [key for key in customer.gateway.storage.list("audio") if "scripts" in key] == []


def test_scripts_that_are_checked_take_no_thread_of_other_calls(
    customer: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimate, began, may_end = ScriptService.estimate, threading.Semaphore(0), threading.Event()

    def slowly(*call: Any) -> ScriptEstimate:
        began.release()
        assert may_end.wait(60)
        return estimate(*call)

    monkeypatch.setattr(ScriptService, "estimate", slowly)
    body = {"script": LINES, "cast": CAST, "dry_run": True}
    with customer.http, ThreadPoolExecutor(51) as pool:  # more than the 40 threads that all short calls share
        answers = [pool.submit(customer.post, BATCH, body) for _ in range(50)]
        try:
            assert began.acquire(timeout=20)
            assert began.acquire(timeout=20)
            assert not began.acquire(timeout=0.5), "two at once"
            balance = pool.submit(customer.get, "/v2/billing/balance").result(timeout=20)
        finally:
            may_end.set()
        assert balance.status_code == 200
        assert {answer.result().status_code for answer in answers} == {200}


def test_stems_of_many_characters_and_long_pauses_are_refused(customer: GatewayClient) -> None:
    names = [f"Voice {number}" for number in range(60)]
    script = [{"character": name, "text": "Hello.", "pause_after": 60} for name in 10 * names]
    body = {"script": script, "cast": {name: {"voice_id": "hum"} for name in names}, "dry_run": True}
    assert customer.post(BATCH, {**body, "outputs": ["joined", "lines", "m4b", "epub"]}).status_code == 200
    assert customer.post(BATCH, {**body, "outputs": ["stems"], "script": script[:480]}).status_code == 200
    answer = customer.post(BATCH, {**body, "outputs": ["stems"]})
    error = error_of(answer)
    assert answer.status_code == 422
    assert "together, and a job makes at most 500. Ask for fewer outputs (stems are" in error["message"]
    assert "each of 60 characters), or split the script." in error["message"]


def test_a_dictionary_that_makes_a_script_too_long_is_refused_early(
    customer: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "_MAX_SPOKEN_CHARACTERS", 1_000)
    rules = [{"match": "there", "alias": "very " * 39 + "far"}]
    dictionary = customer.post("/v1/pronunciations", {"name": "Long", "language": "en-us", "rules": rules}).json()
    script = [{"id": f"l{number}", "character": "Ana", "text": "There, there."} for number in range(3)]
    body = {"script": script, "cast": CAST, "pronunciations": [dictionary["data"]["id"]], "dry_run": True}
    assert customer.post(BATCH, {**body, "script": script[:2]}).status_code == 200
    answer = customer.post(BATCH, body)
    assert answer.status_code == 422
    assert error_of(answer)["details"] == {"line": "l2", "max_characters": 1_000}
    assert "more than 1,000 characters up to here. Split it, or shorten the aliases." in error_of(answer)["message"]
