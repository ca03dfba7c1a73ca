"""Scripts with a cast: what they come to, their lines, and what they became."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from voxport_client.models.base import Model
from voxport_client.models.names import LineState


@dataclass(frozen=True, kw_only=True)
class CharacterEstimate(Model):
    """Of one character: its lines, those that have to be spoken, and what these come to as a rule."""

    character: str
    lines: int
    spoken: int
    seconds: float
    tokens: Decimal


@dataclass(frozen=True, kw_only=True)
class ScriptEstimate(Model):
    """What a script comes to as a rule (`seconds`, `tokens`: of the lines that have to be spoken), and the most that it
    can cost (`held`). `reused` lines are there from an earlier job and cost nothing; `duration_seconds` is the length
    of the whole."""

    lines: int
    spoken: int
    reused: int
    seconds: float
    duration_seconds: float
    tokens: Decimal
    held: Decimal
    characters: list[CharacterEstimate]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class JobLine(Model):
    """A line of a script's job. `number` counts from 0; `start` and `seconds` say where it is in the joined file,
    once that is known; `tokens` is what was charged for it. `url` and `key` are those of its file, if the job was to
    make one of each line."""

    number: int
    id: str
    character: str
    text: str
    state: LineState
    url: str | None
    key: str | None
    start: float | None
    seconds: float | None
    tokens: Decimal
    findings: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class ScriptFile:
    """A file of a script. `url` reads it without a key for a day; it is None once the file was deleted."""

    key: str
    url: str | None


@dataclass(frozen=True, kw_only=True)
class ScriptResult(Model):
    """What a script became. `spoken` lines were charged, `reused` ones are from earlier jobs. `outputs` is as the
    gateway gave it; `files` has the same by name, stems as `stems/CHARACTER`. `problems` are ids of lines whose sound
    the gateway's check does not like."""

    lines: int
    spoken: int
    reused: int
    duration_seconds: float
    outputs: dict[str, Any]
    folder_id: str | None = None
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def files(self) -> dict[str, ScriptFile]:
        """The files besides those of single lines, which `client.scripts.lines` lists."""
        return dict(_files(self.outputs, ""))


def _files(outputs: Mapping[str, Any], prefix: str) -> list[tuple[str, ScriptFile]]:
    found: list[tuple[str, ScriptFile]] = []
    for name, one in outputs.items():
        if isinstance(one, Mapping) and isinstance(one.get("key"), str):
            found.append((prefix + name, ScriptFile(key=one["key"], url=one.get("url"))))
        elif isinstance(one, Mapping):
            found += _files(one, f"{prefix}{name}/")
    return found
