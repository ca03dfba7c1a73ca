"""Every row of the format table in every response with audio. A new row needs no new test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.audio_features import decoded
from tests.support.client import GatewayClient
from tests.support.fake_provider import FakeProviderEnv
from tests.test_contract import work
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.encode import FORMATS, AudioFormat
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
    is_bare = row.name == "pcm"
    audio = np.frombuffer(content, "<i2") / 32_768 if is_bare else decoded(content)
    assert 2.0 <= audio.size / SAMPLE_RATE < 2.1, row.name
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
