"""Many callers at an account that is full: each gets its turn, and nobody waits for a caller that waits for it."""

from __future__ import annotations

import itertools
import threading
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.hosted import House
from voxport.billing.verify import verify
from voxport.ids import random_text
from voxport.testing.doubles import Fault
from voxport.voices.service import Voices


def alike() -> list[str]:
    """Ids of voices that any short hash of them is likely to confuse."""
    ids = (random_text(20) for _ in itertools.count())
    return list(itertools.islice((one for one in ids if zlib.crc32(f"{one}@elevenlabs".encode()) % 64 == 7), 3))


def test_callers_with_several_voices_at_an_account_with_one_slot_are_all_served(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.elevenlabs.account.voice_limit = 1
    ids = alike()
    with monkeypatch.context() as patched:
        given = iter(ids)
        patched.setattr(Voices, "new_voice_id", lambda _: next(given))
        heard: dict[str, int | None] = {}
        for number, voice_id in enumerate(ids):
            assert home.clone("elevenlabs", speaker=number) == voice_id
            heard[voice_id] = home.heard(home.say(voice_id))
    home.elevenlabs.account.latency = 0.1
    calls = [*ids, *reversed(ids), *ids]
    with ThreadPoolExecutor(len(calls)) as pool:
        answers = list(pool.map(home.say, calls))
    assert Counter(answer.status_code for answer in answers) == {200: len(calls)}
    assert [home.heard(answer) for answer in answers] == [heard[voice_id] for voice_id in calls]
    assert home.gateway.intents.every() == []
    assert len(home.elevenlabs.voices) == 1
    assert verify(home.gateway.database) == []


def test_who_waits_for_a_slot_sends_its_sample_only_when_one_may_be_free(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.elevenlabs.account.voice_limit = 1
    first, second = home.clone("elevenlabs"), home.clone("elevenlabs", speaker=1)
    home.elevenlabs.requests.clear()
    looks, go_on = itertools.count(), threading.Event()
    in_use = home.gateway.speaking._in_use

    def look(*arguments: Any) -> set[str]:
        if next(looks) == 20:
            go_on.set()
        return in_use(*arguments)

    monkeypatch.setattr(home.gateway.speaking, "_in_use", look)
    home.elevenlabs.faults.add(Fault("/v1/text-to-speech", until=go_on))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(home.say, [second, first]))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert next(looks) > 20, "it was looked for many times"
    sent = [path for _, path in home.elevenlabs.requests if path == "/v1/voices/add"]
    assert len(sent) <= 6
