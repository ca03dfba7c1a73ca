"""Many callers at a full account: each gets its turn, and there is no deadlock."""

from __future__ import annotations

import itertools
import threading
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.hosted_env import HostedEnv
from voxport.billing.verify import verify
from voxport.ids import random_text
from voxport.testing.doubles import Fault
from voxport.voices.service import VoiceService


def alike() -> list[str]:
    """Return ids of voices that a short hash is likely to map to the same value."""
    ids = (random_text(20) for _ in itertools.count())
    return list(itertools.islice((one for one in ids if zlib.crc32(f"{one}@elevenlabs".encode()) % 64 == 7), 3))


def test_callers_with_several_voices_at_an_account_with_one_slot_are_all_served(
    hosted_env: HostedEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted_env.elevenlabs.account.voice_limit = 1
    ids = alike()
    with monkeypatch.context() as patched:
        given = iter(ids)
        patched.setattr(VoiceService, "new_voice_id", lambda _: next(given))
        heard: dict[str, int | None] = {}
        for number, voice_id in enumerate(ids):
            assert hosted_env.clone("elevenlabs", speaker=number) == voice_id
            heard[voice_id] = hosted_env.spoken_mark(hosted_env.speak(voice_id))
    hosted_env.elevenlabs.account.latency = 0.1
    calls = [*ids, *reversed(ids), *ids]
    with ThreadPoolExecutor(len(calls)) as pool:
        answers = list(pool.map(hosted_env.speak, calls))
    assert Counter(answer.status_code for answer in answers) == {200: len(calls)}
    assert [hosted_env.spoken_mark(answer) for answer in answers] == [heard[voice_id] for voice_id in calls]
    assert hosted_env.gateway.provider_calls.list_all() == []
    assert len(hosted_env.elevenlabs.voices) == 1
    assert verify(hosted_env.gateway.database) == []


def test_who_waits_for_a_slot_sends_its_sample_only_when_one_may_be_free(
    hosted_env: HostedEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted_env.elevenlabs.account.voice_limit = 1
    first, second = hosted_env.clone("elevenlabs"), hosted_env.clone("elevenlabs", speaker=1)
    hosted_env.elevenlabs.requests.clear()
    lookup_delays, go_on = itertools.count(), threading.Event()
    in_use = hosted_env.gateway.provisioning._in_use

    def look(*arguments: Any) -> set[str]:
        if next(lookup_delays) == 20:
            go_on.set()
        return in_use(*arguments)

    monkeypatch.setattr(hosted_env.gateway.provisioning, "_in_use", look)
    hosted_env.elevenlabs.faults.add(Fault("/v1/text-to-speech", until=go_on))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(hosted_env.speak, [second, first]))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert next(lookup_delays) > 20, "it was looked for many times"
    sent = [path for _, path in hosted_env.elevenlabs.requests if path == "/v1/voices/add"]
    assert len(sent) <= 6
