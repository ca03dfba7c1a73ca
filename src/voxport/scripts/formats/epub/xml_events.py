"""Parses XML of an EPUB as events, with expat. No entity is declared, expanded or fetched; those of HTML are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html.entities import html5
from typing import Final, Protocol
from xml.parsers import expat

from voxport.scripts.script import ScriptError

_MAX_DEPTH: Final = 256
_MAX_ATTRIBUTES: Final = 200
_MAX_TITLE: Final = 10_000


class XmlHandler(Protocol):
    """Gets the names of tags without prefix and in lower case, those of attributes with prefix."""

    def on_start(self, tag: str, attributes: Mapping[str, str]) -> None: ...

    def on_end(self, tag: str) -> None: ...

    def on_text(self, text: str) -> None: ...


def parse_xml(content: bytes, handler: XmlHandler, place: str) -> None:
    """Call the handler for each tag and text. Raises ScriptError for what is no XML, declares entities, or is nested
    more than 256 deep; `place` is the file's name."""
    depth = 0

    def on_start(name: str, attributes: list[str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise ScriptError(f"The file is nested more than {_MAX_DEPTH} deep.", place)
        if len(attributes) > 2 * _MAX_ATTRIBUTES:
            raise ScriptError(f"A tag has more than {_MAX_ATTRIBUTES} attributes.", place)
        handler.on_start(_local(name), dict(zip(attributes[::2], attributes[1::2], strict=True)))

    def on_end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.on_end(_local(name))

    def on_entity(name: str, *_: object) -> None:
        raise ScriptError(f"The file declares the entity {name[:40]!r}. Entities are not read.", place)

    def on_skipped_entity(name: str, is_parameter: bool) -> None:
        if is_parameter:
            return
        if (text := html5.get(f"{name};")) is None:
            raise ScriptError(f"The entity &{name[:40]}; is not known.", place)
        handler.on_text(text)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartElementHandler = on_start
    parser.EndElementHandler = on_end
    parser.CharacterDataHandler = handler.on_text
    parser.EntityDeclHandler = on_entity
    parser.SkippedEntityHandler = on_skipped_entity
    # As if each file named a DTD, which is never read: then &nbsp; is an entity that is skipped, and no error.
    parser.UseForeignDTD(True)
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ScriptError(
            f"The file is no XML that can be read: {expat.ErrorString(error.code)}, line {error.lineno}.", place
        ) from None
    except (LookupError, ValueError):
        raise ScriptError("The file's encoding is not known.", place) from None


def title_of(pieces: Sequence[str]) -> str:
    """Return the text of a title or a name in one line: its first 10,000 characters."""
    return " ".join("".join(pieces)[:_MAX_TITLE].split())


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()
