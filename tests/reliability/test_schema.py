"""The API against its own OpenAPI document, at a size that takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

import voxport.cloning.handler
from benchmarks.reliability import schema
from tests.conftest import MakeClient
from tests.support.client import GatewayClient

pytestmark = pytest.mark.slow


def test_the_api_does_what_its_document_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One request follows a job's events to its end, and that job is queued behind many clones whose downloads fail.
    monkeypatch.setattr(voxport.cloning.handler, "_FETCH_RETRY_PAUSES", (0.01, 0.01))
    outcome = schema.run(2, tmp_path)
    assert outcome.failures == [], outcome.log
    assert outcome.cases > 500
    assert outcome.operations > 50, "the operator's are among them"


def test_an_answer_that_the_document_does_not_know_is_found(tmp_path: Path) -> None:
    def spoil(client: GatewayClient) -> None:
        @client.app.get("/v1/spoilt", responses={"2XX": {}})
        def spoilt(number: int) -> None:
            raise ZeroDivisionError(number)

    outcome = schema.run(1, tmp_path, spoil=spoil, path="/v1/spoilt")
    assert "Server error: GET /v1/spoilt" in outcome.failures


def test_every_operation_has_a_name_of_its_own(make_client: MakeClient) -> None:
    client = make_client(admin_key="an operator's key of more than 32 letters")
    paths = client.http.get("/openapi.json").json()["paths"]
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(set(names)) == len(names)
