"""Converts sounds written without a vowel ("Hmm", "Shh", "Brr") to symbols, because espeak-ng would spell them out."""

from __future__ import annotations

import re
from typing import Final

SYMBOLS_START: Final = "\ue000"
SYMBOLS_END: Final = "\ue001"
"""Delimiters of symbols inside a text, which `prosody.py` leaves unchanged. Cleaned text does not contain these
characters."""

_SOUNDS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    (r"h+m{2,}|hm|hmph", {"": "həm"}),
    (r"m+hm+", {"": "mhˈəm"}),
    (r"m{2,}", {"": "mːː"}),
    (r"sh{2,}|s{2,}h{2,}|s{3,}h+|ssht?(?=[!,.…])", {"": "ʃːː"}),
    (r"s{3,}t?", {"": "sːː"}),
    (r"b?z{3,}", {"": "zːː"}),
    (r"br{2,}", {"": "brːː", "en": "bɹːː", "fr": "bʁːː"}),
    (r"gr{2,}", {"": "ɡrːː", "en": "ɡɹːː", "fr": "ɡʁːː"}),
    (r"p{1,2}s{1,}t|ps{2,}", {"": "psːt"}),
    (r"pf{2,}", {"": "pfː"}),
    (r"pf+t+", {"": "pfːt"}),
    (r"t[sc]k(?:[ -]t[sc]k)*|tch", {"": "tsk"}),
    (r"chs{2,}t?|chs+t", {"": "ʧsːt"}),
    (r"ch{3,}", {"": "ʃːː"}),
    (r"uh{2,}", {"en": "ˈʌː"}),
    (r"ah{3,}|aa+h+", {"en": "ˈɑː"}),
    (r"oo+h{2,}|ooo+h+", {"en": "ˈuː"}),
    (r"ew{2,}", {"en": "ˈiːu"}),
)
"""Pattern of the written sound, and Kokoro's symbols for it by language; `""` is the default."""
_ACRONYMS: Final = frozenset(["PST", "MM", "HM", "SSH", "SSS", "TCH", "TCK"])
_ANY_SOUND: Final = re.compile(
    "(?<![\\w'’.@/_-])(?:" + "|".join(f"(?P<s{n}>{written})" for n, (written, _) in enumerate(_SOUNDS)) + ")"
    "(?![\\w'’@/_]|\\.\\w)",
    re.IGNORECASE,
)


def with_vowelless_sounds(text: str, language: str) -> str:
    """Replaces such sounds in `text` (from `normalise_text`) with symbols between SYMBOLS_START and SYMBOLS_END."""
    return _ANY_SOUND.sub(lambda match: _symbols(match, language.partition("-")[0]), text)


def _symbols(match: re.Match[str], language: str) -> str:
    if match.group() in _ACRONYMS or match.lastgroup is None:
        return match.group()
    symbols = _SOUNDS[int(match.lastgroup[1:])][1]
    spoken = symbols.get(language, symbols.get(""))
    return match.group() if spoken is None else f"{SYMBOLS_START}{spoken}{SYMBOLS_END}"
