"""Writes the files that a script becomes, under its job's folder in the storage."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.encode import FORMATS, encode_file
from voxport.jobs.port import Json
from voxport.scripts.assembly import Assembly, PlacedLine
from voxport.scripts.models import ScriptJob
from voxport.storage.base import Storage

_ENCODERS: Final = 2
"""Lines that are encoded at once."""


@dataclass(frozen=True)
class WrittenFile:
    key: str
    content_type: str
    size: int


class OutputFiles:
    """Files have the same bytes for the same lines, so that a step that runs again writes them again."""

    def __init__(
        self, storage: Storage, ffmpeg: Path, folder: str, request: Json, script: ScriptJob, assembly: Assembly
    ) -> None:
        self._storage = storage
        self._ffmpeg = ffmpeg
        self._folder = folder
        self._wanted: list[str] = request["outputs"]
        self._format = FORMATS[request["output_format"]]
        self._script = script
        self._assembly = assembly
        self._outputs: dict[str, Any] = {}
        self.written: list[WrittenFile] = []
        self._name = safe_name(script.facts["title"]) or "script"

    def outputs(self) -> dict[str, Any]:
        """Return the `outputs` of the job's result: the key of each file, by name. Lines are listed by themselves."""
        return self._outputs

    def write(self, on_progress: Callable[[float], None]) -> None:
        """Write all files. `on_progress` is called with the share that is done, and may raise to end the work."""
        steps: list[Callable[[], None]] = []
        if "lines" in self._wanted:
            steps.append(lambda: self._write_lines(on_progress))
        if "joined" in self._wanted:
            steps.append(self._write_joined)
        if "stems" in self._wanted:
            steps.append(self._write_stems)
        steps.append(self._write_manifest)
        for number, step in enumerate(steps):
            on_progress(number / len(steps))
            step()

    def _write_lines(self, on_progress: Callable[[float], None]) -> None:
        def write(placed: PlacedLine) -> WrittenFile:
            key = line_key(self._folder, placed.row.line_id, self._format.extension)
            return self._encode(key, [self._assembly.spoken(placed).samples])

        lines = self._assembly.lines
        with ThreadPoolExecutor(_ENCODERS, thread_name_prefix="encode") as pool:
            for number, file in enumerate(pool.map(write, lines)):
                self.written.append(file)
                if number % 20 == 0:
                    on_progress(0.5 * number / len(lines))

    def _write_joined(self) -> None:
        self._add("joined", self._encode(self._key(self._name + self._format.extension), self._assembly.joined()))

    def _write_stems(self) -> None:
        characters = dict.fromkeys(placed.row.character for placed in self._assembly.lines)
        names: set[str] = set()
        stems = {}
        for number, character in enumerate(characters, 1):
            name = safe_name(character) or f"character-{number}"
            name = f"{name}-{number}" if name in names else name
            names.add(name)
            file = self._encode(self._key(f"stems/{name}{self._format.extension}"), self._assembly.stem(character))
            self.written.append(file)
            stems[character] = {"key": file.key}
        self._outputs["stems"] = stems

    def _write_manifest(self) -> None:
        content = json.dumps(self._manifest(), ensure_ascii=False, indent=1).encode()
        key = self._key("manifest.json")
        self._storage.put(key, content)
        self._add("manifest", WrittenFile(key, "application/json", len(content)))

    def _manifest(self) -> dict[str, Any]:
        facts = self._script.facts
        extension = self._format.extension
        return {
            "title": facts["title"],
            "author": facts["author"],
            "language": facts["language"],
            "duration_seconds": round(self._assembly.seconds, 3),
            "chapters": facts["chapters"],
            "cast": {
                name: {key: member[key] for key in ("voice_id", "provider", "pronunciations")}
                for name, member in self._script.cast_members.items()
            },
            "lines": [
                {
                    "id": placed.row.line_id,
                    "character": placed.row.character,
                    "text": placed.row.text,
                    "chapter": placed.row.chapter,
                    "start": round(placed.start / SAMPLE_RATE, 3),
                    "end": round(placed.end / SAMPLE_RATE, 3),
                    **({"file": line_key("", placed.row.line_id, extension)[1:]} if "lines" in self._wanted else {}),
                }
                for placed in self._assembly.lines
            ],
        }

    def _encode(self, key: str, pieces: Iterable[Pcm]) -> WrittenFile:
        with self._storage.writable_path(key) as path:
            encode_file(pieces, self._format.name, path, ffmpeg=self._ffmpeg)
            return WrittenFile(key, self._format.content_type, path.stat().st_size)

    def _add(self, name: str, file: WrittenFile) -> None:
        self.written.append(file)
        self._outputs[name] = {"key": file.key}

    def _key(self, name: str) -> str:
        return f"{self._folder}/{name}"


def line_key(folder: str, line_id: str, extension: str) -> str:
    """Return the storage key of a line's file. Keys have no part that begins with a hyphen."""
    return f"{folder}/lines/{'_' if line_id.startswith('-') else ''}{line_id}{extension}"


def safe_name(text: str) -> str:
    """Return a file name of ASCII letters, digits and hyphens; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:60]
