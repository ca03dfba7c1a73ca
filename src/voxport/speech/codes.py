"""Maps the language codes that clients send (BCP 47 and similar) to those of a provider."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Final

from babel import Locale

_CODE: Final = re.compile(r"([a-z]{2,3})((?:-[a-z0-9]{1,8}){0,6})(?:[.@][\w-]{1,16})?")
_REGION: Final = re.compile(r"[a-z]{2}|\d{3}")
_ISO_639_3: Final = {
    "eng": "en", "spa": "es", "fra": "fr", "fre": "fr", "ita": "it", "por": "pt", "hin": "hi", "jpn": "ja",
    "zho": "zh", "chi": "zh", "cmn": "zh", "deu": "de", "ger": "de", "nld": "nl", "dut": "nl", "pol": "pl",
    "rus": "ru", "kor": "ko", "ara": "ar", "tur": "tr", "swe": "sv",
}  # fmt: skip
"""ISO 639-2 and 639-3 codes to the two-letter codes of BCP 47."""
_AMERICAN: Final = frozenset(["us", "ca", "ph", "pr", "um", "gu", "as", "mp", "vi", "lr", "pw"])
"""Regions whose English is closer to American than to British English."""
_NOT_CHINESE: Final = frozenset(["yue", "wuu", "nan", "hak"])
_NAMED_LANGUAGES: Final = ("en", "es", "fr", "it", "pt", "hi", "ja", "zh", "de")
"""Languages whose names, in each of these languages, are recognized for a suggestion."""
_OTHER_NAMES: Final = {"american": "en-us", "british": "en-gb", "castellano": "es", "mandarin": "zh", "brazilian": "pt"}


def nearest_code(requested: str, supported: Sequence[str]) -> str | None:
    """Return the code of `supported` that is nearest to a code of the same language, in any case and with `-` or `_`:
    `fr-fr` for `fr`, `en-us` for `en`, `en-gb` for `en-AU`. None if the language is not supported, or if `requested`
    is not a code."""
    language, region = _parse(requested)
    same = [code for code in supported if code.partition("-")[0] == language]
    if not same:
        return None
    if f"{language}-{region}" in same:
        return f"{language}-{region}"
    if {"en-us", "en-gb"} <= set(same):
        return "en-us" if region in ("", *_AMERICAN) else "en-gb"
    return language if language in same else same[0]


def unsupported_language(requested: str, supported: Sequence[str], missing: Mapping[str, str], provider: str) -> str:
    """Build the error message for a language that is not among `supported`: a suggestion or how to install it
    (`missing` maps a language to that sentence), and the list."""
    shown = requested if len(requested) <= 40 else f"{requested[:40]}…"
    language = _parse(requested)[0] or _find_by_name(requested)
    suggestion = nearest_code(language, supported) if language else None
    if suggestion is None and (close := get_close_matches(_normalize_name(requested), supported, 1, 0.75)):
        suggestion = close[0]
    advice = f" Did you mean {suggestion}?" if suggestion is not None else ""
    if not advice and language.partition("-")[0] in missing:
        advice = f" {missing[language.partition('-')[0]]}"
    return f"The language {shown!r} is not spoken by {provider}.{advice} Spoken are: {', '.join(supported)}."


def _parse(requested: str) -> tuple[str, str]:
    """Parse a code into language and region, in lower case; both are empty if it is not a code."""
    match = _CODE.fullmatch(requested.lower().replace("_", "-"))
    if match is None:
        return "", ""
    language, parts = _ISO_639_3.get(match[1], match[1]), match[2].split("-")[1:]
    if language in _NOT_CHINESE or (language == "zh" and _NOT_CHINESE & set(parts)):
        return "yue", ""
    if len(parts) and len(parts[0]) == 3 and parts[0].isalpha():
        parts = parts[1:]  # extended language subtag: zh-cmn-Hans
    for part in parts:
        if len(part) == 1:
            break
        if _REGION.fullmatch(part):
            return language, part
    return language, ""


def _find_by_name(requested: str) -> str:
    """Find a language by its name in any of _NAMED_LANGUAGES; empty if there is none."""
    names = _names()
    words = _normalize_name(requested).split()
    for word in sorted(words, key=lambda word: word not in _OTHER_NAMES):
        if word in names:
            return names[word]
    close = get_close_matches(" ".join(words), names, 1, 0.8)
    return names[close[0]] if close else ""


@cache
def _names() -> dict[str, str]:
    names = {
        _normalize_name(str(Locale.parse(inside).languages.get(language, language))): language
        for inside in _NAMED_LANGUAGES
        for language in _NAMED_LANGUAGES
    }
    return names | _OTHER_NAMES


def _normalize_name(name: str) -> str:
    """Case-fold, remove accents, and replace punctuation and symbols by spaces."""
    letters = unicodedata.normalize("NFD", name[:60].casefold())
    kept = (
        c if unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "Mc" else " "
        for c in letters
        if unicodedata.category(c) != "Mn"
    )
    return " ".join("".join(kept).split())
