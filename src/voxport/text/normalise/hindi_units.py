"""Expands Hindi abbreviations of units: "5 किमी", "2 किग्रा", "60 किमी/घंटा"."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import NumberWords

_UNITS: Final = {
    "किमी": "किलोमीटर", "कि.मी.": "किलोमीटर", "किग्रा": "किलोग्राम", "कि.ग्रा.": "किलोग्राम",
    "सेमी": "सेंटीमीटर", "से.मी.": "सेंटीमीटर",
    "मिमी": "मिलीमीटर", "मि.मी.": "मिलीमीटर", "मिग्रा": "मिलीग्राम", "मिली": "मिलीलीटर", "मि.ली.": "मिलीलीटर",
}  # fmt: skip
_UNITS_AFTER_NUMBERS: Final = {"ग्रा": "ग्राम", "ली": "लीटर", "मी": "मीटर"}
_UNIT: Final = re.compile(
    rf"(?<![\w\u0900-\u0963])(?P<unit>{'|'.join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))})"
    r"(?:\.(?= ?[\u0900-\u0963(,]))?"
    r"(?P<per>(?: ?/ ?| प्रति )(?:घंटा|घंटे|घण्टा|घं|सेकंड|सेकेंड|मिनट|लीटर))?"
    r"(?![\w\u0900-\u0963])"
)
_RUPEES: Final = re.compile(r"(?<![\w\u0900-\u0963])(?:Rs\.?|रु\.|रू\.) ?(?=\d)")
"""The currency's name follows the number in speech."""
_UNIT_AFTER_NUMBER: Final = re.compile(r"(?<=\d )(ग्रा|ली|मी)\.?(?![\w\u0900-\u0963])")


def read(text: str, numbers: NumberWords) -> str:
    if numbers.locale_words.base_language != "hi":
        return text
    text = _RUPEES.sub("₹", text)
    text = re.sub(rf"(?<=\d)(?=(?:{'|'.join(map(re.escape, _UNITS))})(?![\u0900-\u0963]))", " ", text)
    text = _UNIT.sub(lambda match: f"{_UNITS[match['unit']]}{_per(match['per'])}", text)
    return _UNIT_AFTER_NUMBER.sub(lambda match: _UNITS_AFTER_NUMBERS[match[1]], text)


def _per(written: str | None) -> str:
    if not written:
        return ""
    unit = written.replace("/", " ").split()[-1]
    return f" प्रति {'घंटा' if unit in ('घं', 'घंटे', 'घण्टा') else unit}"
