"""A month at both providers: MiniMax deletes what is not spoken with for a week, ElevenLabs has room for three voices.
The whole of it is for `make drill`; `pytest -s` shows what was asked of the providers."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.support.hosted import House
from voxport.billing.verify import verify

pytestmark = pytest.mark.slow


def counted(requests: list[tuple[str, str]]) -> Counter[str]:
    """Requests by what they ask, whatever voice it is about."""
    return Counter(f"{method} {'/'.join(path.split('/')[:3])}" for method, path in requests)


@pytest.mark.parametrize(
    ("days", "voices_each"), [(12, 5), pytest.param(30, 10, marks=pytest.mark.drill)], ids=["short", "whole"]
)
def test_every_voice_speaks_as_itself_for_a_month(home: House, days: int, voices_each: int) -> None:
    down = range(2, 10) if days < 20 else range(12, 20)  # a week and a day on which the gateway is down
    in_use = voices_each // 2
    home.client = home.client.another(credits="1000")
    home.elevenlabs.account.voice_limit = 3
    dice = random.Random(1)
    voices: dict[str, list[str]] = {"elevenlabs": [], "minimax": []}
    marks: dict[str, int | None] = {}
    for number in range(voices_each):
        for provider, made in voices.items():
            voice_id = home.clone(provider, speaker=number)
            marks[voice_id] = home.heard(home.say(voice_id))
            made.append(voice_id)
    assert len(set(marks.values())) == voices_each
    assert None not in marks.values()
    before = home.client.balance()
    for double in (home.elevenlabs, home.minimax):
        double.requests.clear()
        double.spoken.clear()
    spoken = 0
    for day in range(days):
        home.clock.turn(days=1)
        if day not in down:
            home.tidy()
            today = dice.sample(voices["elevenlabs"], 4) + dice.sample(voices["minimax"][:in_use], 2)
            for voice_id in today:
                assert home.heard(home.say(voice_id)) == marks[voice_id], (day, voice_id)
                spoken += 1
        assert len(home.elevenlabs.voices) <= 3
    for made in voices.values():  # also those that nobody spoke with
        for voice_id in made:
            assert home.heard(home.say(voice_id)) == marks[voice_id]
            spoken += 1
    home.tidy()
    assert home.gateway.intents.every() == []
    assert home.client.balance()["held"] == 0
    assert home.client.balance()["credits"] < before["credits"]
    assert verify(home.gateway.database) == []
    captures = [row["service"] for row in home.client.get("/v2/billing/ledger?limit=100").json()["data"]]
    assert captures.count("core-voice-clone") <= 2 * voices_each
    print(f"\n{days} days, {voices_each} voices at each, {spoken} calls of core-tts, each in the right voice")
    for name, double in (("ElevenLabs, 3 slots", home.elevenlabs), ("MiniMax", home.minimax)):
        print(f"{name}: {len(double.spoken)} syntheses; {dict(counted(double.requests).most_common())}")
    print(f"MiniMax: {len(home.minimax.activated) - voices_each} voices made again")
