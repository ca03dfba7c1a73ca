"""Neither the gateway's processes nor the engine's libraries connect to the network by themselves."""

from __future__ import annotations

import importlib.util
import mmap
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks.raw_client import Client
from tests.support.server import wait_until
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.cli.synthetic import write_speaker
from voxport.testing.network_trace import Destination, destinations, tracer, why_not_traceable
from voxport.testing.running_gateway import running_gateway

IDLE_SECONDS = 5
TELEMETRY = b"events.data.microsoft.com"

SPEAKER = """
import socket
def to(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        try:
            one.connect(address)
        except OSError:
            pass
to(socket.AF_INET, ("192.0.2.1", 53))
to(socket.AF_INET6, ("::1", 9))
to(socket.AF_UNIX, "/var/run/nscd/socket")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.sendto(b"x", ("127.0.0.1", 5))
"""
"""Uses datagram sockets: connecting one sends nothing."""


@pytest.fixture(scope="module")
def traceable() -> None:
    reason = why_not_traceable()
    if reason is not None:
        pytest.skip(reason)


@pytest.mark.usefixtures("traceable")
def test_the_tracer_sees_what_a_child_of_a_program_sends(tmp_path: Path) -> None:
    output = tmp_path / "trace"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPEAKER!r}], check=True)"
    subprocess.run([*tracer(output), sys.executable, "-c", parent], check=True)
    expected = [
        Destination("192.0.2.1", 53),
        Destination("::1", 9),
        Destination("/var/run/nscd/socket", 0),
        Destination("127.0.0.1", 5),
    ]
    wait_until(lambda: destinations(output) == expected, seconds=20, what="the whole trace")
    assert [one.is_lookup for one in expected] == [True, False, True, False]
    assert [one.is_local for one in expected] == [False, True, True, True]


@pytest.mark.folder_only("a gateway whose storage is on no network")
@pytest.mark.slow
@pytest.mark.usefixtures("traceable")
def test_a_gateway_looks_nothing_up_and_connects_to_nobody(tmp_path: Path) -> None:
    output, sample = tmp_path / "trace", tmp_path / "sample.wav"
    write_speaker(sample)
    with (
        running_gateway(tmp_path, wrapper=tracer(output), VOXPORT_FIT_STEPS="4") as live,
        Client(live.url, live.key) as client,
    ):
        audio_url = client.upload(sample)
        job_id = client.clone(audio_url)
        fitting = threading.Event()

        def watch(job: dict[str, object]) -> None:
            # One step of the fit is enough: by then PyTorch is loaded and computing, and the other steps do the same.
            if not fitting.is_set() and float(str(job["progress"])) > 0.2:
                fitting.set()
                client.call("POST", f"/v2/jobs/{job_id}/cancel")

        client.wait_for_job(job_id, watch)
        assert fitting.is_set()
        assert client.instant_clone(audio_url, "Nobody hears this.").content[:4] == b"RIFF"
        assert client.speak("Nor this.", "af_heart")["data"]["duration_seconds"] > 0
        time.sleep(IDLE_SECONDS)  # what is sent while idle has no event to wait for
    written = output.read_text()
    assert "sendto(" in written or "sendmsg(" in written  # the trace is not empty
    assert [one for one in destinations(output) if one.is_lookup or not one.is_local] == []


def test_no_library_of_the_neural_runtime_holds_an_address_of_telemetry() -> None:
    """Fails if a later ONNX Runtime in the lock contains the address again: from 1.29 on, it contacted the network when
    idle."""
    spec = importlib.util.find_spec("onnxruntime")
    assert spec is not None and spec.origin is not None
    libraries = [path for path in Path(spec.origin).parent.rglob("*") if ".so" in path.name or path.suffix == ".dylib"]
    assert libraries
    assert [path.name for path in libraries if _holds(path, TELEMETRY)] == []


def test_the_neural_runtime_is_told_to_send_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    SpeakerEncoder(threads=1)
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def _holds(path: Path, content: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return mapped.find(content) >= 0
