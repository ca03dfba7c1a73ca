"""Converts the IPA that people write to the symbols that Kokoro was trained on."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from voxport.text.languages import MISAKI_LANGUAGES
from voxport.text.phonemes import to_symbols, vocabulary

MAX_LENGTH: Final = 200
_PLAIN: Final = str.maketrans(
    {
        "g": "ɡ",
        "'": "ˈ",
        "’": "ˈ",
        ",": "ˌ",
        ":": "ː",
        "\u0361": None,  # tie bars
        "\u035c": None,
        "‿": None,
        ".": None,  # between syllables
        "ˑ": None,
        "ʧ": "tʃ",
        "ʤ": "dʒ",
        "ʦ": "ts",
        "ʣ": "dz",
        "ɫ": "l",
        "ʴ": "ɹ",
        "ɝ": "ɜɹ",
        "\u0329": "\u0329",
    }
)
_DIPHTHONGS: Final = ("aɪ", "aʊ", "eɪ", "ɔɪ", "oʊ", "əʊ", "eə", "ɪə", "ʊə")
_AFFRICATES: Final = ("tʃ", "dʒ", "ts", "dz", "tɕ", "dʑ")
_TIED: Final = {
    "en-us": (*_DIPHTHONGS[:5], "tʃ", "dʒ"),
    "en-gb": ("aɪ", "aʊ", "eɪ", "ɔɪ", "əʊ", "eə", "tʃ", "dʒ"),
}
_IPA: Final = str.maketrans(
    {
        "A": "eɪ",
        "I": "aɪ",
        "O": "oʊ",
        "Q": "əʊ",
        "S": "ss",
        "T": "ɾ",
        "W": "aʊ",
        "Y": "ɔɪ",
        "ʣ": "dz",
        "ʤ": "dʒ",
        "ʥ": "dʑ",
        "ʦ": "ts",
        "ʧ": "tʃ",
        "ʨ": "tɕ",
        "ꭧ": "tʂ",
        "ᵊ": "ə",
        "ᵻ": "ɪ",
    }
)
"""Kokoro's own symbols."""
_NOT_IPA: Final = re.compile(r"[A-Z0-9]")


class UnknownIpa(ValueError):
    """A symbol that can't be spoken. The message is the end of a sentence."""

    def __init__(self, symbol: str, language: str) -> None:
        name = unicodedata.name(symbol, "").lower()
        name = name or f"U+{ord(symbol):04X}"
        super().__init__(f"{symbol!r} ({name}) is no sound that the voices of {language} have")
        self.symbol = symbol


def check_ipa(ipa: str, language: str) -> None:
    """Raises UnknownIpa if a symbol of `ipa` can't be spoken in `language`, ValueError if it is empty or too long."""
    ipa_symbols(ipa, language)


def symbols_ipa(symbols: str) -> str:
    """Return Kokoro's symbols in IPA, which `ipa_symbols` takes again."""
    return symbols.translate(_IPA)


def ipa_symbols(ipa: str, language: str) -> str:
    """Return Kokoro's symbols for IPA; tie bars, syllable dots and ASCII's `g`, `'` and `:` are understood. Raises
    UnknownIpa, ValueError."""
    if not 1 <= len(ipa.strip()) <= MAX_LENGTH:
        raise ValueError(f"phonemes are 1 to {MAX_LENGTH} symbols")
    foreign = _NOT_IPA.search(ipa)
    if foreign is not None:
        raise UnknownIpa(foreign.group(), language)
    plain = unicodedata.normalize("NFC", ipa.strip().strip("/[]")).translate(_PLAIN)
    for pair in _TIED.get(language, (*_DIPHTHONGS[:6], *_AFFRICATES[:4])):
        plain = plain.replace(pair, f"{pair[0]}^{pair[1]}")
    symbols = to_symbols(plain, "es" if language in MISAKI_LANGUAGES else language)
    known = vocabulary()
    # A vowel with a tilde is two symbols of the network, and ç is one.
    separate = "".join(one if one in known else unicodedata.normalize("NFD", one) for one in symbols)
    for symbol in separate:
        if symbol not in known:
            raise UnknownIpa(symbol, language)
    return separate
