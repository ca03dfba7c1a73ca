"""An instant clone's audio goes from the provider to the caller through a file, and is never whole in memory."""

from __future__ import annotations

import io
import tracemalloc
import wave
from collections.abc import Iterator

import numpy as np

from tests.conftest import MakeGateway
from tests.support.client import open_client
from tests.support.fake_provider import FakeProvider, with_fake_provider
from voxport.billing.verify import verify
from voxport.cloning.instant import InstantRequest
from voxport.idempotency.claim import IdempotentRequest, KeyClaim, ReplayableResponse
from voxport.providers.base import SAMPLE_RATE, Piece, Utterance, VoiceRef

MINUTES = 10
SIZE = 44 + 2 * 60 * MINUTES * SAMPLE_RATE


class LongFakeProvider(FakeProvider):
    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        for number in range(MINUTES * 60):
            yield Piece(np.full(SAMPLE_RATE, 0.25, np.float32), (number + 1) / (MINUTES * 60), {})


def test_a_long_instant_clone_and_its_kept_answer_take_little_memory(make_gateway: MakeGateway) -> None:
    gateway = with_fake_provider(make_gateway, LongFakeProvider()).gateway
    client = open_client(gateway)
    principal = gateway.accounts.authenticate(client.key)
    request = InstantRequest(client.upload()["public_url"], "Hello.", "local", {})
    prepared = gateway.instant.prepare(principal, request)
    claim = gateway.idempotency.begin(IdempotentRequest(client.profile_id, "req_1", "POST", "/a", "key-1", b"{}"))
    assert isinstance(claim, KeyClaim)
    claim.render = lambda _: ReplayableResponse(200)
    held = gateway.instant.hold(prepared, request_id="req_1", claim=claim)
    tracemalloc.start()
    try:
        result = gateway.instant.speak(prepared, held)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < SIZE / 4
    result.wav.seek(0)
    whole = result.wav.read()
    result.wav.close()
    with wave.open(io.BytesIO(whole)) as reader:
        assert reader.getnframes() == MINUTES * 60 * SAMPLE_RATE
    again = gateway.idempotency.begin(IdempotentRequest(client.profile_id, "req_2", "POST", "/a", "key-1", b"{}"))
    assert isinstance(again, ReplayableResponse)
    with gateway.idempotency.open_file(again) as kept:
        assert kept.read() == whole
    assert verify(gateway.database) == []
