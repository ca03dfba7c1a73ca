"""Reads the file that says who speaks each character, and writes the start of one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.voice_names import find_voice

if TYPE_CHECKING:
    from voxport_client import CastMember, Voice, VoiceList

MAX_BYTES: Final = 1024**2
_SETTINGS: Final = ("speed", "stability", "similarity_boost", "style")
_TEXTS: Final = ("voice", "language", "provider")
_HEADER: Final = """\
# Who speaks each character: a voice by its name or id (`voxport voices`), or that with how it speaks:
#   Ana: {voice: Heart, speed: 1.1, language: en-gb}
"""


@dataclass(frozen=True)
class CastEntry:
    """What the file says of a character. `voice` is a name or an id."""

    voice: str
    line: int
    options: dict[str, Any] = field(default_factory=dict)


def read_cast(path: Path) -> dict[str, CastEntry]:
    """Read a cast of YAML, or JSON. All values are text until they are used, so that a character may be called No or
    007. Raises CommandError, which names the line."""
    import yaml

    try:
        node = yaml.compose(_read_text(path), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark is not None else ""
        reason = getattr(error, "problem", None) or "it is no YAML"
        raise CommandError(f"{path}:{where} {reason}.", ExitCode.BAD_INPUT, _EXAMPLE) from None
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise _error(path, node, "a cast is a list of `Name: voice`")
    cast: dict[str, CastEntry] = {}
    for key, value in node.value:
        name = _text(path, key, "the name of a character").strip()
        if not name:
            raise _error(path, key, "a character needs a name")
        if name in cast:
            raise _error(path, key, f"{name} is there twice, first in line {cast[name].line}")
        cast[name] = _entry(path, name, value)
    return cast


def resolve_cast(path: Path, cast: dict[str, CastEntry], found: VoiceList) -> dict[str, CastMember | str]:
    """Return the cast as the gateway takes it. Raises CommandError for a voice that is not there."""
    members: dict[str, CastMember | str] = {}
    for name, entry in cast.items():
        try:
            voice = find_voice(entry.voice, found)
        except CommandError as error:
            raise CommandError(
                f"{path} line {entry.line}, {name}: {error.message}", ExitCode(error.exit_code), error.hint
            ) from None
        member: Any = {"voice_id": voice.voice_id, **entry.options}
        members[name] = member
    return members


def add_characters(
    path: Path, names: Sequence[str], voices: Sequence[Voice], language: str | None, taken: Collection[str]
) -> dict[str, Voice]:
    """Write each name with a voice behind what the file has, or into a new file. `taken` are the ids of voices that the
    file has. Returns the voice of each. Raises CommandError if there is no voice."""
    import yaml

    suggestions = _suggest(names, voices, language, taken)
    text = _read_text(path) if path.exists() else _HEADER
    if text and not text.endswith("\n"):
        text += "\n"
    for name, voice in suggestions.items():
        entry = yaml.safe_dump({name: voice.voice_id}, allow_unicode=True, width=1000).rstrip("\n")
        about = ", ".join(one for one in (voice.name, voice.language, voice.gender) if one)
        text += f"{entry}  # {' '.join(about.split())}\n"
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}.", ExitCode.BAD_INPUT) from None
    return suggestions


def _suggest(
    names: Sequence[str], voices: Sequence[Voice], language: str | None, in_cast: Collection[str]
) -> dict[str, Voice]:
    """Return the voice of the same name for each character, else one that has none yet, in turn: own voices, then stock
    voices of the language."""
    by_name = {voice.name.casefold(): voice for voice in sorted(voices, key=lambda voice: voice.cloned)}
    spoken = (language or "en-us").casefold()
    fitting = [voice for voice in voices if voice.cloned]
    fitting += _by_turns([one for one in voices if not one.cloned and one.language and _is_of(one.language, spoken)])
    fitting = fitting or list(voices)
    if not fitting:
        raise CommandError("The gateway has no voice to suggest.", ExitCode.NOT_FOUND, "`voxport voices` lists them.")
    taken = {by_name[name.casefold()].voice_id for name in names if name.casefold() in by_name} | {*in_cast}
    free = [voice for voice in fitting if voice.voice_id not in taken] or fitting
    suggestions, turn = {}, 0
    for name in names:
        same = by_name.get(name.casefold())
        suggestions[name] = same or free[turn % len(free)]
        turn += same is None
    return suggestions


def _by_turns(voices: Sequence[Voice]) -> list[Voice]:
    """Return the voices with their genders by turns, so that the first of them are told apart."""
    genders: dict[str | None, list[Voice]] = {}
    for voice in voices:
        genders.setdefault(voice.gender, []).append(voice)
    return [voice for row in zip_longest(*genders.values()) for voice in row if voice is not None]


def _is_of(language: str, wanted: str) -> bool:
    return language.casefold() == wanted or language.casefold().startswith(f"{wanted}-")


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise CommandError(f"{path} has more than {MAX_BYTES:,} bytes: that is no cast.", ExitCode.BAD_INPUT)
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise CommandError(
            f"There is no cast {path}.", ExitCode.BAD_INPUT, "`voxport script cast FILE` writes the start of one."
        ) from None
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.", ExitCode.BAD_INPUT) from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8.", ExitCode.BAD_INPUT) from None


def _entry(path: Path, name: str, node: Any) -> CastEntry:
    import yaml

    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        voice = _text(path, node, f"the voice of {name}").strip()
        if not voice:
            raise _error(path, node, f"{name} has no voice")
        return CastEntry(voice, line)
    voice = ""
    options: dict[str, Any] = {}
    for key, value in node.value:
        field_name = _text(path, key, f"a field of {name}")
        if field_name in ("voice", "voice_id"):
            voice = _text(path, value, f"the voice of {name}").strip()
        else:
            _add_option(path, options, field_name, value)
    if not voice:
        raise _error(path, node, f"{name} has no voice: write {name}: {{voice: NAME}}")
    return CastEntry(voice, line, options)


def _add_option(path: Path, options: dict[str, Any], name: str, node: Any) -> None:
    import yaml

    if name in _SETTINGS:
        text = _text(path, node, name)
        options.setdefault("voice_settings", {})[name] = _number(
            text, lambda: _error(path, node, f"{text!r} is no {name}")
        )
    elif name in _TEXTS:
        options[name] = _text(path, node, name)
    elif name == "pronunciations":
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        options[name] = [_text(path, one, "a dictionary") for one in nodes]
    else:
        known = ", ".join((*_TEXTS, *_SETTINGS, "pronunciations"))
        raise _error(path, node, f"{name!r} is no field of a cast; these are: {known}")


def _number(text: str, refuse: Callable[[], CommandError]) -> float:
    try:
        number = float(text)
    except ValueError:
        raise refuse() from None
    if not -1000 < number < 1000:  # also what is no number, and infinity
        raise refuse()
    return number


def _text(path: Path, node: Any, what: str) -> str:
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        raise _error(path, node, f"{what} is not one word or text")
    return str(node.value)


_EXAMPLE: Final = "Write a line for each character, such as `Ana: Heart` or `Ana: {voice: Heart, speed: 1.1}`."


def _error(path: Path, node: Any, problem: str) -> CommandError:
    return CommandError(f"{path} line {node.start_mark.line + 1}: {problem}.", ExitCode.BAD_INPUT, _EXAMPLE)
