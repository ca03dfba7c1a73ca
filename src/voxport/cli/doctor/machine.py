"""Checks of the program and the machine: Python, ffmpeg, the engine, PyTorch, the cache folder."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import voxport
from voxport.cache_folder import default_cache
from voxport.cli.doctor.findings import CheckResult, failed, ok, warning

if TYPE_CHECKING:
    from voxport.settings import Settings

_MIN_PYTHON: Final = (3, 11)
_MIN_YEAR: Final = 2025
_FFMPEG_SECONDS: Final = 20.0
_REINSTALL: Final = "Install the packages again: make clean setup, or pip install --force-reinstall voxport"


def check_python() -> Iterator[CheckResult]:
    system = f"{platform.system()} {platform.machine()}"
    found = f"voxport {voxport.__version__}, Python {platform.python_version()}, {system}"
    if sys.version_info < _MIN_PYTHON:
        yield failed("python", found, "Voxport needs Python 3.11 or newer.")
    elif system != "Linux x86_64":
        yield warning("python", found, "Only Linux on x86-64 is tested.")
    else:
        yield ok("python", found)
    year = time.gmtime().tm_year
    if year < _MIN_YEAR:
        yield failed("clock", f"the clock says {year}", "Set it: signed URLs and keys end by the clock.")


def check_ffmpeg(configured: Path | None) -> Iterator[CheckResult]:
    from voxport.audio.codec.ffmpeg import find_ffmpeg

    advice = "Remove VOXPORT_FFMPEG, so that the package's own is used, or name another."
    try:
        program = find_ffmpeg(configured)
        run = subprocess.run(  # noqa: S603  # the program that the gateway would run
            [program, "-hide_banner", "-version"], capture_output=True, timeout=_FFMPEG_SECONDS, check=False
        )
    except ValueError as error:
        yield failed("ffmpeg", str(error), advice)
        return
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        yield failed("ffmpeg", f"ffmpeg can't be run: {error}", advice if configured else _REINSTALL)
        return
    first = run.stdout.decode("utf-8", "replace").partition("\n")[0].partition(" Copyright")[0]
    if run.returncode != 0 or not first.startswith("ffmpeg"):
        yield failed("ffmpeg", f"{program} is no ffmpeg that works", advice if configured else _REINSTALL)
    else:
        yield ok("ffmpeg", f"{first}, {program}")


def check_engine(settings: Settings) -> Iterator[CheckResult]:
    """Load the weights, as the engine's process does."""
    from voxport.engine import Engine
    from voxport.engine_errors import EngineError

    began = time.monotonic()
    try:
        Engine.load(model_path=settings.engine_model, threads=settings.engine_threads).close()
    except (EngineError, ImportError) as error:
        advice = "Does VOXPORT_ENGINE_MODEL name the right file?" if settings.engine_model else _REINSTALL
        yield failed("engine", f"the local engine can't be loaded: {error}", advice)
    else:
        yield ok("engine", f"the local engine loads in {time.monotonic() - began:.1f} s")


def check_torch() -> Iterator[CheckResult]:
    try:
        if importlib.util.find_spec("torch") is not None:
            yield ok("torch", f"PyTorch {version('torch')}, for persistent clones at the local provider")
            return
    except (PackageNotFoundError, ImportError, ValueError):
        pass
    yield warning(
        "torch",
        "PyTorch is not installed: the local provider speaks and makes instant clones, but no persistent ones",
        "Install voxport[fit] (the README says where the small CPU build is), or use a hosted provider.",
    )


def check_cache() -> Iterator[CheckResult]:
    folder = default_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield warning(
            "cache folder",
            f"{folder} can't be written: {error.strerror}; the engine splits its model at each start (5 s)",
            f"Set XDG_CACHE_HOME to a folder that user {os.getuid()} can write.",
        )
    else:
        yield ok("cache folder", str(folder))
