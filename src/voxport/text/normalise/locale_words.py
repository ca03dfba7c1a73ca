"""The data of a language: how it says numbers, dates, amounts and signs. Each language has a file in `locales/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Currency:
    """Singular and plural of a currency, and of its hundredth part (empty if it has none)."""

    singular: str
    plural: str
    cent: str = ""
    cents: str = ""
    feminine: bool = False


@dataclass(frozen=True)
class LocaleWords:
    locale: str
    """Babel's locale, the source of the names of months, units and currencies."""
    base_language: str
    """The name of the language's number rules in unicode-rbnf."""
    decimal_comma: bool
    month_first: bool
    """Whether 3/4/2026 is the fourth of March."""

    decimal_point: str
    minus: str
    range_to: str
    """The word of a range: three to five."""
    fraction_over: str
    """The word of a fraction without a name: seven over forty."""
    denominators: Mapping[int, tuple[str, str]]
    """Denominator to its singular and plural name; holds at least 2, 3 and 4."""
    one_half: str
    and_a_half: str
    date_format: str
    """Contains {day}, {month} and {year}."""
    time_format: str
    """Contains {hour} and {minute}."""
    full_hour_format: str
    am: str
    pm: str
    currencies: Mapping[str, Currency]
    """Keyed by sign."""
    and_cents: str
    scales: Mapping[str, tuple[str, str]]
    """Abbreviation of thousands, millions and so on after an amount, to its singular and plural."""
    scale_preposition: str
    """The preposition between a million and its currency: "5 millones DE euros"."""
    symbols: Mapping[str, str]
    """Names of signs between words."""
    address_symbols: Mapping[str, str]
    """Names of signs in addresses."""
    titles: Mapping[str, str]
    """Abbreviations that precede a name, so their dot never ends a sentence."""
    abbreviations: Mapping[str, str]
    before_numbers: Mapping[str, str]
    """Abbreviations that are expanded only before a number: "No. 5"."""
    breath_words: frozenset[str]
    """Words before which a speaker may breathe inside a clause."""
    squared: str
    cubed: str

    single_digit_minutes_format: str = ""
    """Replaces `time_format` for minutes below ten, if not empty."""
    hundred_hours_format: str = ""
    """Replaces `full_hour_format` for times such as 14:00, if not empty."""
    first_of_month: bool = False
    """Whether day 1 is an ordinal. With `ordinal_days` all days are."""
    ordinal_days: bool = False
    feminine_hours: bool = False
    feminine_endings: tuple[str, ...] = ()
    """Noun endings before which one and two are feminine, except in `masculine_words`."""
    masculine_words: frozenset[str] = frozenset()
    feminine_units: frozenset[str] = frozenset()
    years_by_hundreds_format: str = ""
    """Format of a year from 1100 to 1999 by hundreds, with {century} and {rest}."""
    ordinal_suffixes: str = ""
    """A regular expression of the suffixes after the digits of an ordinal."""
    feminine_suffixes: tuple[str, ...] = ()
    rulers: frozenset[str] = frozenset()
    """Names of kings and popes. A Roman numeral after one is an ordinal up to `ruler_ordinals`."""
    ruler_ordinals: int = 0
    ruler_article: str = ""
    words_before_roman: frozenset[str] = frozenset()
    """Lower-case words that a Roman numeral follows: "siglo XIX"."""
    century_word: str = ""
    """The word after a Roman ordinal: "XIXe siècle"."""
    decimals_as_number: bool = False
    """Whether up to three decimals are read as one number: "virgule soixante-quinze"."""
    half_before_noun: tuple[str, str] | None = None
    """"Half" before a masculine and a feminine noun, if it differs from `one_half`."""
    clock_hours: tuple[str, str] | None = None
    """Singular and plural of a full hour on the 24-hour clock, if they differ from `full_hour_format`."""
    units: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Singular and plural of units that Babel has no name for, keyed by Babel's unit key."""
