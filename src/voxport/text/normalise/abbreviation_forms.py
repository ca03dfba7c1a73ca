"""The abbreviations of each language in all their case variants, and tests for unknown words that look abbreviated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from voxport.text.normalise.calendar_names import calendar_abbreviations
from voxport.text.normalise.function_words import SENTENCE_OPENERS
from voxport.text.normalise.locales import LOCALE_WORDS
from voxport.text.normalise.wordlist import word_set

STREETS: Final = word_set("St. Dr. Ave. Blvd. Rd. Ln. Ct. Pl. Sq. Pkwy. Hwy.")
"""English abbreviations that mean streets when they follow a name."""

BEFORE_NAMES: Final = word_set(
    "dept. Dept. Univ. Bldg. Intl. Assn. Mfg. Govt. Ste. misc. avg. approx. est. temp. attn. qty. tel. Tel. "
    "depto. Depto. dpto. Dpto. admón. Admón. Prov. prov. ed. cia."
)
"""Abbreviations that precede a noun far more often than they end a sentence: "Dept. Alpha"."""

TITLES_BEFORE_CAPITALS: Final = frozenset(["Me", "St", "Prof", "Rev", "Capt", "Lt", "Sgt", "Mt"])
"""Without a dot, these are titles only before a capitalised name."""


@dataclass(frozen=True)
class Abbreviations:
    """Maps from abbreviation to its expansion: before a name, anywhere, only before a number, and for days and months.

    `words` lists forms that may also be ordinary words before a lower-case letter: "He said no. five left".
    """

    titles: Mapping[str, str]
    anywhere: Mapping[str, str]
    before_numbers: Mapping[str, str]
    calendar: Mapping[str, str]
    words: frozenset[str]


@cache
def abbreviations_of(language: str) -> Abbreviations:
    locale_words = LOCALE_WORDS[language]
    return Abbreviations(
        titles=_with_case_variants(locale_words.titles, upper=True),
        anywhere=_with_case_variants(locale_words.abbreviations),
        before_numbers=_with_case_variants(locale_words.before_numbers),
        calendar=calendar_abbreviations(language),
        words=frozenset(["no.", "No."]) if locale_words.base_language == "en" else frozenset(),
    )


def looks_abbreviated(word: str, language: str) -> bool:
    """Return whether `word` (without its dot) looks like an abbreviation: it has no vowel, or ends in letters that end
    no word of the language."""
    if not 2 <= len(word) <= 6 or not word.isalpha():
        return False
    base_language, lowered = LOCALE_WORDS[language].base_language, word.lower()
    if base_language == "hi" or lowered in SENTENCE_OPENERS[base_language] or lowered in _ORDINARY_WORDS:
        return False
    return _VOWEL.search(lowered) is None or _UNUSUAL_ENDING[base_language].search(lowered) is not None


def lacks_vowels(word: str, language: str) -> bool:
    """Return whether `word` (without its dot) is certainly an abbreviation, even before a capital: "pkg. Alpha"."""
    lowered = word.lower()
    if (
        not word.isalpha()
        or not lowered.isascii()
        or (word.isupper() and len(word) > 1)
        or _INTERJECTION.fullmatch(lowered)
    ):
        return False
    return len(word) >= 3 and looks_abbreviated(word, language) and _VOWEL.search(lowered) is None


def _with_case_variants(words: Mapping[str, str], *, upper: bool = False) -> dict[str, str]:
    """Add the capitalised form of each abbreviation, the lower-case form of `_LOWERCASE_TITLES`, and with `upper` the
    upper-case form of dotted ones: "dr.", "Dr.", "DR."."""
    variants = dict(words)
    for abbreviation, full in words.items():
        if abbreviation.lower() in _LOWERCASE_TITLES:
            variants.setdefault(abbreviation.lower(), full)
        if abbreviation[:1].islower() and len(abbreviation) > 2:
            variants.setdefault(abbreviation[0].upper() + abbreviation[1:], full[0].upper() + full[1:])
        if upper and abbreviation.endswith(".") and len(abbreviation) > 2 and abbreviation.isascii():
            variants.setdefault(abbreviation.upper(), full)
    return variants


_LOWERCASE_TITLES: Final = word_set(
    "ing. abg. "
    "sr. sra. srta. sres. srs. sras. dr. dra. drs. dras. prof. profa. av. avda. lic. arq. gral. pza. ctra. mtro. mtra. "
    "eng. mr. mrs. ms. mme mlle avv. on. dott. dott.ssa sig. sig.ra blvd. ave. vs."
)
"""Titles that are also written in lower case."""
_VOWEL: Final = re.compile("[aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüœ]")
_INTERJECTION: Final = re.compile(
    r"(?:[a-z]??(.)\1{1,9}|[bg]r+|s+h+|h+m+|m+h+m*|m+|p+s+t+|p+f+t*|t+s+k+|z+|n+g+h+|t+ch+|pf+)+"
)
_UNUSUAL_ENDING: Final = {
    "en": re.compile(r"[bcdfgjkpqtvz][lmnv]$|[^aeiouylrn]c$|[aeiou][vq]$|[lmnrs][gjqvz]$(?<!ng)|xc?l$|[bdgpt]r$|vg$"),
    "es": re.compile(r"[bcfghkmpqtvw]$|[bcdfghlmnpqrstvz][bcdfghklmnpqrstvxz]$"),
    "fr": re.compile(r"[bcdfgpqtv][lmnrv]$|[cdfgptv]j$|[aeiou][vhjq]$"),
    "it": re.compile(r"[bcdfghlmnpqrstvz]$"),
    "pt": re.compile(r"[bcdfghkpqtvw]$|[bcdfghlmpqrstvz][bcdfghklmpqrstvz]$"),
}
"""By base language: endings that abbreviations have and ordinary words do not."""
_ORDINARY_WORDS: Final = word_set(
    "con per non il un del al nel sul dal col ed ad od san gran bel buon ben mal pur ogni film bar sport "
    "bus gas stop web club tram test post blog chat net internet clic chic coñac club pub rock robot "
    "déficit set kit tv cd dvd pc shh hmm brr psst pst tsk"
)
"""Ordinary words and interjections that have such an ending all the same."""
