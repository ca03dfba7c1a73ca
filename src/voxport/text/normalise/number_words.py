"""Converts numbers to words: a thin layer over unicode-rbnf, which implements CLDR's rules."""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import Final

from unicode_rbnf import RbnfEngine

from voxport.text.normalise.locale_words import LocaleWords
from voxport.text.normalise.locales import LOCALE_WORDS

GROUP_MARK: Final = "٬"
"""Separates the thousands of a number that `grouped` has recognised: Unicode's Arabic thousands separator, which no
text of these languages contains."""
ELISION_MARK: Final = "\u2060"
"""Follows an apostrophe and marks that the next space is to be removed."""
_MAX_DIGITS: Final = 15
"""Longest number that is read as one, in digits. Longer numbers are read digit by digit."""


class NumberWords:
    """Number rules of one language, with its `locale_words`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale_words: LocaleWords = LOCALE_WORDS[language]
        self._rules = RbnfEngine.for_language(self.locale_words.base_language)
        self._verbose = "-verbose" if language == "en-gb" else ""

    @cached_property
    def pattern(self) -> str:
        """Regular expression of a written number with this language's thousands separator and decimal mark."""
        known = rf"\d{{1,3}}(?:{GROUP_MARK}\d{{3}})++"
        if self.locale_words.decimal_comma:
            known += r"(?:,\d++)?+"
            grouped = rf"{known}|" r"\d{1,3}(?:\.\d{3})++(?!\d)(?:,\d++)?+|\d{1,3}(?: \d{3}){1,4}+(?!\d)(?:,\d++)?+"
            return rf"(?:{grouped}|\d++(?:[.,]\d++)?+)"
        indian = r"\d{1,2}(?:,\d{2}(?!\d))++,\d{3}(?!\d)(?:\.\d++)?+"
        return rf"(?:{known}(?:\.\d++)?+|{indian}|\d{{1,3}}(?:,\d{{3}})++(?!\d)(?:\.\d++)?+|\d++(?:\.\d++)?+)"

    def parts(self, number: str) -> tuple[str, str]:
        """Return the digits before and after the decimal mark of a match of `pattern`."""
        number = number.replace(GROUP_MARK, "")
        if not self.locale_words.decimal_comma:
            whole, _, fraction = number.replace(",", "").partition(".")
            return whole, fraction
        number = number.replace(" ", "")
        if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", number):
            number = number.replace(".", "")
        whole, _, fraction = number.replace(".", ",").partition(",")
        return whole, fraction

    def say(self, number: str, *, feminine: bool = False, before_noun: bool = False) -> str:
        """Return a match of `pattern` in words. `before_noun`: a noun follows."""
        whole, fraction = self.parts(number)
        if fraction:
            return f"{self.cardinal(whole)} {self.locale_words.decimal_point} {self._decimals(fraction)}"
        return self.cardinal(whole, feminine=feminine, before_noun=before_noun)

    def cardinal(self, digits: str, *, feminine: bool = False, before_noun: bool = False) -> str:
        """Return `digits` as one number, or digit by digit if it starts with a zero or is too long."""
        if len(digits) > _MAX_DIGITS or (digits[0] == "0" and len(digits) > 1):
            return self.digit_by_digit(digits)
        if self.locale_words.locale.startswith("en") or self.locale_words.base_language == "hi":
            return self._apply_rule(f"spellout-cardinal{self._verbose}", int(digits))
        rule = "cardinal-feminine" if feminine else "cardinal-masculine" if before_noun else "numbering"
        return self._apply_rule(f"spellout-{rule}", int(digits))

    def ordinal(self, value: int, *, feminine: bool = False) -> str:
        if self.locale_words.locale.startswith("en"):
            return self._apply_rule(f"spellout-ordinal{self._verbose}", value)
        return self._apply_rule("spellout-ordinal-feminine" if feminine else "spellout-ordinal-masculine", value)

    def year(self, digits: str) -> str:
        """Return four digits as a year: "nineteen eighty-four" in languages that say years so."""
        value = int(digits)
        if self.locale_words.locale.startswith("en") and (1010 <= value <= 1999 or 2010 <= value <= 2099):
            return self._apply_rule("spellout-numbering-year", value).replace("oh-", "oh ")
        if self.locale_words.years_by_hundreds_format and 1100 <= value <= 1999:
            rest = self.cardinal(str(value % 100)) if value % 100 else ""
            return self.locale_words.years_by_hundreds_format.format(
                century=self.cardinal(digits[:2]), rest=rest
            ).strip()
        return self.cardinal(str(value))

    def _decimals(self, digits: str) -> str:
        """Romance languages read up to three decimals as one number after any zeros: "soixante-quinze", "zéro cinq"."""
        significant = digits.lstrip("0")
        if not self.locale_words.decimals_as_number or len(digits) > 3 or not significant:
            return self.digit_by_digit(digits)
        zeros = digits[: len(digits) - len(significant)]
        return f"{self.digit_by_digit(zeros)} {self.cardinal(significant)}".strip()

    def digit_by_digit(self, digits: str) -> str:
        return " ".join(self._digits[digit] for digit in digits)

    def million_preposition(self, number: str, following: str) -> str:
        """Return what joins whole millions to the noun at the beginning of `following`.

        That is "de", in French also "d'" followed by `ELISION_MARK` (the space is removed later), and elsewhere a
        space.
        """
        whole, fraction = self.parts(number)
        if fraction or not re.fullmatch(r"[1-9]\d*0{6}", whole):
            return " "
        return self.preposition_before(following)

    def preposition_before(self, following: str) -> str:
        """Return the same after a word that means a million or more."""
        if not self.locale_words.scale_preposition or re.match(r" ?d(?:[aeio]\b|['’])", following):
            return " "
        if self.locale_words.base_language == "fr" and re.match(r" ?[aeiouyhàâéèêëîïôûœ]", following, re.IGNORECASE):
            return f" d'{ELISION_MARK}"
        return f"{self.locale_words.scale_preposition} "

    def is_feminine(self, following: str) -> bool:
        """Return whether the noun at the beginning of `following` looks feminine."""
        noun = re.match(r"\s([^\W\d_]{2,30})(?!\w)", following)
        if noun is None:
            return False
        word = noun.group(1).lower()
        return word.endswith(self.locale_words.feminine_endings) and word not in self.locale_words.masculine_words

    @cached_property
    def _digits(self) -> dict[str, str]:
        return {str(value): self.cardinal(str(value)) for value in range(10)}

    def _apply_rule(self, rule: str, value: int) -> str:
        if self.locale_words.base_language == "pt" and value >= 1_000_000 and "ordinal" not in rule:
            return self._portuguese_cardinal(rule, value)
        words = self._rules.format_number(value, ruleset_names=[rule]).text
        return words.replace("\u00ad", "").replace(",", "").replace("−", self.locale_words.minus)

    def _portuguese_cardinal(self, rule: str, value: int) -> str:
        """Return the cardinal without the "e" that CLDR puts after each million.

        Grammars have it only before a last group of at most a hundred or of full hundreds: "um milhão duzentos e
        cinquenta mil", "um milhão e duzentos mil".
        """
        groups, rest = [], value
        for power in range(12, -1, -3):
            group, rest = divmod(rest, 10**power) if power else (rest, 0)
            if group:
                # Millions count masculine nouns: "duas mil", but "dois milhões".
                by = rule.replace("feminine", "masculine") if power >= 6 else rule
                words = self._rules.format_number(group * 10**power, ruleset_names=[by]).text
                groups.append((group, words))
        last, spoken = groups[-1]
        conjunction = " e " if last <= 100 or last % 100 == 0 else " "
        head = " ".join(words for _, words in groups[:-1])
        return f"{head}{conjunction}{spoken}" if head else spoken


@cache
def number_words(language: str) -> NumberWords:
    """Return the cached `NumberWords` of a language."""
    return NumberWords(language)
