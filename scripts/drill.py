"""Runs the long reliability tests one after another: python scripts/drill.py [--sample] [--list] [--only kills ...]

Each step is a benchmark or a part of the tests with fixed parameters, so that runs can be compared. Shows the output of
each step, then a table of what each step proves, how long it took and whether it passed. Does not change the figures of
docs/reliability.md. Exits with 1 if a step failed; one that can't run on this machine is left out. `--sample` takes
three minutes at most.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
LEFT_OUT: Final = 77
"""The exit code of a step that can't run on this machine."""


@dataclass(frozen=True)
class Step:
    name: str
    proves: str
    arguments: tuple[str, ...]
    """Arguments of python, run in the checkout."""


STEPS: Final = (
    Step(
        "tests", "the cases marked drill, a month at both providers among them", ("-m", "pytest", "-q", "-m", "drill")
    ),
    Step("ssrf", "no hostile URL reaches anything, in three ways each", ("benchmarks/security/ssrf.py",)),
    Step(
        "media",
        "each hostile file ends as an unusable sample, twenty mutations of each",
        ("benchmarks/security/hostile_media.py", "--seeds", "20"),
    ),
    Step(
        "schema", "the API keeps its own document, in depth", ("benchmarks/reliability/schema.py", "--examples", "20")
    ),
    Step(
        "faults", "each of twelve faults of the machine loses nothing and passes", ("benchmarks/reliability/faults.py",)
    ),
    Step(
        "hosts",
        "a host that is cut off the network loses nothing, whichever it is",
        ("benchmarks/reliability/hosts.py",),
    ),
    Step(
        "kills",
        "kill -9 at each commit, of one process and of all",
        ("benchmarks/reliability/kills.py", "--points", "1"),
    ),
    Step("crash", "kill -9 at each step of a clone and an instant clone", ("benchmarks/reliability/crash.py",)),
    Step(
        "duplicates",
        "a call that is sent again through kills is charged once",
        ("benchmarks/reliability/duplicates.py", "--sends", "50", "--kills", "8"),
    ),
    Step(
        "workers",
        "workers that are killed, frozen or without a database lose and double no job",
        ("benchmarks/reliability/workers.py", "--jobs", "1000"),
    ),
    Step(
        "overspend",
        "calls at once spend what there is, on both databases",
        ("benchmarks/reliability/overspend.py", "--calls", "300"),
    ),
    Step(
        "soak",
        "twenty minutes of mixed load without a failure",
        ("benchmarks/reliability/soak.py", "--minutes", "20", "--rate", "4"),
    ),
)
SAMPLE: Final = (
    Step(
        "fit",
        "the whole fit of a clone is nearer to its speaker",
        ("-m", "pytest", "-q", "-m", "drill", "-k", "clone_is_nearer", "tests/engine/test_enrolment.py"),
    ),
    Step(
        "kills",
        "kill -9 at commits of a speech",
        ("benchmarks/reliability/kills.py", "--service", "speech", "--most", "4"),
    ),
    Step("faults", "kill -9 of the server under load", ("benchmarks/reliability/faults.py", "--case", "server_killed")),
    Step(
        "crash",
        "kill -9 at each step of an instant clone at ElevenLabs",
        ("benchmarks/reliability/crash.py", "--provider", "elevenlabs", "--service", "instant"),
    ),
    Step("workers", "kill -9 of workers and a restart of Postgres", ("benchmarks/reliability/workers.py", "--sample")),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", action="store_true", help="five steps, always the same")
    parser.add_argument("--list", action="store_true", help="say what would run")
    parser.add_argument("--only", nargs="+", choices=[step.name for step in STEPS], help="these steps")
    arguments = parser.parse_args()
    steps = [
        step for step in (SAMPLE if arguments.sample else STEPS) if not arguments.only or step.name in arguments.only
    ]
    if arguments.list:
        print(*(f"{step.name}: {step.proves}: python {' '.join(step.arguments)}" for step in steps), sep="\n")
        return 0
    lines, failed = [], 0
    for step in steps:
        print(f"== {step.name}: {step.proves}", flush=True)
        started_at = time.monotonic()
        code = _run(step)
        failed += code not in (0, LEFT_OUT)
        outcome = {0: "passed", LEFT_OUT: "left out"}.get(code, f"FAILED with exit code {code}")
        lines.append(f"{step.name:<11}{outcome:<27}{time.monotonic() - started_at:6.0f} s  {step.proves}")
        print(lines[-1], flush=True)
    print("", *lines, f"{len(steps) - failed} of {len(steps)} passed", sep="\n", flush=True)
    return 1 if failed else 0


def _run(step: Step) -> int:
    with tempfile.TemporaryDirectory(prefix="voxport-drill-") as folder:
        environment = {**os.environ, "VOXPORT_RESULTS_DIR": folder}
        return subprocess.run([sys.executable, *step.arguments], cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
