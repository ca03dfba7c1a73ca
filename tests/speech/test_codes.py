"""Language codes in the forms that clients send, and the response's language and warnings about the text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import GatewayClient, error_of
from tests.support.fake_provider import FakeProviderEnv
from tests.test_contract import work
from voxport.speech.codes import nearest_code, unsupported_language

TTS = "/v1/proxy/core-tts"
SPOKEN = ("en-us", "en-gb", "es", "fr-fr", "it", "pt-br", "hi", "ja", "zh")
HOSTED = ("en", "es", "fr", "pt", "zh")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("fr", "fr-fr"), ("FR", "fr-fr"), ("fr-CA", "fr-fr"), ("fr_FR", "fr-fr"), ("fra", "fr-fr"), ("en", "en-us"),
        ("EN_us", "en-us"), ("en-US", "en-us"), ("en-CA", "en-us"), ("en-AU", "en-gb"), ("en-IN", "en-gb"),
        ("en-NZ", "en-gb"), ("en-001", "en-gb"), ("eng", "en-us"), ("en_GB.UTF-8", "en-gb"), ("en-Latn-GB", "en-gb"),
        ("en-GB-oxendict", "en-gb"), ("en-u-ca-gregory", "en-us"),
        ("pt", "pt-br"), ("pt-PT", "pt-br"), ("por", "pt-br"),
        ("es-MX", "es"), ("es-419", "es"), ("spa", "es"), ("it-IT", "it"), ("hi-IN", "hi"), ("hin", "hi"),
        ("zh-Hans", "zh"), ("zh-CN", "zh"), ("zh-cmn-Hans-CN", "zh"), ("cmn", "zh"), ("zh-Hant-TW", "zh"),
        ("ja-JP", "ja"), ("jpn", "ja"),
        ("de", None), ("", None), ("klingon", None), ("english", None), ("zh-yue", None), ("fr-", None), ("e", None),
        ("en us", None), ("-", None), ("fr--fr", None), ("ｆｒ", None), ("x" * 32, None),
    ],
)  # fmt: skip
def test_a_code_of_a_language_that_is_spoken_is_taken_for_it(wanted: str, code: str | None) -> None:
    assert nearest_code(wanted, SPOKEN) == code


@pytest.mark.parametrize(("wanted", "code"), [("en-US", "en"), ("en-gb", "en"), ("pt-br", "pt"), ("fr-fr", "fr")])
def test_a_provider_that_knows_no_regions_is_asked_without_one(wanted: str, code: str) -> None:
    assert nearest_code(wanted, HOSTED) == code


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("english", "en-us"), ("English (UK)", "en-us"), ("british english", "en-gb"), ("español", "es"),
        ("espanol", "es"), ("Spanish", "es"), ("français", "fr-fr"), ("french", "fr-fr"), ("italiano", "it"),
        ("portugues", "pt-br"), ("hindi", "hi"), ("हिन्दी", "hi"), ("englsh", "en-us"), ("en-uss", "en-us"),
        ("mandarin", "zh"), ("fr fr", "fr-fr"), ("日本語", "ja"),
    ],
)  # fmt: skip
def test_what_is_no_code_is_answered_with_the_one_that_was_meant(wanted: str, meant: str) -> None:
    assert f"Did you mean {meant}?" in unsupported_language(wanted, SPOKEN, {}, "local")


@pytest.mark.parametrize("wanted", ["de", "klingon", "", "x" * 32])
def test_what_is_near_nothing_is_answered_with_the_list(wanted: str) -> None:
    assert "Did you mean" not in unsupported_language(wanted, SPOKEN, {}, "local")


@pytest.mark.parametrize("wanted", ["ja", "ja-JP", "jpn", "Japanese", "日本語"])
def test_a_language_without_its_packages_is_answered_with_the_command(wanted: str) -> None:
    assert "run this" in unsupported_language(wanted, SPOKEN[:7], {"ja": "run this"}, "local")


def spoken(customer: GatewayClient, **fields: Any) -> dict[str, Any]:
    answer = customer.post(TTS, {"voice_id": "hum", "text": "Hello there.", **fields})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_the_answer_says_which_language_a_code_was_taken_for(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    assert [spoken(customer, language=code)["language"] for code in ("fr", "en-AU", "EN_us")] == [
        "fr-fr",
        "en-gb",
        "en-us",
    ]
    assert [call.language for call in fake_env.provider.requests] == ["fr-fr", "en-gb", "en-us"]
    assert {"language", "warnings"} & set(spoken(customer)) == set()
    estimate = customer.post("/v1/estimate", {"voice_id": "hum", "text": "Hello there.", "language": "fr"}).json()[
        "data"
    ]
    assert estimate["language"] == "fr-fr"


GERMAN = "Guten Tag, das ist ein Text, der nicht auf Englisch geschrieben ist, und wir sprechen ihn doch."
FRENCH = "Bonjour, ceci est un texte qui n'est pas écrit dans la langue de la voix, et nous le disons tout de même."


def test_a_text_in_another_language_is_spoken_with_a_warning(
    customer: GatewayClient, fake_env: FakeProviderEnv
) -> None:
    (german,) = spoken(customer, text=GERMAN)["warnings"]
    assert german == "The text looks German and is spoken as en-us. local does not speak German."
    (french,) = spoken(customer, text=FRENCH)["warnings"]
    assert french == 'The text looks French and is spoken as en-us. Send "language": "fr-fr".'
    assert "warnings" not in spoken(customer, text=FRENCH, language="fr")


def test_a_stream_says_language_and_warnings_in_its_headers(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    answer = customer.post(TTS, {"voice_id": "hum", "text": GERMAN, "language": "en", "stream": True})
    assert answer.headers["Content-Language"] == "en-us"
    assert "The text looks German" in answer.headers["X-Voxport-Warnings"]


def test_a_word_that_no_voice_reads_is_named(client: GatewayClient) -> None:
    """Uses the real provider's text check, which needs no engine."""
    body = {"text": "The word Москва means Moscow, and 東京 is Tokyo.", "voice_id": "af_heart"}
    (warning,) = client.post("/v1/estimate", body).json()["data"]["warnings"]
    assert "東京" in warning and "Москва" not in warning


def test_an_unknown_language_is_answered_with_the_nearest(customer: GatewayClient) -> None:
    answer = customer.post(TTS, {"voice_id": "hum", "text": "Hello.", "language": "english"})
    assert answer.status_code == 422
    assert "Did you mean en-us? Spoken are: en-us, en-gb, fr-fr." in error_of(answer)["message"]


def test_a_job_says_language_and_warnings_in_its_result(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    body = {"voice_id": "hum", "text": GERMAN, "language": "en-AU"}
    job = customer.post(TTS, body, headers={"Prefer": "respond-async"}).json()["job"]
    work(fake_env, job["id"])
    result = customer.get(f"/v2/jobs/{job['id']}").json()["result_data"]
    assert result["language"] == "en-gb"
    assert result["warnings"] == ["The text looks German and is spoken as en-gb. local does not speak German."]


def test_an_instant_clone_warns_of_its_text_in_a_header(customer: GatewayClient, fake_env: FakeProviderEnv) -> None:
    body = {"audioUrl": customer.upload()["public_url"], "text": GERMAN}
    answer = customer.post("/v1/proxy/core-instant-clone-tts", body)
    assert "The text looks German and is spoken as en-us." in answer.headers["X-Voxport-Warnings"]
