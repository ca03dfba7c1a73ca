"""Finds the voice that a user means by a name or an id, and completes names in a shell."""

from __future__ import annotations

import contextlib
import difflib
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voxport.cache_folder import default_cache
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.output import note

if TYPE_CHECKING:
    import click

    from voxport_client import Voice, VoiceList

_PLAIN: Final = re.compile(r"[\w.+-]+")
"""What a shell takes as one word and does not interpret: a name that is completed is not quoted."""

_MAX_SHOWN: Final = 5
_MAX_REMEMBERED: Final = 2000


def find_voice(named: str | None, found: VoiceList) -> Voice:
    """Return the voice with this id, else the one with this name, whatever its case; an own voice before a stock voice.
    Without a name, the only own voice. Raises CommandError, with names that are close."""
    remember(found.voices)
    if named is None:
        return _only_own(found.voices)
    for voice in found.voices:
        if voice.voice_id == named:
            return voice
    same = [voice for voice in found.voices if voice.name.casefold() == named.casefold()]
    own = [voice for voice in same if voice.cloned]
    candidates = own or same
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        listed = "; ".join(_shown(voice) for voice in candidates[:_MAX_SHOWN])
        raise CommandError(
            f"{len(candidates)} voices are called {named!r}: {listed}.", ExitCode.BAD_INPUT, "Name one by its id."
        )
    raise CommandError(
        f"There is no voice {named!r}.{_unasked(found)}", ExitCode.NOT_FOUND, _suggestion(named, found.voices)
    )


def note_taken(name: str, voices: Sequence[Voice]) -> bool:
    """Say so if an own voice has the name, by which neither can be named then. Returns whether one has it."""
    is_taken = any(voice.cloned and voice.name.casefold() == name.casefold() for voice in voices)
    if is_taken:
        note(f"You have a voice called {name} already; this makes another one. Their ids tell them apart.")
    return is_taken


def remember(voices: Sequence[Voice]) -> None:
    """Keep the names for completion, which may ask no gateway. Ignores OSError."""
    named = sorted(voices, key=lambda voice: (not voice.cloned, voice.name.casefold()))
    lines = {line: None for voice in named for line in (voice.name, voice.voice_id) if _PLAIN.fullmatch(line)}
    with contextlib.suppress(OSError):
        path = _names_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(list(lines)[:_MAX_REMEMBERED]), "utf-8")


def complete_voice(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Names and ids that begin so, of the last list that a command has seen."""
    try:
        known = _names_path().read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return []
    return [name for name in known if name.casefold().startswith(incomplete.casefold())]


def _names_path() -> Path:
    return default_cache() / "voice-names.txt"


def _only_own(voices: Sequence[Voice]) -> Voice:
    own = [voice for voice in voices if voice.cloned]
    if len(own) == 1:
        return own[0]
    example = own[0].name if own else next((voice.name for voice in voices), "Ana")
    reason = f"You have {len(own)} voices of your own." if own else "You have no voice of your own yet."
    raise CommandError(
        f"Which voice? {reason}",
        ExitCode.USAGE,
        f"Name one: --voice {shlex.quote(example)}. `voxport voices` lists them, `voxport clone` makes one.",
    )


def _suggestion(named: str, voices: Sequence[Voice]) -> str:
    known = {name.casefold(): name for voice in voices for name in (voice.voice_id, voice.name)}
    close = difflib.get_close_matches(named.casefold(), known, n=3, cutoff=0.6)
    close += [one for one in known if one.startswith(named.casefold()) and one not in close][:2]
    if not close:
        return "`voxport voices` lists them."
    return f"Did you mean {' or '.join(known[one] for one in close)}? `voxport voices` lists them all."


def _unasked(found: VoiceList) -> str:
    return f" {' '.join(found.warnings)}" if found.warnings else ""


def _shown(voice: Voice) -> str:
    return f"{voice.voice_id} ({voice.provider}, {'yours' if voice.cloned else voice.language})"
