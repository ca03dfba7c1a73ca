"""A gateway whose hosted providers are doubles over HTTP, with a clock that tests set."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from tests.support.audio_features import decoded
from tests.support.client import GatewayClient, open_client
from tests.support.fake_provider import AcceptingSamples, FakeProvider
from voxport.audio.codec.wav import to_pcm16, wav_bytes
from voxport.gateway import Gateway
from voxport.jobs.runner import JobRunner
from voxport.providers.elevenlabs import ElevenLabs
from voxport.providers.minimax import MiniMax
from voxport.samples.loader import Audio, SampleLoader
from voxport.testing.doubles import ElevenLabsDouble, MiniMaxDouble, identify, serve_app
from voxport.testing.doubles.clock import ManualClock
from voxport.testing.doubles.elevenlabs.account import ALL_SCOPES
from voxport.testing.doubles.speech import synthesize

ELEVENLABS_KEY = "xi-very-secret-key"
MINIMAX_KEY = "sk-api-very-secret-key"
TEXT = "The ferry leaves the island at seven in the morning."
TTS = "/v1/proxy/core-tts"
CLONE = "/v1/proxy/core-voice-clone"
INSTANT = "/v1/proxy/core-instant-clone-tts"


class UncheckedSamples(AcceptingSamples):
    """Loads uploads as the gateway does, and accepts all of them."""

    def load(self, key: str, *, speech: Any = None, check_cancelled: Any = None) -> Audio:
        return SampleLoader.load(self, key)


@dataclass
class HostedEnv:
    """A gateway and the doubles of its two hosted providers."""

    client: GatewayClient
    gateway: Gateway
    elevenlabs: ElevenLabsDouble
    minimax: MiniMaxDouble
    clock: ManualClock
    local: FakeProvider
    elevenlabs_url: str

    def upload(self, speaker: int = 0) -> str:
        """Uploads a recording of this speaker and returns its URL."""
        audio_url: str = self.client.upload(recording(speaker))["public_url"]
        return audio_url

    def clone(self, provider: str, speaker: int = 0, **fields: Any) -> str:
        """Runs a clone job to completion and returns the voice_id."""
        job = self.run(self.client.post(CLONE, {"audioUrl": self.upload(speaker), "provider": provider, **fields}))
        assert job["status"] == "completed", job
        voice_id: str = job["result_data"]["voice_id"]
        return voice_id

    def run(self, accepted: httpx2.Response, *, pauses: Sequence[float] = ()) -> dict[str, Any]:
        """Runs the accepted job to its end and returns it."""
        assert accepted.status_code == 202, accepted.text
        return self.work(accepted.json()["job"]["id"], pauses=pauses)

    def work(self, job_id: str, *, pauses: Sequence[float] = ()) -> dict[str, Any]:
        """Runs a job's steps as a worker does. `pauses` are the seconds before its retries."""
        runner = JobRunner(self.gateway.jobs, self.gateway.handlers, pauses)
        service = runner.begin(job_id)
        assert service is not None
        results: dict[str, dict[str, Any]] = {}
        for name in runner.step_names(service):
            result = runner.run_step(job_id, name, results)
            if result is None:
                break
            results[name] = result
        job: dict[str, Any] = self.client.get(f"/v2/jobs/{job_id}").json()
        return job

    def speak(self, voice_id: str, **fields: Any) -> httpx2.Response:
        return self.client.post(TTS, {"text": TEXT, "voice_id": voice_id, "output_format": "wav", **fields})

    def instant(self, provider: str, speaker: int = 0, **fields: Any) -> httpx2.Response:
        body = {"audioUrl": self.upload(speaker), "text": TEXT, "provider": provider, **fields}
        return self.client.post(INSTANT, body)

    def spoken_mark(self, answer: httpx2.Response) -> int | None:
        """The mark of the voice that speaks in the response's audio."""
        assert answer.status_code == 200, answer.text
        content = answer.content
        if answer.headers["content-type"].startswith("application/json"):
            content = self.client.http.get(answer.json()["data"]["url"]).content
        return identify(decoded(content))

    def run_sweeps(self) -> None:
        """Runs the sweeps that the worker runs each minute, without waiting for the pauses after earlier failures."""
        self.gateway.sweeps.clear_pauses()
        self.gateway.provider_calls.release_dead_owners()
        self.gateway.provider_calls.sweep()
        self.gateway.provisioning.keep_alive()
        self.gateway.voices.sweep_deleted()

    def held(self) -> float:
        held: float = self.client.balance()["held"]
        return held


@contextlib.contextmanager
def open_hosted_env(
    open_gateway: Callable[..., Gateway], *, credits: str = "100", timeout: float = 120.0, **options: Any
) -> Iterator[HostedEnv]:
    """Opens a gateway with these options, its hosted providers and a customer. `timeout` is how long a call waits for
    its turn, in seconds. The lookup of a voice whose creation was not answered is tried three times without a pause."""
    synthesize("Made once, so that no first call waits for it.", 0)
    clock, local = ManualClock(), FakeProvider(stock=[])
    elevenlabs, minimax = ElevenLabsDouble(clock=clock), MiniMaxDouble(clock=clock)
    elevenlabs.account.keys = {ELEVENLABS_KEY: ALL_SCOPES}
    minimax.account.keys = {MINIMAX_KEY}
    limits = {"tag": "t1", "max_text_length": 5_000, "timeout": timeout, "read_timeout": 120.0}
    with serve_app(elevenlabs.app) as eleven_url, serve_app(minimax.app) as mini_url:
        eleven = ElevenLabs(ELEVENLABS_KEY, base_url=eleven_url, lookup_delays=(0.0, 0.0, 0.0), **limits)  # type: ignore[arg-type]
        mini = MiniMax(MINIMAX_KEY, base_url=mini_url, **limits)  # type: ignore[arg-type]
        gateway = open_gateway(
            providers=[eleven, mini, local],
            samples=UncheckedSamples,
            clock=lambda: datetime.fromtimestamp(clock.now(), UTC),
            **options,
        )
        yield HostedEnv(open_client(gateway, credits), gateway, elevenlabs, minimax, clock, local, eleven_url)
        gateway.close()


def recording(speaker: int) -> bytes:
    """A WAV file of one speaker, at least twelve seconds long."""
    audio = synthesize("a" * 220, speaker % 2)[speaker * 100 :]
    return wav_bytes(to_pcm16(audio))
