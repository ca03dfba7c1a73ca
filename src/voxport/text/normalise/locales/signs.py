"""Names of signs between numbers and letters, in addition to `LocaleWords.symbols`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class SignWords:
    at_least: str
    at_most: str
    """Before a number alone: "≥18"."""
    less_than: str
    more_than: str
    """"<5" and ">5" before a number alone."""
    relations: Mapping[str, str]
    """Between two operands: "x ≥ 3"."""
    about: str
    """Before a number alone: "~5", "≈5"."""
    square_root: str
    times: str
    by: str
    """In sizes: "3 x 4 m"."""
    divided_by: str
    power: str
    arrow: str
    implies: str
    infinity: str
    per_mille: str
    multiple: str
    """After a number: "3x faster"."""
    number_sign: str
    """"N° 5"."""
    around_the_clock: str
    """"24/7"."""


SIGN_WORDS: Final[Mapping[str, SignWords]] = {
    "en": SignWords(
        "at least", "at most", "less than", "more than",
        {"≥": "is greater than or equal to", "≤": "is less than or equal to", "≠": "is not equal to",
         "≈": "is approximately", "<": "is less than", ">": "is greater than"},
        "about", "the square root of", "times", "by", "divided by", "to the power of", "to", "implies", "infinity",
        "per mille", "times", "number", "twenty-four seven",
    ),
    "es": SignWords(
        "al menos", "como máximo", "menos de", "más de",
        {"≥": "mayor o igual que", "≤": "menor o igual que", "≠": "distinto de", "≈": "aproximadamente igual a",
         "<": "menor que", ">": "mayor que"},
        "aproximadamente", "raíz cuadrada de", "por", "por", "entre", "elevado a", "a", "implica", "infinito",
        "por mil", "veces", "número", "veinticuatro siete",
    ),
    "fr": SignWords(
        "au moins", "au plus", "moins de", "plus de",
        {"≥": "supérieur ou égal à", "≤": "inférieur ou égal à", "≠": "différent de", "≈": "environ égal à",
         "<": "inférieur à", ">": "supérieur à"},
        "environ", "racine carrée de", "fois", "sur", "divisé par", "puissance", "à", "implique", "infini",
        "pour mille", "fois", "numéro", "vingt-quatre heures sur vingt-quatre, sept jours sur sept",
    ),
    "it": SignWords(
        "almeno", "al massimo", "meno di", "più di",
        {"≥": "maggiore o uguale a", "≤": "minore o uguale a", "≠": "diverso da", "≈": "circa uguale a",
         "<": "minore di", ">": "maggiore di"},
        "circa", "radice quadrata di", "per", "per", "diviso", "elevato a", "a", "implica", "infinito",
        "per mille", "volte", "numero", "ventiquattro ore su ventiquattro, sette giorni su sette",
    ),
    "pt": SignWords(
        "pelo menos", "no máximo", "menos de", "mais de",
        {"≥": "maior ou igual a", "≤": "menor ou igual a", "≠": "diferente de", "≈": "aproximadamente igual a",
         "<": "menor que", ">": "maior que"},
        "cerca de", "raiz quadrada de", "vezes", "por", "dividido por", "elevado a", "para", "implica", "infinito",
        "por mil", "vezes", "número", "vinte e quatro horas por dia, sete dias por semana",
    ),
    "hi": SignWords(
        "कम से कम", "अधिक से अधिक", "से कम", "से ज़्यादा",
        {"≥": "बड़ा या बराबर", "≤": "छोटा या बराबर", "≠": "बराबर नहीं", "≈": "लगभग बराबर", "<": "छोटा", ">": "बड़ा"},
        "लगभग", "वर्गमूल", "गुणा", "गुणा", "भाग", "की घात", "से", "अतः", "अनंत",
        "प्रति हज़ार", "गुना", "नंबर", "चौबीस घंटे सातों दिन",
    ),
}  # fmt: skip
