"""Every row of the format table in every response with audio. A new row needs no new test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.audio_features import decoded
from tests.support.client import GatewayClient
from tests.support.fake_provider import FakeProviderEnv
from tests.support.raw_audio import RAW_FORMATS, decoded_raw
from tests.test_contract import work
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.encode import FORMATS, SAMPLE_RATES, AudioFormat, format_at
from voxport.media.names import ContentType, parse_content_type
from voxport.speech.preparation import SpeechRequest

TTS = "/v1/proxy/core-tts"
BODY = {"text": "This is long enough to be held for a while.", "voice_id": "hum"}
ROWS = FORMATS.values()


@pytest.fixture
def two(fake_env: FakeProviderEnv) -> FakeProviderEnv:
    """A provider whose speech is always two pieces of one second."""
    fake_env.provider.samples, fake_env.provider.pieces = 2 * SAMPLE_RATE, 2
    return fake_env


def media_type(content_type: str) -> ContentType:
    parsed = parse_content_type(content_type)
    assert parsed is not None
    return parsed


def require_two_seconds(row: AudioFormat, content: bytes) -> None:
    is_raw = row.name in RAW_FORMATS
    audio = decoded_raw(content, row.name, row.sample_rate) if is_raw else decoded(content)
    assert 1.999 <= audio.size / SAMPLE_RATE < 2.1 + 2_048 / row.sample_rate, row.name
    assert np.abs(audio).max() > 0.01, row.name
    assert len(content) <= 2 * row.bytes_per_second + 16_384, row.name


def require_file(row: AudioFormat, client: GatewayClient, data: Any) -> None:
    assert data["key"].endswith(row.extension)
    read = client.http.get(data["url"])
    assert media_type(read.headers["Content-Type"]) == media_type(row.content_type)
    require_two_seconds(row, read.content)


def test_each_format_is_made_as_a_file(customer: GatewayClient, two: FakeProviderEnv) -> None:
    for row in ROWS:
        require_file(row, customer, customer.post(TTS, {**BODY, "output_format": row.name}).json()["data"])


def test_each_format_is_made_by_a_job(customer: GatewayClient, two: FakeProviderEnv) -> None:
    for row in ROWS:
        answer = customer.post(TTS, {**BODY, "output_format": row.name}, headers={"Prefer": "respond-async"})
        job_id = answer.json()["job"]["id"]
        work(two, job_id)
        require_file(row, customer, customer.get(f"/v2/jobs/{job_id}").json()["result_data"])


def test_each_format_is_streamed_or_refused_as_its_row_says(customer: GatewayClient, two: FakeProviderEnv) -> None:
    for row in ROWS:
        answer = customer.post(TTS, {**BODY, "output_format": row.name, "stream": True})
        assert answer.status_code == (200 if row.is_streamable else 422)
        if answer.status_code == 200:
            assert media_type(answer.headers["Content-Type"]) == media_type(row.content_type)
            require_two_seconds(row, answer.content)


def test_the_document_names_each_format(client: GatewayClient) -> None:
    document = client.http.get("/openapi.json").json()
    field = document["components"]["schemas"]["SpeechBody"]["properties"]["output_format"]
    assert set(field["enum"]) == set(FORMATS)
    assert field["default"] == SpeechRequest.output_format
    streamed = {row.content_type for row in ROWS if row.is_streamable}
    answer = document["paths"][TTS]["post"]["responses"]["200"]["content"]
    assert set(answer) - {"application/json"} == streamed
    uploaded = document["paths"]["/v1/blobs/{key}"]["put"]["requestBody"]["content"]
    readable = {row.content_type for row in ROWS if media_type(row.content_type).is_readable}
    assert readable == set(uploaded) & {row.content_type for row in ROWS}


def rate_of(row: AudioFormat, content: bytes) -> int | None:
    """Return the sample rate that a file's header gives; None if it gives none."""
    if row.name == "wav":
        return int.from_bytes(content[24:28], "little")
    if row.name == "flac":
        return int.from_bytes(content[18:21], "big") >> 4
    if row.name == "aac":
        return (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)[
            content[2] >> 2 & 15
        ]
    if row.name == "mp3":
        versions = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
        return versions[content[1] >> 3 & 3][content[2] >> 2 & 3]
    return None


def test_each_sample_rate_of_each_format_is_made_and_costs_the_same(
    customer: GatewayClient, two: FakeProviderEnv
) -> None:
    for name, each in FORMATS.items():
        for sample_rate in each.sample_rates:
            row, fields = format_at(name, sample_rate), {"output_format": name, "sample_rate": sample_rate}
            answer = customer.post(TTS, {**BODY, **fields}).json()
            require_file(row, customer, answer["data"])
            assert (answer["usage"]["units"], answer["data"]["duration_seconds"]) == (2.0, 2.0)
            content = customer.http.get(answer["data"]["url"]).content
            assert rate_of(row, content) in (None, sample_rate), (name, sample_rate)
            if row.is_streamable:
                streamed = customer.post(TTS, {**BODY, **fields, "stream": True})
                assert media_type(streamed.headers["Content-Type"]) == media_type(row.content_type)
                require_two_seconds(row, streamed.content)
                assert rate_of(row, streamed.content) in (None, sample_rate), (name, sample_rate)


def test_a_job_has_the_sample_rate_too(customer: GatewayClient, two: FakeProviderEnv) -> None:
    fields = {"output_format": "pcm", "sample_rate": 16_000}
    job_id = customer.post(TTS, {**BODY, **fields}, headers={"Prefer": "respond-async"}).json()["job"]["id"]
    work(two, job_id)
    result = customer.get(f"/v2/jobs/{job_id}").json()["result_data"]
    require_file(format_at("pcm", 16_000), customer, result)
    assert result["duration_seconds"] == 2.0


def test_a_sample_rate_that_a_format_does_not_have_is_refused_with_those_it_has(client: GatewayClient) -> None:
    for name, row in FORMATS.items():
        for sample_rate in {*SAMPLE_RATES, 11_025} - {*row.sample_rates}:
            answer = client.post(
                TTS, {**BODY, "voice_id": "af_heart", "output_format": name, "sample_rate": sample_rate}
            )
            assert answer.status_code == 422
            assert answer.json()["detail"][0]["loc"] == ["body", "sample_rate"]
            if sample_rate in SAMPLE_RATES:
                assert answer.json()["error"]["details"] == {"sample_rates": list(row.sample_rates)}
