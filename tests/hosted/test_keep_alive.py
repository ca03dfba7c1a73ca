"""Keep-alive of voices at their provider: one failure does not stop the others."""

from __future__ import annotations

from tests.support.hosted_env import HostedEnv
from voxport.testing.doubles import Fault


def test_a_voice_that_can_not_be_kept_alive_stops_no_other_and_is_tried_again_later(hosted_env: HostedEnv) -> None:
    for speaker in range(2):
        hosted_env.clone("minimax", speaker)
    hosted_env.clock.advance(days=5)
    before = len(hosted_env.minimax.spoken)
    refusal = {"base_resp": {"status_code": 2013, "status_msg": "invalid params"}}
    hosted_env.minimax.faults.add(Fault("/v1/t2a_v2", status=200, body=refusal))
    assert hosted_env.gateway.provisioning.keep_alive() == 1
    (failure,) = hosted_env.gateway.sweeps.failures()
    assert (failure.task, failure.error.split(":")[0]) == ("voices_kept_alive", "provider_failed")
    assert hosted_env.gateway.provisioning.keep_alive() == 0
    hosted_env.clock.advance(seconds=60)
    assert hosted_env.gateway.provisioning.keep_alive() == 1
    assert len(hosted_env.minimax.spoken) == before + 2
    assert hosted_env.gateway.sweeps.failures() == []
