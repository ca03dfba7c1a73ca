"""Writes the files that a script becomes, under its job's folder in the storage."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from voxport.audio.arrays import Pcm
from voxport.audio.codec.encode import FORMATS, encode_file
from voxport.jobs.port import Json
from voxport.media.names import SUBTITLE_TYPES
from voxport.scripts.assembly import Assembly, PlacedLine, rendered_script
from voxport.scripts.models import ScriptJob
from voxport.scripts.outputs import epub, m4b
from voxport.scripts.outputs.epub import write_epub
from voxport.scripts.outputs.m4b import write_m4b
from voxport.scripts.outputs.manifest import write_manifest
from voxport.scripts.outputs.subtitles import write_script_subtitles
from voxport.scripts.rendered import RenderedScript
from voxport.speech.subtitles import SubtitleFormat
from voxport.storage.base import Storage
from voxport.storage.workdirs import work_dir

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
        self.warnings: list[str] = []
        self._name = safe_name(script.facts["title"]) or "script"

    def outputs(self) -> dict[str, Any]:
        """Return the `outputs` of the job's result: the key of each file, by name. Lines are listed by themselves."""
        return self._outputs

    def write(self, on_progress: Callable[[float], None]) -> None:
        """Write all files. `on_progress` is called with the share that is done, and may raise to end the work."""
        writers: dict[str, Callable[[], None]] = {
            "lines": lambda: self._write_lines(on_progress),
            "joined": self._write_joined,
            "stems": self._write_stems,
            "srt": lambda: self._write_subtitles("srt"),
            "vtt": lambda: self._write_subtitles("vtt"),
            "m4b": self._write_m4b,
            "epub": self._write_epub,
        }
        wanted = [writer for name, writer in writers.items() if name in self._wanted]
        for number, writer in enumerate([*wanted, self._write_manifest]):
            on_progress(number / (len(wanted) + 1))
            writer()

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
            while name.casefold() in names:  # on many computers Ben.mp3 and ben.mp3 are one file
                name += f"-{number}"
            names.add(name.casefold())
            file = self._encode(self._key(f"stems/{name}{self._format.extension}"), self._assembly.stem(character))
            self.written.append(file)
            stems[character] = {"key": file.key}
        self._outputs["stems"] = stems

    def _write_subtitles(self, subtitle_format: SubtitleFormat) -> None:
        content = write_script_subtitles(self._rendered, subtitle_format)
        self._put(subtitle_format, f"{self._name}.{subtitle_format}", SUBTITLE_TYPES[subtitle_format], content)

    def _write_m4b(self) -> None:
        key = self._key(f"{self._name}.m4b")
        with self._storage.writable_path(key) as path:
            warnings = write_m4b(path, self._assembly.joined(), self._rendered, ffmpeg=self._ffmpeg)
            self._add("m4b", WrittenFile(key, m4b.CONTENT_TYPE, path.stat().st_size))
        self.warnings += warnings

    def _write_epub(self) -> None:
        key = self._key(f"{self._name}.epub")
        with work_dir() as folder, self._storage.writable_path(key) as path:
            audio = {}
            for number in dict.fromkeys(placed.row.chapter for placed in self._assembly.lines):
                audio[number] = folder / f"{number}.mp3"
                encode_file(self._assembly.chapter(number), "mp3", audio[number], ffmpeg=self._ffmpeg)
            write_epub(path, self._rendered, audio)
            self._add("epub", WrittenFile(key, epub.CONTENT_TYPE, path.stat().st_size))

    def _write_manifest(self) -> None:
        extension = self._format.extension
        ids = [placed.row.line_id for placed in self._assembly.lines] if "lines" in self._wanted else []
        files = {line_id: line_key("", line_id, extension)[1:] for line_id in ids}
        voices = {name: member["voice_id"] for name, member in self._script.cast_members.items()}
        content = write_manifest(self._rendered, files=files, voices=voices)
        self._put("manifest", "manifest.json", "application/json", content)

    @cached_property
    def _rendered(self) -> RenderedScript:
        return rendered_script(self._script, self._assembly)

    def _encode(self, key: str, pieces: Iterable[Pcm]) -> WrittenFile:
        with self._storage.writable_path(key) as path:
            encode_file(pieces, self._format.name, path, ffmpeg=self._ffmpeg)
            return WrittenFile(key, self._format.content_type, path.stat().st_size)

    def _put(self, name: str, file_name: str, content_type: str, text: str) -> None:
        key, content = self._key(file_name), text.encode()
        self._storage.put(key, content)
        self._add(name, WrittenFile(key, content_type, len(content)))

    def _add(self, name: str, file: WrittenFile) -> None:
        self.written.append(file)
        self._outputs[name] = {"key": file.key}

    def _key(self, name: str) -> str:
        return f"{self._folder}/{name}"


def line_key(folder: str, line_id: str, extension: str) -> str:
    """Return the storage key of a line's file."""
    return f"{folder}/lines/{line_id}{extension}"


def safe_name(text: str) -> str:
    """Return a file name of ASCII letters, digits and hyphens; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:60]
