"""Keeping voices alive at their provider: one that fails stops no other."""

from __future__ import annotations

from tests.support.hosted import House
from voxport.testing.doubles import Fault


def test_a_voice_that_can_not_be_kept_alive_stops_no_other_and_is_tried_again_later(home: House) -> None:
    for speaker in range(2):
        home.clone("minimax", speaker)
    home.clock.turn(days=5)
    before = len(home.minimax.spoken)
    refusal = {"base_resp": {"status_code": 2013, "status_msg": "invalid params"}}
    home.minimax.faults.add(Fault("/v1/t2a_v2", status=200, body=refusal))
    assert home.gateway.speaking.keep_alive() == 1
    (failure,) = home.gateway.sweeps.failing()
    assert (failure.task, failure.error.split(":")[0]) == ("voices_kept_alive", "provider_failed")
    assert home.gateway.speaking.keep_alive() == 0
    home.clock.turn(seconds=60)
    assert home.gateway.speaking.keep_alive() == 1
    assert len(home.minimax.spoken) == before + 2
    assert home.gateway.sweeps.failing() == []
