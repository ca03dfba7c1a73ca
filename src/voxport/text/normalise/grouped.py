"""Converts numbers with grouped thousands, in any unambiguous convention, to one notation.

`1.250.000`, `12,500.00`, `1'000'000` and `12,34,567` become digits with `GROUP_MARK` between the thousands and the
language's own decimal mark. The later readers (dates, versions, amounts) then see one number.
"""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import GROUP_MARK, NumberWords

_START: Final = r"(?<![\w.,'’/:-])(?<![\w.,][-−])"
_END: Final = r"(?!['’]?[\w/])(?![.,:'’-]\d)(?!-[A-Z]\b)"
_SEVERAL_GROUPS: Final = re.compile(
    rf"{_START}(?P<n>[1-9]\d{{0,2}}(?:"
    rf"(?:\.\d{{3}}){{2,7}}(?:,\d{{1,9}})?+|(?:,\d{{3}}){{2,7}}(?:\.\d{{1,9}})?+|(?:['’]\d{{3}}){{1,7}}(?:[.,]\d{{1,9}})?+"
    rf"|\.\d{{3}},\d{{1,9}}|,\d{{3}}\.\d{{1,9}})){_END}"
)
"""Two or more groups; one group after an apostrophe; or one group and a different decimal mark."""
_INDIAN: Final = re.compile(rf"{_START}(?P<n>[1-9]\d?(?:,\d\d){{1,6}},\d{{3}}(?:\.\d{{1,9}})?+){_END}")
_BLANKS: Final = re.compile(
    r"(?<![\w.,'’/:+-])(?<!\d )(?P<n>[1-9]\d{0,2}(?:(?: \d{3}){2,6}|(?: 000){1,6})(?:[.,]\d{1,9})?+)"
    r"(?! ?\d)(?!['’]?[\w/])(?![.,:'’-]\d)"
)
_MONEY: Final = re.compile(rf"(?<=[$€£])(?P<n>[1-9]\d{{0,2}},\d{{3}}){_END}")
"""Money never has three decimals, so `$12,500` is grouped even in languages with a decimal comma."""
_POINTED_EURO: Final = re.compile(rf"(?<=€)(?P<n>[1-9]\d{{0,2}}\.\d{{3}}){_END}")
_VERSION_CUE: Final = re.compile(r"(?:\bv|versi[oó]n\w*|vers[ãa]o|वर्शन|संस्करण|\bIP|\bIPv4)\s?$", re.IGNORECASE)
_SLASHED: Final = re.compile(r"(?<=\d)/[-–=](?![\w-])")
"""The ending of an Indian amount: "500/-"."""
_MEASURED: Final = re.compile(
    r"(?<![\w.,'’/:+-])(?<!\d )(?P<n>[1-9]\d{0,2} \d{3})(?= ?(?:[ckm]?m|[km]?g|m[lL]|[lL]|km/h|kWh|[kM]?W|%|[€£$]|"
    r"°[CF]|met(?:er|re)s|kilomet(?:er|re)s|kilograms|tonnes|euros|dollars)(?!\w))"
)
"""Before a unit, a space groups thousands in every language: "1 250 m"."""
_POINT_START: Final = re.compile(r"(?:(?<=[\s(\[$€£¥+−-])|^)\.(?=\d{1,9}(?![\w.]))")


def read(text: str, numbers: NumberWords) -> str:
    if not any(character.isdecimal() for character in text):
        return text
    text = _POINT_START.sub("0," if numbers.locale_words.decimal_comma else "0.", text)
    text = _SLASHED.sub("", text)
    for pattern in (_SEVERAL_GROUPS, _INDIAN, _BLANKS, _MEASURED):
        text = pattern.sub(lambda match: _normalise_grouping(match, numbers), text)
    money_pattern = _MONEY if numbers.locale_words.decimal_comma else _POINTED_EURO
    return money_pattern.sub(lambda match: _normalise_grouping(match, numbers), text)


def _normalise_grouping(match: re.Match[str], numbers: NumberWords) -> str:
    written = match["n"]
    if _is_address(written) or _VERSION_CUE.search(match.string, max(0, match.start() - 12), match.start()):
        return match.group()
    whole, fraction = _split_decimals(written)
    decimals = f"{',' if numbers.locale_words.decimal_comma else '.'}{fraction}" if fraction else ""
    return f"{int(whole):,}".replace(",", GROUP_MARK) + decimals


def _split_decimals(written: str) -> tuple[str, str]:
    """Split into the digits before and after the decimal mark: the last sign, if another sign groups the thousands."""
    signs = re.findall(r"[^\d]", written)
    last = signs[-1]
    is_decimal = len(set(signs)) > 1 and last in ".,"
    whole, fraction = written.rsplit(last, 1) if is_decimal else (written, "")
    return re.sub(r"\D", "", whole), fraction


def _is_address(written: str) -> bool:
    """Return whether it is an IPv4 address, whose parts happen to have three digits each."""
    parts = written.split(".")
    return len(parts) == 4 and all(part.isdecimal() and part[0] != "0" and int(part) < 256 for part in parts)
