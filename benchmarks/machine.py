"""Describes the machine of the figures, and measures time and memory of the engine's process."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import EngineProcess


def machine() -> dict[str, str | float | int]:
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.split(":", 1)[1].strip() for line in information if line.startswith("model name")]
    flags = next((line for line in information if line.startswith("flags")), "").split()
    widest = next((flag for flag in ("avx512_vnni", "avx512f", "avx_vnni", "avx2") if flag in flags), "no AVX2")
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count() or 0,
        "instructions": widest,
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def real_time_factor(text: str, *, threads: int) -> dict[str, float]:
    """Return seconds per second of audio in a warm engine process, the best of three: `wall` is elapsed time, which
    other work on the machine increases; `processor` is the time of all threads, which an idle machine would need."""
    process = EngineProcess(threads=threads, niceness=0)
    try:
        chunks = process.plan(text, "en-us")
        process.speak(chunks[0], "af_heart")
        runs = [_factors(process, text) for _ in range(3)]
        return {name: round(min(run[name] for run in runs), 3) for name in ("wall", "processor")}
    finally:
        process.close()


def _factors(process: EngineProcess, text: str) -> dict[str, float]:
    assert process.pid is not None
    start, worked = time.perf_counter(), _processor_seconds(process.pid)
    seconds = sum(process.speak(chunk, "af_heart").size for chunk in process.plan(text, "en-us")) / SAMPLE_RATE
    return {
        "wall": (time.perf_counter() - start) / seconds,
        "processor": (_processor_seconds(process.pid) - worked) / seconds,
    }


def _processor_seconds(pid: int) -> float:
    """Return the user and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory(text: str, reference: FloatArray) -> dict[str, int]:
    """Return the peak memory in MB of a fresh process that spoke `text` (long, so that chunks are full), and of another
    that enrolled `reference`."""
    peaks = {}
    for name in ("serving", "enrolling"):
        process = EngineProcess(niceness=0, call_timeout=600)
        try:
            chunks = process.plan(text, "en-us")
            if name == "serving":
                for chunk in chunks:
                    process.speak(chunk, "af_heart")
            else:
                process.enrol(reference)
            assert process.pid is not None
            peaks[name] = _peak(process.pid)
        finally:
            process.close()
    return peaks


def _peak(pid: int) -> int:
    """Return the peak resident memory in MB of the process and of the phonemizer that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = [
        line
        for process in (str(pid), *children)
        for line in Path(f"/proc/{process}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    ]
    return round(sum(int(line.split()[1]) for line in lines) / 1024)
