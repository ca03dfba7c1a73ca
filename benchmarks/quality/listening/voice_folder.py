"""Keeps fitted voices in a folder, one file per speaker, with the engine that they come from."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import voxport
from voxport.engine import EngineVoice

_ABOUT: Final = "voices.json"
_PACKAGES: Final = ("engine", "audio", "text")
"""The packages of voxport that decide how a voice is fitted and how it sounds."""


def describe_tree() -> dict[str, Any]:
    """Describe the source that runs: its `commit` ("" without git), whether files differ from it (`changed`), and
    `engine`, a hash of the source and the assets that a voice depends on."""
    source = Path(voxport.__file__).parent
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((source / package).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(str(path.relative_to(source)).encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return {
        "commit": git(source, "rev-parse", "--short=12", "HEAD") or "",
        "changed": bool(git(source, "status", "--porcelain", "--", ".")),
        "engine": digest.hexdigest()[:12],
    }


def git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints, stripped; None if it fails or is not installed."""
    try:
        run = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return run.stdout.strip()


class VoiceFolder:
    """A folder of files `<speaker>.voice`, and `voices.json`, which holds `describe_tree()` of the tree that fitted
    them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def about(self) -> dict[str, Any]:
        """Return the description of the tree that the voices come from; empty if the folder does not have one."""
        path = self.folder / _ABOUT
        return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}

    def has(self, speaker: str) -> bool:
        return self._path(speaker).is_file()

    def read(self, speaker: str) -> bytes:
        """Return a speaker's voice file. Ends the program with a message if there is none."""
        if not self.has(speaker):
            raise SystemExit(f"{self.folder} has no {speaker}.voice.")
        return self._path(speaker).read_bytes()

    def read_or_fit(self, speaker: str, fit: Callable[[], EngineVoice]) -> bytes:
        """Return a speaker's voice file. If there is none, fit the voice and keep it.

        Ends the program with a message if the folder has voices of another tree: they would be taken for this one's.
        """
        tree, about = describe_tree(), self.about()
        if about.get("engine", tree["engine"]) != tree["engine"] or (not about and any(self.folder.glob("*.voice"))):
            raise SystemExit(f"The voices in {self.folder} are of another engine. Name another folder for this one's.")
        if not self.has(speaker):
            content = fit().to_bytes()
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / _ABOUT).write_text(json.dumps(tree, indent=1) + "\n", "utf-8")
            self._path(speaker).write_bytes(content)
        return self.read(speaker)

    def _path(self, speaker: str) -> Path:
        return self.folder / f"{speaker}.voice"
