"""Reads numbers that are copied or dialled character by character, with a pause between groups."""

from __future__ import annotations

import re

from voxport.text.normalise.number_words import NumberWords


def by_character(written: str, numbers: NumberWords) -> str:
    """Return digits one by one and letters as capitals, in the written groups. Long digit runs are split into
    groups."""
    groups = [group for group in re.split(r"[^\w]+|_", written) if group]
    if len(groups) == 1 and groups[0].isdecimal():
        groups = _split_digits(groups[0])
    return f" {', '.join(_spell_group(group, numbers) for group in groups)} "


def _spell_group(group: str, numbers: NumberWords) -> str:
    runs = re.findall(r"\d+|[^\W\d_]+", group)
    return " ".join(numbers.digit_by_digit(run) if run.isdecimal() else " ".join(run.upper()) for run in runs)


def _split_digits(digits: str) -> list[str]:
    """Split digits: up to six stay one group, multiples of four form fours, others threes with up to four last."""
    if len(digits) <= 6:
        return [digits]
    if len(digits) % 4 == 0:
        return [digits[start : start + 4] for start in range(0, len(digits), 4)]
    groups = []
    while len(digits) > 4:
        groups.append(digits[:3])
        digits = digits[3:]
    return [*groups, digits] if digits else groups
