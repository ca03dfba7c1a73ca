"""Measures what the gateway adds to a call of a provider, beside a bare proxy and LiteLLM's.

    python -m benchmarks.speed.gateway [--litellm VENV] [--runs 3] [--seconds 6] [--only NAME ...]

The provider answers at once with 50 KB of audio; everything runs on this machine. Each stack gets the same number of
connections, each of which sends the next call as soon as the last one was answered. All stacks run in each round, one
after another, so that other work on the machine affects all; the figures are medians over the rounds.

Voxport's calls include the check of the key, the hold, the charge, the ledger, the journal of provider calls and, for
wav and mp3, a file in storage. LiteLLM's proxy has no database here. `--litellm` names a virtual environment with
`litellm[proxy]`, httptools, uvloop and opentelemetry-sdk.

Processor time is that of all processes of a stack, the database included. Memory is the proportional set size (PSS) of
the stack's processes after the calls, and their resident size.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from sqlalchemy import create_engine, text

from benchmarks.speed.peers.caller import Calls
from benchmarks.speed.peers.provider import AUDIO_BYTES, KEY
from benchmarks.support import describe_machine, percentile
from voxport.testing.running_gateway import LiveGateway, running_gateway

_ROOT = Path(__file__).parents[2]
_TEXT = "The ferry leaves at seven."
_VOICE = "21m00Tcm4TlvDq8ikWAM"
_OPENAI = {"input": _TEXT, "model": "tts", "voice": "alloy"}
_READY_SECONDS = 120.0


@dataclass(frozen=True)
class Stack:
    """A server under measurement. `roots` are its processes; their children count too."""

    name: str
    ports: list[int]
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    roots: tuple[int, ...]
    min_bytes: int = AUDIO_BYTES * 9 // 10


@dataclass
class Figures:
    """Of one stack at one concurrency: one entry for each round. Times in milliseconds, memory in MiB."""

    per_second: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    first_p50: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    pss: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm", type=Path, help="a virtual environment with litellm[proxy]")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--only", nargs="+", help="stacks whose name holds one of these")
    parser.add_argument(
        "--processes", type=int, nargs="*", default=[], help="also gateways on Postgres with so many HTTP processes"
    )
    parser.add_argument("--save", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    machine = describe_machine()
    print(machine, flush=True)
    found: dict[tuple[str, int], Figures] = {}
    with contextlib.ExitStack() as opened, tempfile.TemporaryDirectory(prefix="voxport-gateway-") as name:
        stacks = _open_stacks(opened, Path(name), arguments.litellm, arguments.only, arguments.processes)
        for stack in stacks:
            _measure(stack, concurrency=4, seconds=1.0, into=Figures())
        for _ in range(arguments.runs):
            for concurrency in arguments.concurrency:
                for stack in stacks:
                    figures = found.setdefault((stack.name, concurrency), Figures())
                    _measure(stack, concurrency=concurrency, seconds=arguments.seconds, into=figures)
    rows = _rows(found)
    _print(rows)
    if arguments.save is not None:
        arguments.save.write_text(json.dumps({"machine": machine.strip(), "rows": rows}, indent=1) + "\n")
    return 1 if any(row["failures"] for row in rows) else 0


def _open_stacks(
    opened: contextlib.ExitStack,
    folder: Path,
    litellm: Path | None,
    only: list[str] | None,
    processes: Sequence[int] = (),
) -> list[Stack]:
    provider = opened.enter_context(_server(folder, "provider", "benchmarks.speed.peers.provider"))
    url = f"http://127.0.0.1:{provider[1]}"

    def is_wanted(name: str) -> bool:
        return only is None or any(part in name for part in only)

    stacks = [Stack("direct", [provider[1]], "/v1/audio/speech", {}, _OPENAI, (provider[0],))]
    if is_wanted("bare proxy"):
        bare = opened.enter_context(_server(folder, "bare", "benchmarks.speed.peers.bare_proxy", url))
        stacks.append(Stack("bare proxy", [bare[1]], "/v1/audio/speech", {}, _OPENAI, (bare[0],)))
    if litellm is not None and is_wanted("LiteLLM"):
        pid, port = opened.enter_context(_litellm(folder, litellm, url))
        headers = {"Authorization": "Bearer sk-benchmark"}
        stacks.append(Stack("LiteLLM", [port], "/v1/audio/speech", headers, _OPENAI, (pid,)))
    settings = {"VOXPORT_ELEVENLABS_API_KEY": KEY, "VOXPORT_ELEVENLABS_BASE_URL": url}
    if is_wanted("Voxport SQLite"):
        live = opened.enter_context(_gateway(folder / "sqlite", settings))
        stacks += _voxport(live, "Voxport SQLite", (live.process.pid,), {})
    if is_wanted("Voxport Postgres"):
        from tests.support.postgres import running_postgres

        server = opened.enter_context(running_postgres())
        _make_durable(server.new_database())
        database = {"VOXPORT_DATABASE_URL": server.new_database()}
        live = opened.enter_context(_gateway(folder / "postgres", {**database, **settings}))
        stacks += _voxport(live, "Voxport Postgres", (live.process.pid, server.pid), database)
        for count in processes:
            own = {"VOXPORT_DATABASE_URL": server.new_database()}
            live = opened.enter_context(_gateway(folder / f"processes-{count}", {**own, **settings}))
            more = [
                opened.enter_context(
                    running_gateway(
                        folder / f"processes-{count}-{number}",
                        "--no-worker",
                        "--data-dir",
                        str(live.data_dir),
                        ready=True,
                        wrapper=(),
                        **own,
                        **settings,
                    )
                )
                for number in range(1, count)
            ]
            roots = (live.process.pid, server.pid)
            stacks += _voxport(live, f"Voxport Postgres, {count} HTTP processes,", roots, own, more)
    return [stack for stack in stacks if stack.name == "direct" or is_wanted(stack.name)]


def _gateway(folder: Path, settings: dict[str, str]) -> contextlib.AbstractContextManager[LiveGateway]:
    return running_gateway(folder, ready=True, wrapper=(), **settings)


def _make_durable(url: str) -> None:
    """Turn on again what the tests' server leaves out because no test cuts the power."""
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {name} = on"))
        connection.execute(text("SELECT pg_reload_conf()"))


def _voxport(
    live: LiveGateway, name: str, roots: tuple[int, ...], settings: dict[str, str], more: Sequence[LiveGateway] = ()
) -> list[Stack]:
    """Return the stacks of a gateway, with the HTTP processes of `more` beside its own."""
    environment = {**os.environ, **settings}

    def voxport(*arguments: str) -> str:
        command = [sys.executable, "-m", "voxport", *arguments, "--data-dir", str(live.data_dir)]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    profile = next(word for word in voxport("profiles", "list").split() if word.startswith("prof_"))
    voxport("credits", "add", profile, "1000000")
    ports = [int(one.url.rpartition(":")[2]) for one in (live, *more)]
    roots = (*roots, *(one.process.pid for one in more))
    headers = {"Authorization": f"Bearer {live.key}"}
    body = {"text": _TEXT, "voice_id": _VOICE, "provider": "elevenlabs"}

    def stack(kind: str, min_bytes: int, **more: Any) -> Stack:
        return Stack(f"{name} {kind}", ports, "/v1/proxy/core-tts", headers, {**body, **more}, roots, min_bytes)

    return [
        stack("stream wav", AUDIO_BYTES // 2, stream=True, output_format="wav"),
        stack("stream mp3", AUDIO_BYTES // 4, stream=True, output_format="mp3"),
        stack("stored wav", 100, output_format="wav"),
        stack("stored mp3", 100, output_format="mp3"),
    ]


def _measure(stack: Stack, *, concurrency: int, seconds: float, into: Figures) -> None:
    calls = Calls(stack.ports, stack.path, stack.headers, stack.body, concurrency, seconds, stack.min_bytes)
    before = _processor_seconds(stack.roots)
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.peers.caller"],
        input=json.dumps(dataclasses.asdict(calls)),
        capture_output=True,
        text=True,
        check=True,
        cwd=_ROOT,
    )
    measured = json.loads(answer.stdout)
    count = len(measured["latencies"])
    for reason, number in measured["failures"].items():
        into.failures[reason] = into.failures.get(reason, 0) + number
    if not count:
        return
    into.processor.append(1000 * (_processor_seconds(stack.roots) - before) / count)
    into.per_second.append(count / measured["seconds"])
    into.p50.append(1000 * percentile(measured["latencies"], 50))
    into.p99.append(1000 * percentile(measured["latencies"], 99))
    into.first_p50.append(1000 * percentile(measured["first_bytes"], 50))
    memory = [process.memory_full_info() for process in _tree(stack.roots[:1])]
    into.pss.append(sum(one.pss for one in memory) / 2**20)
    into.rss.append(sum(one.rss for one in memory) / 2**20)


def _rows(found: dict[tuple[str, int], Figures]) -> list[dict[str, Any]]:
    rows = []
    for (name, concurrency), figures in found.items():
        direct = found["direct", concurrency]
        rows.append(
            {
                "stack": name,
                "concurrency": concurrency,
                "per_second": round(_median(figures.per_second), 1),
                "processor_ms": round(_median(figures.processor), 2),
                "per_second_per_core": round(1000 / max(_median(figures.processor), 1e-9), 1),
                "added_p50_ms": round(_median(figures.p50) - _median(direct.p50), 2),
                "added_p99_ms": round(_median(figures.p99) - _median(direct.p99), 2),
                "first_byte_p50_ms": round(_median(figures.first_p50), 2),
                "pss_mib": round(_median(figures.pss)),
                "rss_mib": round(_median(figures.rss)),
                "failures": figures.failures,
            }
        )
    return rows


def _print(rows: list[dict[str, Any]]) -> None:
    print(
        f"{'stack':<28}{'at once':>8}{'calls/s':>9}{'cpu ms':>8}{'per core':>9}{'+p50 ms':>9}{'+p99 ms':>9}{'MiB':>6}"
    )
    for row in sorted(rows, key=lambda row: row["concurrency"]):
        print(
            f"{row['stack']:<28}{row['concurrency']:>8}{row['per_second']:>9.1f}{row['processor_ms']:>8.2f}"
            f"{row['per_second_per_core']:>9.1f}{row['added_p50_ms']:>9.2f}{row['added_p99_ms']:>9.2f}{row['pss_mib']:>6}"
            f"{'  FAILED ' + str(row['failures']) if row['failures'] else ''}"
        )


def _median(values: list[float]) -> float:
    return median(values) if values else 0.0


def _tree(roots: tuple[int, ...]) -> list[psutil.Process]:
    processes = [psutil.Process(root) for root in roots]
    return [*processes, *(child for process in processes for child in process.children(recursive=True))]


def _processor_seconds(roots: tuple[int, ...]) -> float:
    """Return the processor time of the processes, and of their children that have ended."""
    total = 0.0
    for process in _tree(roots):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


@contextlib.contextmanager
def _server(folder: Path, name: str, module: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """Run a module that serves on a port. Yields its process id and the port."""
    port_file = folder / f"{name}.port"
    process = subprocess.Popen([sys.executable, "-m", module, str(port_file), *arguments], cwd=_ROOT)
    try:
        _wait_until(port_file.exists, process)
        yield process.pid, int(port_file.read_text())
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def _litellm(folder: Path, venv: Path, provider_url: str) -> Iterator[tuple[int, int]]:
    """Run LiteLLM's proxy with one worker. Yields its process id and port."""
    model = {"model": "openai/tts", "api_base": f"{provider_url}/v1", "api_key": "unused"}
    config = folder / "litellm.yaml"
    config.write_text(
        json.dumps(
            {
                "model_list": [{"model_name": "tts", "litellm_params": model}],
                "general_settings": {"master_key": "sk-benchmark"},
                "litellm_settings": {"telemetry": False},
            }
        )
    )
    port = _free_port()
    environment = {**os.environ, "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    environment.pop("PYTHONPATH", None)
    with (folder / "litellm.log").open("wb") as log:
        process = subprocess.Popen(
            [venv / "bin" / "litellm", "--config", config, "--host", "127.0.0.1", "--port", str(port)],
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder,
        )
        try:
            _wait_until(lambda: _is_listening(port), process)
            yield process.pid, port
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _is_listening(port: int) -> bool:
    import socket

    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _wait_until(is_ready: Any, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} did not start")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
