"""A month at both providers: MiniMax deletes voices unused for a week, ElevenLabs has room for three voices. The full
length runs in `make drill`; `pytest -s` prints the requests to the providers."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.support.hosted_env import HostedEnv
from voxport.billing.verify import verify

pytestmark = pytest.mark.slow


def counted(requests: list[tuple[str, str]]) -> Counter[str]:
    """Count requests by method and path, without the voice id."""
    return Counter(f"{method} {'/'.join(path.split('/')[:3])}" for method, path in requests)


@pytest.mark.parametrize(
    ("days", "voices_each"), [(12, 5), pytest.param(30, 10, marks=pytest.mark.drill)], ids=["short", "whole"]
)
def test_every_voice_speaks_as_itself_for_a_month(hosted_env: HostedEnv, days: int, voices_each: int) -> None:
    down = range(2, 10) if days < 20 else range(12, 20)  # the gateway is down for eight days
    in_use = voices_each // 2
    hosted_env.client = hosted_env.client.another_customer(credits="1000")
    hosted_env.elevenlabs.account.voice_limit = 3
    dice = random.Random(1)
    voices: dict[str, list[str]] = {"elevenlabs": [], "minimax": []}
    marks: dict[str, int | None] = {}
    for number in range(voices_each):
        for provider, created in voices.items():
            voice_id = hosted_env.clone(provider, speaker=number)
            marks[voice_id] = hosted_env.spoken_mark(hosted_env.speak(voice_id))
            created.append(voice_id)
    assert len(set(marks.values())) == voices_each
    assert None not in marks.values()
    before = hosted_env.client.balance()
    for double in (hosted_env.elevenlabs, hosted_env.minimax):
        double.requests.clear()
        double.spoken.clear()
    spoken = 0
    for day in range(days):
        hosted_env.clock.advance(days=1)
        if day not in down:
            hosted_env.run_sweeps()
            today = dice.sample(voices["elevenlabs"], 4) + dice.sample(voices["minimax"][:in_use], 2)
            for voice_id in today:
                assert hosted_env.spoken_mark(hosted_env.speak(voice_id)) == marks[voice_id], (day, voice_id)
                spoken += 1
        assert len(hosted_env.elevenlabs.voices) <= 3
    for created in voices.values():  # including those that were not used
        for voice_id in created:
            assert hosted_env.spoken_mark(hosted_env.speak(voice_id)) == marks[voice_id]
            spoken += 1
    hosted_env.run_sweeps()
    assert hosted_env.gateway.provider_calls.list_all() == []
    assert hosted_env.client.balance()["held"] == 0
    assert hosted_env.client.balance()["credits"] < before["credits"]
    assert verify(hosted_env.gateway.database) == []
    captures = [row["service"] for row in hosted_env.client.get("/v2/billing/ledger?limit=100").json()["data"]]
    assert captures.count("core-voice-clone") <= 2 * voices_each
    print(f"\n{days} days, {voices_each} voices at each, {spoken} calls of core-tts, each in the right voice")
    for name, double in (("ElevenLabs, 3 slots", hosted_env.elevenlabs), ("MiniMax", hosted_env.minimax)):
        print(f"{name}: {len(double.spoken)} syntheses; {dict(counted(double.requests).most_common())}")
    print(f"MiniMax: {len(hosted_env.minimax.activated) - voices_each} voices made again")
