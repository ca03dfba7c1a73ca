"""Measures a client's waiting times over HTTP, at a gateway started for this on 127.0.0.1."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.quality.rival_engines import TEXT
from benchmarks.raw_client import Client
from voxport.testing.running_gateway import LiveGateway, running_gateway

INSTANT = "The ferry leaves the island at seven, and the village waves."
TIMES = 5
_HEADER_BYTES = 1_000
"""Larger than any file header: what follows it is audio."""


def latencies(sample: Path) -> dict[str, float]:
    """Return medians of five in seconds: a whole instant clone with a warm engine, and the time to the first audio of
    a streamed text of 300 characters in a stock voice."""
    with (
        tempfile.TemporaryDirectory(prefix="voxport-http-") as folder,
        running_gateway(Path(folder)) as live,
        Client(live.url, live.key) as client,
    ):
        audio_url = client.upload(sample)
        client.instant_clone(audio_url, "Warm up.")
        instant = [_timed(lambda: client.instant_clone(audio_url, INSTANT)) for _ in range(TIMES)]
        _first_audio(live)
        firsts = [_first_audio(live) for _ in range(TIMES)]
    return {"instant_seconds": round(median(instant), 2), "first_audio_seconds": round(median(firsts), 2)}


def _first_audio(live: LiveGateway) -> float:
    body = {"text": TEXT, "voice_id": "af_heart", "stream": True}
    start = time.perf_counter()
    with live.client() as client, client.stream("POST", "/v1/proxy/core-tts", json=body) as response:
        response.raise_for_status()
        received, first = 0, 0.0
        # Read to the end: a stream that is closed is still spoken to the end of its sentence, which delays the next.
        for piece in response.iter_bytes():
            received += len(piece)
            if received > _HEADER_BYTES and not first:
                first = time.perf_counter() - start
        return first


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
