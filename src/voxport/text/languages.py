"""Lists the languages that the engine speaks."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

ESPEAK_LANGUAGES: Final[tuple[str, ...]] = ("en-us", "en-gb", "es", "fr-fr", "it", "pt-br", "hi")
"""The languages that Kokoro-82M v1.0 was trained on and that espeak-ng phonemises."""

MISAKI_LANGUAGES: Final[dict[str, tuple[str, ...]]] = {
    "ja": ("misaki", "fugashi", "unidic_lite", "jaconv", "mojimoji"),
    "zh": ("misaki", "jieba", "pypinyin", "cn2an"),
}
"""The languages phonemised by misaki, with the packages they need (`pip install voxport[ja]`, `voxport[zh]`)."""

LANGUAGES: Final[tuple[str, ...]] = ESPEAK_LANGUAGES + tuple(
    language for language, packages in MISAKI_LANGUAGES.items() if all(find_spec(package) for package in packages)
)
"""The languages available in this installation. Japanese and Chinese voice packs are used in blends in any case."""

LANGUAGE_OF_PREFIX: Final[dict[str, str]] = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "p": "pt-br",
    "j": "ja",
    "z": "zh",
}
"""Language by the first letter of a stock voice's id. The second letter is the gender, `f` or `m`."""
