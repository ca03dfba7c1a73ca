"""Pronunciation dictionaries: kept, changed, and used by core-tts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of, open_client
from tests.support.fake_provider import FakeProviderEnv
from tests.support.jobs import work
from voxport_client import Voxport

PATH = "/v1/pronunciations"
PLS = "application/pls+xml"
NAMES: dict[str, Any] = {
    "name": "Names",
    "language": "en",
    "rules": [{"match": "Nguyen", "alias": "win"}, {"match": "Aoife", "ipa": "ˈiːfə", "case_sensitive": True}],
}


def created(client: GatewayClient, **fields: Any) -> dict[str, Any]:
    answer = client.post(PATH, {**NAMES, **fields})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_a_dictionary_is_kept_changed_and_deleted(both: GatewayClient) -> None:
    made = created(both)
    assert made["id"].startswith("pron_")
    assert (made["language"], made["version"]) == ("en-us", 1)
    assert made["rules"][1] == {"match": "Aoife", "ipa": "ˈiːfə", "case_sensitive": True}
    assert both.get(f"{PATH}/{made['id']}").json()["data"] == made
    (listed,) = both.get(PATH).json()["data"]
    assert (listed["id"], listed["rule_count"]) == (made["id"], 2)

    changed = both.request("PUT", f"{PATH}/{made['id']}", json={**NAMES, "rules": []}).json()["data"]
    assert (changed["version"], changed["rules"]) == (2, [])
    assert both.delete(f"{PATH}/{made['id']}").status_code == 200
    assert both.get(PATH).json()["data"] == []


def test_another_customers_dictionary_is_not_there(client: GatewayClient) -> None:
    made = created(client)
    other = client.another_customer()
    for method in ("GET", "DELETE"):
        assert other.request(method, f"{PATH}/{made['id']}").status_code == 404
    assert other.request("PUT", f"{PATH}/{made['id']}", json=NAMES).status_code == 404
    body = {"text": "Hi.", "voice_id": "af_heart", "pronunciations": [made["id"]]}
    assert other.post("/v1/estimate", body).status_code == 422
    assert client.get(f"{PATH}/{made['id']}").status_code == 200


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        ({"rules": [{"match": "x", "ipa": "ħa"}]}, ["rules", "0", "ipa"], "'ħ'"),
        ({"rules": [{"match": "a", "alias": "b"}, {"match": "x", "ipa": "AB"}]}, ["rules", "1", "ipa"], "'A'"),
        ({"rules": [{"match": "…", "alias": "b"}]}, ["rules", "0", "match"], "letter or a digit"),
        ({"rules": [{"match": "x"}]}, ["rules", "0"], "one of them"),
        ({"rules": [{"match": "x", "alias": "a", "ipa": "a"}]}, ["rules", "0"], "one of them"),
        ({"rules": [{"match": "x", "alias": "  "}]}, ["rules", "0", "alias"], "empty"),
        ({"language": "xx"}, ["language"], "not spoken"),
        ({"name": ""}, ["name"], ""),
        ({"name": "a\x00"}, ["name"], ""),
        ({"rules": [{"match": "a\x01", "alias": "b"}]}, ["rules", 0, "match"], ""),
        ({"rules": [{"match": "a", "alias": "b\uffff"}]}, ["rules", 0, "alias"], ""),
        ({"rules": [{"match": "x", "alias": "a", "weight": 1}]}, ["rules", 0, "weight"], ""),
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_its_place(
    client: GatewayClient, fields: dict[str, Any], place: list[Any], message: str
) -> None:
    answer = client.post(PATH, {**NAMES, **fields})
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"] == ["body", *place]
    assert message in error_of(answer)["message"]
    assert client.get(PATH).json()["data"] == []


def test_a_dictionary_comes_and_goes_as_pls(client: GatewayClient) -> None:
    made = created(client)
    headers = {"Accept": PLS}
    lexicon = client.request("GET", f"{PATH}/{made['id']}", headers=headers)
    assert lexicon.headers["Content-Type"].startswith(PLS)
    sent = client.request("POST", f"{PATH}?name=Again", content=lexicon.content, headers={"Content-Type": PLS})
    assert sent.status_code == 201, sent.text
    again = sent.json()["data"]
    assert again["name"] == "Again"
    assert [(one["match"], one.get("alias"), one.get("ipa")) for one in again["rules"]] == [
        ("Nguyen", "win", None),
        ("Aoife", None, "ˈiːfə"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<lexicon", "no XML"),
        (b"<!DOCTYPE x><lexicon/>", "document type"),
        (b"<words/>", "<words> is not known"),
        (b'<lexicon xml:lang="en"><grapheme>x</grapheme></lexicon>', "does not stand here"),
        (b'<lexicon xml:lang="en"><lexeme><grapheme>x</grapheme></lexeme></lexicon>', "needs a grapheme"),
        (b"<lexicon/>", "needs xml:lang"),
        (b'<lexicon xml:lang="en" alphabet="x-sampa"/>', "alphabet is ipa"),
        (b"", "no XML"),
        (b'<?xml version="1.0" encoding="shift_jis"?><lexicon xml:lang="en"/>', "Save it as UTF-8"),
        (b'<?xml version="1.0" encoding="nobody"?><lexicon xml:lang="en"/>', "Save it as UTF-8"),
        (b'<lexicon xml:lang="e"/>', "language"),
        (b'<lexicon xml:lang="en"><lexeme><grapheme/><alias>x</alias></lexeme></lexicon>', "match"),
        (
            b'<lexicon xml:lang="en"><lexeme><grapheme>x</grapheme><alias>%b</alias></lexeme></lexicon>' % (b"y" * 201),
            "alias",
        ),
    ],
)
def test_pls_that_is_wrong_is_refused(client: GatewayClient, content: bytes, message: str) -> None:
    answer = client.request("POST", PATH, content=content, headers={"Content-Type": PLS})
    assert answer.status_code == 422
    assert message in error_of(answer)["message"]


def test_there_are_so_many_dictionaries_and_no_more(client: GatewayClient) -> None:
    for number in range(100):
        client.gateway.pronunciations.create(client.profile_id, f"Names {number}", "en", [])
    answer = client.post(PATH, NAMES)
    assert (answer.status_code, error_of(answer)["code"]) == (409, "too_many_pronunciations")


@pytest.mark.slow
def test_speech_is_read_by_its_dictionaries_and_says_which_version(client: GatewayClient) -> None:
    long = created(client, rules=[{"match": "cat", "alias": "a very long sentence in place of one short word"}])
    body = {"text": "The cat sat.", "voice_id": "af_heart", "provider": "local", "output_format": "wav"}
    plain = client.post("/v1/proxy/core-tts", body).json()["data"]
    by_rule = client.post("/v1/proxy/core-tts", {**body, "pronunciations": [long["id"]]}).json()["data"]
    assert by_rule["pronunciations"] == [{"id": long["id"], "version": 1}]
    assert by_rule["duration_seconds"] > plain["duration_seconds"] + 1
    assert "pronunciations" not in plain

    answer = client.post(
        "/v1/proxy/core-tts", {**body, "pronunciations": [long["id"]]}, headers={"Prefer": "respond-async"}
    )
    client.request("PUT", f"{PATH}/{long['id']}", json={**NAMES, "rules": []})
    job_id = answer.json()["job"]["id"]
    work(client, job_id)
    result = client.get(f"/v2/jobs/{job_id}").json()["result_data"]
    assert result["pronunciations"] == [{"id": long["id"], "version": 1}]
    assert result["duration_seconds"] == by_rule["duration_seconds"]


def test_the_client_keeps_dictionaries(client: GatewayClient, tmp_path: Path) -> None:
    with Voxport(api_key=client.key, base_url=str(client.http.base_url), http_client=client.http) as own:
        made = own.pronunciations.create("Names", "en", [{"match": "Nguyen", "alias": "win"}])
        pls = own.pronunciations.export_pls(made.id)
        (tmp_path / "names.pls").write_text(pls, encoding="utf-8")
        again = own.pronunciations.import_pls(tmp_path / "names.pls", name="Again")
        assert [(rule.match, rule.alias) for rule in again.rules] == [("Nguyen", "win")]
        changed = own.pronunciations.replace_by_pls(made.id, pls.replace("win", "wind").encode())
        assert (changed.version, changed.rules[0].alias) == (2, "wind")
        assert [one.id for one in own.pronunciations.list()] == [made.id, again.id]
        own.pronunciations.delete(made.id)
        assert own.pronunciations.get(again.id).name == "Again"


def test_a_voice_has_dictionaries_for_calls_that_name_none(fake_env: FakeProviderEnv) -> None:
    client = open_client(fake_env.gateway)
    body = {"audioUrl": client.upload()["public_url"], "provider": "local"}
    job_id = client.post("/v1/proxy/core-voice-clone", body).json()["job"]["id"]
    work(client, job_id)
    voice_id = client.get(f"/v2/jobs/{job_id}").json()["result_data"]["voice_id"]
    own, other = created(client), created(client, rules=[{"match": "Nguyen", "alias": "wen"}])

    changed = client.request("PATCH", f"/v1/voices/{voice_id}", json={"pronunciations": [own["id"]]})
    assert changed.json()["data"]["pronunciations"] == [own["id"]]
    assert client.get(f"/v1/voices/{voice_id}").json()["data"]["pronunciations"] == [own["id"]]

    def spoken(**fields: Any) -> tuple[str, list[str]]:
        answer = client.post("/v1/proxy/core-tts", {"text": "Nguyen came.", "voice_id": voice_id, **fields}).json()
        return fake_env.provider.requests[-1].text, [one["id"] for one in answer["data"].get("pronunciations", [])]

    assert spoken() == ("win came.", [own["id"]])
    assert spoken(pronunciations=[other["id"]]) == ("wen came.", [other["id"]])
    assert spoken(pronunciations=[]) == ("Nguyen came.", [])
    assert client.delete(f"{PATH}/{own['id']}").status_code == 200
    assert spoken() == ("Nguyen came.", [])
    for wrong in ([own["id"]], [other["id"]] * 6):
        refused = client.request("PATCH", f"/v1/voices/{voice_id}", json={"pronunciations": wrong})
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"][:2] == ["body", "pronunciations"]
