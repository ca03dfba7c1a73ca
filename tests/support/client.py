"""A customer of an in-process gateway, who sends a key with each call."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.support import backend
from voxport.accounts.service import Principal
from voxport.app import create_app
from voxport.billing.money import to_micro
from voxport.gateway import Gateway
from voxport.settings import Settings
from voxport.testing.running_gateway import NO_LIMITS

PUBLIC_URL = "https://voices.example.com"


def settings_for(data_dir: Path, **values: Any) -> Settings:
    """Settings without a .env file, with the database and the storage of this test run."""
    given: dict[str, Any] = {
        "_env_file": None,
        "data_dir": data_dir,
        "public_url": PUBLIC_URL,
        # Tests call faster than any customer, and all from one address. Tests of the limits set their own.
        **NO_LIMITS,
        **backend.settings(data_dir, values),
    }
    return Settings(**given)


class _Caller(TestClient):
    """Calls the gateway in this process, and the storage itself at its own URLs."""

    storage_url: str | None = None

    def request(self, method: str, url: Any, **options: Any) -> httpx2.Response:
        if self.storage_url is not None and str(url).startswith(f"{self.storage_url}/"):
            options["headers"] = httpx2.Headers(options.get("headers"))
            with httpx2.Client() as client:
                known = ("content", "headers", "params", "follow_redirects")
                return client.request(method, url, **{name: options[name] for name in known if name in options})
        return super().request(method, url, **options)


class GatewayClient:
    """A test client with a profile, a key and credits. `http` sends no key; `post` and the other methods do. An
    exception in the gateway becomes a 500 response, as for a real caller."""

    def __init__(self, gateway: Gateway, app: FastAPI, credits: str) -> None:
        self.gateway = gateway
        self.app = app
        with gateway.database.transaction() as tx:
            self.profile_id = gateway.accounts.create_profile(tx, "Customer").id
            row, self.key = gateway.accounts.create_key(tx, self.profile_id, "test")
            if Decimal(credits):
                gateway.billing.add_credits(tx, self.profile_id, to_micro(Decimal(credits)))
        self.key_id = row.id
        self.http = _Caller(app, base_url=PUBLIC_URL, raise_server_exceptions=False, follow_redirects=False)
        self.http.storage_url = gateway.settings.s3_endpoint_url
        self.principal = Principal(self.profile_id, self.key_id)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def another_customer(self, credits: str = "100") -> GatewayClient:
        """A customer of the same gateway with another profile."""
        return GatewayClient(self.gateway, self.app, credits)

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        options["headers"] = {**self.headers, **options.get("headers", {})}
        return self.http.request(method, path, **options)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> httpx2.Response:
        return self.request("POST", path, json=json, **options)

    def patch(self, path: str, json: Any) -> httpx2.Response:
        return self.request("PATCH", path, json=json)

    def put_json(self, path: str, json: Any) -> httpx2.Response:
        return self.request("PUT", path, json=json)

    def delete(self, path: str) -> httpx2.Response:
        return self.request("DELETE", path)

    def post_raw(self, path: str, body: bytes, content_type: str = "application/json") -> httpx2.Response:
        return self.request("POST", path, content=body, headers={"Content-Type": content_type})

    def balance(self) -> dict[str, Any]:
        data: dict[str, Any] = self.get("/v2/billing/balance").json()["data"]
        return data

    def request_upload(self, **fields: Any) -> httpx2.Response:
        """Requests an upload slot. A field that is None is left out of the body."""
        body = {"media_type": "audio", "filename": "speaker.wav", "content_type": "audio/wav", **fields}
        return self.post("/v1/proxy/upload-media", {name: value for name, value in body.items() if value is not None})

    def upload_slot(self, **fields: Any) -> dict[str, Any]:
        answer = self.request_upload(**fields)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def put(self, url: str, data: Any, content_type: str | None = "audio/wav") -> httpx2.Response:
        """PUTs without a key, as an uploader does: to the gateway, or to the storage itself. An iterator is sent in
        chunks."""
        headers = {} if content_type is None else {"Content-Type": content_type}
        return self.http.put(url, content=data, headers=headers)

    def upload(self, data: bytes = b"RIFF and so on") -> dict[str, Any]:
        """Uploads `data` and returns the slot, with its `public_url`."""
        slot = self.upload_slot()
        answer = self.put(slot["upload_url"], data)
        assert answer.status_code == 200, answer.text
        return slot


def open_client(gateway: Gateway, credits: str = "100") -> GatewayClient:
    """Creates a customer of a gateway that is already open."""
    return GatewayClient(gateway, create_app(gateway.settings, gateway=gateway), credits)


def error_of(answer: httpx2.Response) -> dict[str, Any]:
    """The `error` object of an error response. Asserts that the response has the shape of all errors."""
    body = answer.json()
    assert body["status"] == "error", body
    assert set(body) == ({"status", "error", "detail"} if answer.status_code == 422 else {"status", "error"})
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "request_id", "details"}
    assert error["request_id"] == answer.headers["X-Gateway-Request-ID"]
    assert error["request_id"].startswith("req_")
    assert error["message"].strip()
    return error
