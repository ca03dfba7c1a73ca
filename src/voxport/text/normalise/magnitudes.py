"""Reads thousands, millions and billions without a currency: "1k users", "2M downloads", "1.5B", but not "4K TV"."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from voxport.text.normalise.number_words import ELISION_MARK, NumberWords

_VIDEO: Final = re.compile(r"(?<![\w.,])([248]|16)K\b")
_NEAR_VIDEO: Final = (
    r"(?:tvs?|televis\w+|télévis\w+|video\w*|vídeo\w*|vidéo\w*|uhd|hdr|resolu\w+|résolution|risoluzione|monitor\w*|moniteur|"
    r"display\w*|screen\w*|écran\w*|pantalla\w*|schermo|tela|movies?|film\w*|camera\w*|cámara\w*|projector|streaming|"
    r"quality|footage|ultra|oled|blu-ray|टीवी|वीडियो)"
)
_RACE_DISTANCE: Final = re.compile(
    r"(?:(?<=\b[Rr]an )|(?<=\b[Rr]un )|(?<=\b[Rr]uns )|(?<=\b[Rr]an a )|(?<=\b[Rr]un a )|(?<=\b[Ww]alked ))"
    r"(5|10|15|20)K(?!\w)"
    r"|(?<![\w.,])(5|10|15|20)K(?= (?:run|race|walk|fun run|road race|charity run|steps challenge)\b)"
)
_METRES: Final = re.compile(
    r"(?<![\w.,])(\d{2,4}) ?M(?= (?:sprint|dash|freestyle|hurdles|backstroke|breaststroke|butterfly|relay|race|"
    r"libres|lisos|vallas|planos|haies|nage|stile|rasos|livre)\b)"
)
_PLACE_WORDS: Final = (
    r"(?:room|apt|apartment|flat|gate|section|seat|unit|suite|appendix|block|platform|exit|line|grade|class|"
    r"piso|puerta|sala|porte|interno|apto|bloco|vitamin|size|article|row|figure|table|version|model|type)\.? $"
)
_RETIREMENT: Final = re.compile(r"(?<![\w.,])401\(?[kK]\)?")
_COMPANY: Final = re.compile(
    r"\b(?:CEO|CFO|CTO|PDG|chief|president|director|directora|employees?|engineers?|works?|worked|shares?|stock|"
    r"compan(?:y|ies)|"
    r"maker|manufacturer|brand|presidente|empresa|société|azienda|compañía|acciones|actions|azioni|ações)"
    r"(?: (?:of|at|for|from|in|de|del|di|da|la|chez))* $",
    re.IGNORECASE,
)
"""What precedes the name of the company 3M."""
_COMPANY_DOES: Final = re.compile(
    r" (?:Company|Co\.|Corp|announced|said|says|makes|made|reported|reports|agreed|invented|sells|sold|tape|stock|"
    r"shares)\b"
)
_BILLION_SCALE: Final = {
    "en": "b", "es": "bn", "fr": "bn", "it": "bn", "pt": "bn", "hi": "bn",
}  # fmt: skip


def read(text: str, numbers: NumberWords) -> str:
    if numbers.locale_words.base_language == "pt":
        text = _short_millions(numbers).sub(lambda match: _in_millions(match, numbers), text)
    if not re.search(r"\d[ (]?[kKMB]", text):
        return text
    if numbers.locale_words.base_language == "en":
        text = _RETIREMENT.sub(f" {numbers.cardinal('4')} oh {numbers.cardinal('1')} K ", text)
        text = _RACE_DISTANCE.sub(lambda match: f" {numbers.cardinal(match[1] or match[2])} K ", text)
    if re.search(_NEAR_VIDEO, text, re.IGNORECASE):
        text = _VIDEO.sub(lambda match: f" {numbers.cardinal(match[1])} K ", text)
    text = _METRES.sub(r"\1 m", text)
    return _scale(numbers).sub(lambda match: _scale_words(match, numbers), text).replace(f"{ELISION_MARK} ", "")


def _scale_words(match: re.Match[str], numbers: NumberWords) -> str:
    if match["letter"] == "B" and re.search(
        _PLACE_WORDS, match.string[max(0, match.start() - 12) : match.start()], re.I
    ):
        return match.group()
    if match.group() == "3M" and _is_company(match):
        return f" {numbers.cardinal('3')} M "
    locale_words, (whole, fraction) = numbers.locale_words, numbers.parts(match["n"])
    is_thousand = match["letter"] in "kK"
    if is_thousand and not locale_words.locale.startswith("en") and len(whole) <= 6 and len(fraction) <= 3:
        following = match.string[match.end() : match.end() + 40]
        digits = str(int(whole + fraction.ljust(3, "0")))
        feminine = numbers.is_feminine(following)
        return (
            f" {numbers.cardinal(digits, feminine=feminine, before_noun=bool(following.strip()))}{match['plus'] or ''} "
        )
    key = "k" if is_thousand else "m" if match["letter"] == "M" else _BILLION_SCALE[locale_words.base_language]
    scale = locale_words.scales[key][0 if (whole, fraction) == ("1", "") else 1]
    amount = numbers.say(match["n"], before_noun=True)
    if amount in ("un", "uno") and scale.startswith("mil "):
        amount = ""
    return f" {amount} {scale}{match['plus'] or ''}{_preposition(match, numbers)}"


def _in_millions(match: re.Match[str], numbers: NumberWords) -> str:
    """Read Brazilian "1,5 mi" and "2 bi"."""
    whole, _ = numbers.parts(match["n"])
    scale = numbers.locale_words.scales[match["scale"]][0 if whole in ("0", "1") else 1]
    return f" {numbers.say(match['n'], before_noun=True)} {scale} "


def _is_company(match: re.Match[str]) -> bool:
    before = _COMPANY.search(match.string, max(0, match.start() - 40), match.start())
    return before is not None or _COMPANY_DOES.match(match.string, match.end()) is not None


def _preposition(match: re.Match[str], numbers: NumberWords) -> str:
    """Return the preposition before a noun: "Dos millones DE usuarios"."""
    following = match.string[match.end() : match.end() + 40]
    noun = re.match(r" ([^\W\d_]{3,30})", following)
    if noun is None or match["plus"] or noun[1].lower() in _NOT_NOUNS:
        return " "
    return numbers.preposition_before(following)


_NOT_NOUNS: Final = frozenset(
    [
        "para",
        "por",
        "con",
        "más",
        "que",
        "son",
        "los",
        "las",
        "una",
        "del",
        "desde",
        "hasta",
        "pour",
        "par",
        "avec",
        "plus",
        "sont",
        "les",
        "des",
        "dans",
        "sur",
        "per",
        "con",
        "più",
        "che",
        "sono",
        "nel",
        "della",
        "mais",
        "com",
        "são",
        "nos",
        "nas",
        "até",
        "and",
    ]
)


@cache
def _short_millions(numbers: NumberWords) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.,/#-])(?<!\d[.,])(?P<n>{numbers.pattern}) ?(?P<scale>mi|bi)(?![\w/²])")


@cache
def _scale(numbers: NumberWords) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![\w.,/#-])(?<!\d[.,])(?P<n>{numbers.pattern})(?P<letter>[kKMB])(?P<plus>\+)?(?![\w/²³'’%-]|\.\w)"
    )
