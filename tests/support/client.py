"""A customer of a gateway in this process, who sends a key with each call."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from starlette.testclient import TestClient

from voxport.accounts.service import Principal
from voxport.app import create_app
from voxport.billing.money import to_micro
from voxport.gateway import Gateway
from voxport.settings import Settings
from voxport.testing.running_gateway import NO_LIMITS

PUBLIC_URL = "https://voices.example.com"


def settings_for(data_dir: Path, **values: Any) -> Settings:
    """Settings that nothing of the machine's environment gets into."""
    given: dict[str, Any] = {
        "_env_file": None,
        "data_dir": data_dir,
        "public_url": PUBLIC_URL,
        # Tests call faster than any customer, and all from one address; those of the limits set their own.
        **NO_LIMITS,
        **values,
    }
    return Settings(**given)


class GatewayClient:
    """`http` is the plain client; `post` and the others send the key. An error of the gateway's own is a 500, as it
    is for a real caller."""

    def __init__(self, gateway: Gateway, app: FastAPI, credits: str) -> None:
        self.gateway = gateway
        self.app = app
        with gateway.database.transaction() as tx:
            self.profile_id = gateway.accounts.create_profile(tx, "Customer").id
            row, self.key = gateway.accounts.create_key(tx, self.profile_id, "test")
            if Decimal(credits):
                gateway.billing.add_credits(tx, self.profile_id, to_micro(Decimal(credits)))
        self.key_id = row.id
        self.http = TestClient(app, base_url=PUBLIC_URL, raise_server_exceptions=False, follow_redirects=False)
        self.principal = Principal(self.profile_id, self.key_id)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def another_customer(self, credits: str = "100") -> GatewayClient:
        """A customer with another profile, of the same gateway."""
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
        """Ask for a place to upload to."""
        body = {"media_type": "audio", "filename": "speaker.wav", "content_type": "audio/wav", **fields}
        return self.post("/v1/proxy/upload-media", {name: value for name, value in body.items() if value is not None})

    def upload_slot(self, **fields: Any) -> dict[str, Any]:
        answer = self.request_upload(**fields)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def put(self, url: str, data: Any, content_type: str | None = "audio/wav") -> httpx2.Response:
        """PUT without a key, as an uploader does it. An iterator is sent in chunks."""
        headers = {} if content_type is None else {"Content-Type": content_type}
        return self.http.put(url, content=data, headers=headers)

    def upload(self, data: bytes = b"RIFF and so on") -> dict[str, Any]:
        """An upload that is there."""
        slot = self.upload_slot()
        answer = self.put(slot["upload_url"], data)
        assert answer.status_code == 200, answer.text
        return slot


def open_client(gateway: Gateway, credits: str = "100") -> GatewayClient:
    """A customer of a gateway that is open already."""
    return GatewayClient(gateway, create_app(gateway.settings, gateway=gateway), credits)


def error_of(answer: httpx2.Response) -> dict[str, Any]:
    """The `error` object of an answer that is one, in the one shape."""
    body = answer.json()
    assert body["status"] == "error", body
    assert set(body) == ({"status", "error", "detail"} if answer.status_code == 422 else {"status", "error"})
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "request_id", "details"}
    assert error["request_id"] == answer.headers["X-Gateway-Request-ID"]
    assert error["request_id"].startswith("req_")
    assert error["message"].strip()
    return error
