"""Pronunciation Lexicon Specification 1.0 (https://www.w3.org/TR/pronunciation-lexicon/): dictionaries as XML files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from voxport.errors import Invalid
from voxport.text.pronunciation import Rule

CONTENT_TYPE: Final = "application/pls+xml"
NAMESPACE: Final = "http://www.w3.org/2005/01/pronunciation-lexicon"
_PARENTS: Final = {
    "lexicon": None,
    "lexeme": "lexicon",
    "grapheme": "lexeme",
    "phoneme": "lexeme",
    "alias": "lexeme",
    "example": "lexeme",
    "meta": "lexicon",
}


@dataclass(frozen=True)
class Lexicon:
    language: str
    rules: tuple[Rule, ...]


def write_pls(language: str, rules: Sequence[Rule]) -> str:
    """Write a dictionary. PLS has no rules that ignore case: those come back as rules that don't."""
    lexemes = "".join(
        f"  <lexeme><grapheme>{escape(rule.match)}</grapheme>{_spoken(rule)}</lexeme>\n" for rule in rules
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<lexicon version="1.0" xmlns="{NAMESPACE}" alphabet="ipa" '
        f"xml:lang={quoteattr(language)}>\n{lexemes}</lexicon>\n"
    )


def _spoken(rule: Rule) -> str:
    if rule.ipa is not None:
        return f"<phoneme>{escape(rule.ipa)}</phoneme>"
    return f"<alias>{escape(rule.alias or '')}</alias>"


def read_pls(content: bytes) -> Lexicon:
    """Read a dictionary; of several phonemes or aliases of a lexeme the first is used. Raises Invalid."""
    return _Reader().read(content)


class _Reader:
    def __init__(self) -> None:
        self._open: list[str] = []
        self._language = ""
        self._rules: list[Rule] = []
        self._text = ""
        self._lexeme: dict[str, list[str]] = {}
        self._parser: Any = expat.ParserCreate(namespace_separator=" ")

    def read(self, content: bytes) -> Lexicon:
        parser = self._parser
        parser.buffer_text = True
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.CharacterDataHandler = self._on_text
        parser.StartDoctypeDeclHandler = self._on_doctype
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            self._fail(f"The file is no XML: {expat.ErrorString(error.code)}")
        except (LookupError, ValueError):  # of expat, which reads few encodings
            self._fail("The file's encoding is not read. Save it as UTF-8, and say so in its first line")
        if not self._language:
            self._fail("The lexicon needs xml:lang")
        return Lexicon(self._language, tuple(self._rules))

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition(" ")
        if namespace not in ("", NAMESPACE) or tag not in _PARENTS:
            self._fail(f"The tag <{tag}> is not known")
        if _PARENTS[tag] != (self._open[-1] if self._open else None):
            self._fail(f"<{tag}> does not stand here")
        if tag == "lexicon":
            self._language = attributes.get("http://www.w3.org/XML/1998/namespace lang", "")
            if attributes.get("alphabet", "ipa") != "ipa":
                self._fail("The alphabet is ipa")
        if tag == "phoneme" and attributes.get("alphabet", "ipa") != "ipa":
            self._fail("The alphabet is ipa")
        if tag == "lexeme":
            self._lexeme = {"grapheme": [], "phoneme": [], "alias": [], "example": []}
        self._open.append(tag)
        self._text = ""

    def _on_text(self, data: str) -> None:
        self._text += data

    def _on_end(self, _: str) -> None:
        tag = self._open.pop()
        if tag in ("grapheme", "phoneme", "alias", "example"):
            self._lexeme[tag].append(self._text.strip())
        if tag == "lexeme":
            found = self._lexeme
            if not found["grapheme"] or not (found["phoneme"] or found["alias"]):
                self._fail("A lexeme needs a grapheme, and a phoneme or an alias")
            ipa = found["phoneme"][0] if found["phoneme"] else None
            alias = found["alias"][0] if ipa is None else None
            self._rules += [Rule(grapheme, alias, ipa, is_case_sensitive=True) for grapheme in found["grapheme"]]

    def _on_doctype(self, *_: object) -> None:
        self._fail("A document type is not taken: leave <!DOCTYPE …> out")

    def _fail(self, message: str) -> NoReturn:
        line = self._parser.CurrentLineNumber
        raise Invalid(f"{message} (line {line}).", location=("body",), details={"line": line})
