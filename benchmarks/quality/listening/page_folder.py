"""Writes the page of the listening test: a folder of static files that works by a double click, without a server."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from benchmarks.quality.listening.clips import HeardSpeaker
from benchmarks.quality.listening.voice_folder import git
from voxport.audio.arrays import FloatArray
from voxport.audio.codec.wav import to_pcm16, wav_bytes

_FILES: Final = Path(__file__).parent / "page"


def write_page(
    folder: Path, speakers: Iterable[HeardSpeaker], about: dict[str, Any], licences: Sequence[str] = ()
) -> Path:
    """Write the page to `folder`, which is absent or empty, and return the file to open.

    `about` is copied into each file of votes: the trees and settings. Names of sound files are hashes, and the list of
    which file is what is scrambled, so that nobody sees it by accident.
    """
    page_id = secrets.token_hex(8)
    sounds: dict[str, FloatArray] = {}
    key: dict[str, str] = {}
    rows = []
    for speaker in speakers:
        anchor = _clip_name(page_id, speaker.name, "anchor")
        sounds[anchor] = speaker.anchor
        screens = []
        for number, screen in enumerate(speaker.screens):
            names = []
            for kind, audio in screen.candidates.items():
                names.append(_clip_name(page_id, speaker.name, str(number), kind))
                sounds[names[-1]], key[names[-1]] = audio, kind
            screens.append({"sentence": screen.sentence, "clips": sorted(names)})
        rows.append({"name": speaker.name, "anchor": anchor, "screens": screens})
    data = {
        "page": {"id": page_id, "made": datetime.now(UTC).isoformat(timespec="seconds"), **about},
        "speakers": rows,
        "key": _scrambled(key, page_id),
        "licences": list(licences),
    }
    shutil.copytree(_FILES, folder / "page")
    (folder / "clips").mkdir()
    for name in sorted(sounds):
        (folder / "clips" / f"{name}.wav").write_bytes(wav_bytes(to_pcm16(sounds[name])))
    # A script, not JSON: a page that is opened from a file may not fetch one.
    (folder / "page" / "data.js").write_text(f"const LISTENING = {_script_json(data)};\n", "utf-8")
    (folder / "page" / "index.html").rename(folder / "index.html")
    return folder / "index.html"


def require_folder_outside_git(folder: Path) -> None:
    """End the program with a message if the page may not be written there: the folder is not empty, or git would add
    the recordings to a repository."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SystemExit(f"{folder} is not an empty folder: name another --output.")
    parent = next(parent for parent in folder.absolute().parents if parent.is_dir())
    is_tracked = git(parent, "rev-parse", "--is-inside-work-tree") == "true"
    if is_tracked and git(parent, "check-ignore", "-q", str(folder.absolute() / "clips")) is None:
        raise SystemExit(f"{folder} is in a git repository that does not ignore it. Recordings must not get into one.")


def _clip_name(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _scrambled(key: dict[str, str], page_id: str) -> str:
    """Return the key by XOR with the page's id, in base64. `session.js` reads it."""
    mask = cycle(page_id.encode())
    return base64.b64encode(bytes(a ^ b for a, b in zip(json.dumps(key).encode(), mask, strict=False))).decode()


def _script_json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=1).replace("<", "\\u003c")
