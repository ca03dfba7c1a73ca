"""The abbreviations that a language knows, in every case that they are written in, and those that only look so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from voxport.text.normalise.calendar_names import short_calendar
from voxport.text.normalise.function_words import OPENERS
from voxport.text.normalise.locales import WORDINGS
from voxport.text.normalise.wordlist import words_of

STREETS: Final = words_of("St. Dr. Ave. Blvd. Rd. Ln. Ct. Pl. Sq. Pkwy. Hwy.")
"""English: behind a name these are streets."""

BEFORE_NAMES: Final = words_of(
    "dept. Dept. Univ. Bldg. Intl. Assn. Mfg. Govt. Ste. misc. avg. approx. est. temp. attn. qty. tel. Tel. "
    "depto. Depto. dpto. Dpto. admón. Admón. Prov. prov. ed. cia."
)
"""Abbreviations that stand before what they name far more often than at the end of a sentence: "Dept. Alpha"."""

BEFORE_CAPITALS: Final = frozenset(["Me", "St", "Prof", "Rev", "Capt", "Lt", "Sgt", "Mt"])
"""Without a dot these are titles only before a name."""


@dataclass(frozen=True)
class Shortened:
    """Abbreviation to its words: before a name, anywhere, only before a number, and those of days and months. `words`
    are words too where a small letter follows: "He said no. five left"."""

    titles: Mapping[str, str]
    anywhere: Mapping[str, str]
    before_numbers: Mapping[str, str]
    calendar: Mapping[str, str]
    words: frozenset[str]


@cache
def shortened(language: str) -> Shortened:
    wording = WORDINGS[language]
    return Shortened(
        titles=_cases(wording.titles, upper=True),
        anywhere=_cases(wording.abbreviations),
        before_numbers=_cases(wording.before_numbers),
        calendar=short_calendar(language),
        words=frozenset(["no.", "No."]) if wording.rules == "en" else frozenset(),
    )


def looks_shortened(word: str, language: str) -> bool:
    """Whether `word` (without its dot) ends as no word of the language does: without a vowel, or behind letters on
    which none ends."""
    if not 2 <= len(word) <= 6 or not word.isalpha():
        return False
    rules, small = WORDINGS[language].rules, word.lower()
    if rules == "hi" or small in OPENERS[rules] or small in _WORDS:
        return False
    return _VOWEL.search(small) is None or _UNUSUAL[rules].search(small) is not None


def lacks_vowels(word: str, language: str) -> bool:
    """Whether `word` (without its dot) is surely an abbreviation, also before a capital: "pkg. Alpha"."""
    small = word.lower()
    if not word.isalpha() or not small.isascii() or (word.isupper() and len(word) > 1) or _SOUND.fullmatch(small):
        return False
    return len(word) >= 3 and looks_shortened(word, language) and _VOWEL.search(small) is None


def _cases(words: Mapping[str, str], *, upper: bool = False) -> dict[str, str]:
    """Each one as it begins a sentence too, and those with a dot in capitals: "dr.", "Dr.", "DR."."""
    cases = dict(words)
    for short, full in words.items():
        if short.lower() in _SMALL_TOO:
            cases.setdefault(short.lower(), full)
        if short[:1].islower() and len(short) > 2:
            cases.setdefault(short[0].upper() + short[1:], full[0].upper() + full[1:])
        if upper and short.endswith(".") and len(short) > 2 and short.isascii():
            cases.setdefault(short.upper(), full)
    return cases


_SMALL_TOO: Final = words_of(
    "ing. abg. "
    "sr. sra. srta. sres. srs. sras. dr. dra. drs. dras. prof. profa. av. avda. lic. arq. gral. pza. ctra. mtro. mtra. "
    "eng. mr. mrs. ms. mme mlle avv. on. dott. dott.ssa sig. sig.ra blvd. ave. vs."
)
"""Titles that are written with a small letter as well."""
_VOWEL: Final = re.compile("[aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüœ]")
_SOUND: Final = re.compile(
    r"(?:[a-z]??(.)\1{1,9}|[bg]r+|s+h+|h+m+|m+h+m*|m+|p+s+t+|p+f+t*|t+s+k+|z+|n+g+h+|t+ch+|pf+)+"
)
"""An interjection."""
_UNUSUAL: Final = {
    "en": re.compile(r"[bcdfgjkpqtvz][lmnv]$|[^aeiouylrn]c$|[aeiou][vq]$|[lmnrs][gjqvz]$(?<!ng)|xc?l$|[bdgpt]r$|vg$"),
    "es": re.compile(r"[bcfghkmpqtvw]$|[bcdfghlmnpqrstvz][bcdfghklmnpqrstvxz]$"),
    "fr": re.compile(r"[bcdfgpqtv][lmnrv]$|[cdfgptv]j$|[aeiou][vhjq]$"),
    "it": re.compile(r"[bcdfghlmnpqrstvz]$"),
    "pt": re.compile(r"[bcdfghkpqtvw]$|[bcdfghlmpqrstvz][bcdfghklmpqrstvz]$"),
}
"""By the name of the rules: how an abbreviation ends and a word does not."""
_WORDS: Final = words_of(
    "con per non il un del al nel sul dal col ed ad od san gran bel buon ben mal pur ogni film bar sport "
    "bus gas stop web club tram test post blog chat net internet clic chic coñac club pub rock robot "
    "déficit set kit tv cd dvd pc shh hmm brr psst pst tsk"
)
"""Words that end so nonetheless, and sounds."""
