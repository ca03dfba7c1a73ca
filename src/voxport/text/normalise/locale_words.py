"""What a language says for the things that are written without words. One file in `locales/` for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Currency:
    """`singular` and `plural` of it, and of its hundredth part (empty where it has none)."""

    singular: str
    plural: str
    cent: str = ""
    cents: str = ""
    feminine: bool = False


@dataclass(frozen=True)
class LocaleWords:
    locale: str
    """Babel's name of the language: the names of months, units and currencies come from there."""
    base_language: str
    """The name of unicode-rbnf's rules for numbers."""
    decimal_comma: bool
    month_first: bool
    """Whether 3/4/2026 is the fourth of March."""

    decimal_point: str
    minus: str
    range_to: str
    """Of a range: three to five."""
    fraction_over: str
    """Of a fraction without a name: seven over forty."""
    denominators: Mapping[int, tuple[str, str]]
    """Denominator to its name for one part, and for several; 2, 3 and 4 at least."""
    one_half: str
    and_a_half: str
    date_format: str
    """With {day}, {month} and {year}."""
    time_format: str
    """With {hour} and {minute}."""
    full_hour_format: str
    am: str
    pm: str
    currencies: Mapping[str, Currency]
    """By their sign."""
    and_cents: str
    scales: Mapping[str, tuple[str, str]]
    """How thousands, millions and so on are written behind an amount: as one, as several."""
    scale_preposition: str
    """Between a million and its currency: "5 millones DE euros"."""
    symbols: Mapping[str, str]
    """A sign between words: its name."""
    address_symbols: Mapping[str, str]
    """A sign in an address: its name."""
    titles: Mapping[str, str]
    """Abbreviations that stand before a name, so that their dot never ends a sentence."""
    abbreviations: Mapping[str, str]
    before_numbers: Mapping[str, str]
    """Abbreviations only where a number follows: "No. 5"."""
    breath_words: frozenset[str]
    """Words before which one may breathe where no clause ends."""
    squared: str
    cubed: str

    single_digit_minutes_format: str = ""
    """Where minutes below ten are said in another way than `time_format`."""
    hundred_hours_format: str = ""
    """Where 14:00 is said in another way than `full_hour_format`."""
    first_of_month: bool = False
    """Whether the day 1 is said as an ordinal; `ordinal_days` where all are."""
    ordinal_days: bool = False
    feminine_hours: bool = False
    feminine_endings: tuple[str, ...] = ()
    """Endings of a noun before which one and two are feminine, but not of `masculine_words`."""
    masculine_words: frozenset[str] = frozenset()
    feminine_units: frozenset[str] = frozenset()
    years_by_hundreds_format: str = ""
    """How a year from 1100 to 1999 is said by its hundreds, with {century} and {rest}."""
    ordinal_suffixes: str = ""
    """A regular expression of what stands behind the digits of an ordinal."""
    feminine_suffixes: tuple[str, ...] = ()
    rulers: frozenset[str] = frozenset()
    """Names of kings and popes: a Roman numeral behind one is an ordinal up to `ruler_ordinals`."""
    ruler_ordinals: int = 0
    ruler_article: str = ""
    words_before_roman: frozenset[str] = frozenset()
    """Words that have a Roman numeral behind them, without a capital: "siglo XIX"."""
    century_word: str = ""
    """The word behind a Roman ordinal: "XIXe siècle"."""
    decimals_as_number: bool = False
    """Whether up to three decimals are said as one number: "virgule soixante-quinze"."""
    half_before_noun: tuple[str, str] | None = None
    """A half before a masculine and a feminine noun, where that is another word than `one_half`."""
    clock_hours: tuple[str, str] | None = None
    """Where a full hour of a clock of 24 hours is said in another way than `full_hour_format`: one hour, several."""
    units: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Units that Babel has no name for, by Babel's key: as one, as several."""
