"""Reads forms used only in British English: "50p" is fifty pence, "10 st" is ten stone."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.number_words import NumberWords

_PENCE: Final = re.compile(r"(?<![\w.,£-])(\d{1,2})p(?![\w])")
_STONE: Final = re.compile(r"(?<![\w.,-])(\d{1,2}(?:½|\.\d)?) st(?=[ ,;:.!?)]|$)(?! [A-Z])")


def read(text: str, numbers: NumberWords) -> str:
    if numbers.language != "en-gb":
        return text
    text = _PENCE.sub(lambda match: f"{match[1]} {'penny' if match[1] == '1' else 'pence'}", text)
    return _STONE.sub(r"\1 stone", text)
