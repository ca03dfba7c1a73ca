"""Pronunciation rules: which words they match, and what is read in their place."""

from __future__ import annotations

import time

import pytest

from voxport.text.ipa import UnknownIpa, ipa_symbols
from voxport.text.pronunciation import Rule, document_of_text, with_rules
from voxport.text.ssml.parser import parse_ssml


def read(text: str, *rules: Rule) -> str:
    """Return the text with what is read in the place of its words in brackets."""
    parts = [part for line in document_of_text(text, rules).lines for part in line.segments]
    return "".join(f"[{part.alias or part.ipa}]" if part.is_replaced else part.text for part in parts)


WIN = Rule("Nguyen", alias="win")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nguyen came.", "[win] came."),
        ("NGUYEN, nguyen", "[win], [win]"),
        ("Nguyens", "Nguyens"),
        ("xNguyen", "xNguyen"),
        ("Nguyen-Lee", "[win]-Lee"),
        ("“Nguyen”", "“[win]”"),
        ("Nguyen's dog", "[win's] dog"),
        ("Nguyen’s", "[win's]"),
        ("今日Nguyenが来た。", "今日[win]が来た。"),
        ("今天Nguyen来了。", "今天[win]来了。"),
        ("今日xNguyenが来た。", "今日xNguyenが来た。"),
    ],
)
def test_whole_words_are_matched(text: str, expected: str) -> None:
    assert read(text, WIN) == expected


def test_the_longest_match_is_used_and_of_two_rules_the_first() -> None:
    rules = (Rule("York", alias="yoork"), Rule("New York", alias="big apple"), Rule("york", alias="never"))
    assert read("New York, York, new  york", *rules) == "[big apple], [yoork], [big apple]"


def test_what_a_rule_puts_in_is_not_looked_at_again() -> None:
    assert read("a b", Rule("a", alias="b"), Rule("b", alias="a")) == "[b] [a]"


def test_case_matters_where_the_rule_says_so() -> None:
    assert read("US us", Rule("US", alias="U S", is_case_sensitive=True)) == "[U S] us"


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [
        ("東京タワー", Rule("東京", alias="とうきょう"), "[とうきょう]タワー"),
        ("गीता गीत", Rule("गीत", alias="x"), "गीता [x]"),
        ("Cafe\u0301 x", Rule("caf\u00e9", alias="x"), "[x] x"),
        ("l'Aoife", Rule("Aoife", ipa="ˈiːfə"), "l'[ˈiːfə]"),
        ("Bess’s", Rule("Bess", ipa="bɛs"), "[bɛsɪz]"),
        ("Pat's", Rule("Pat", ipa="pæt"), "[pæts]"),
        ("a.b", Rule("a.b", alias="x"), "[x]"),
        ("Don, I don't", Rule("Don", alias="x"), "[x], I don't"),
        ("O’Brien O'Brien", Rule("O'Brien", alias="x"), "[x] [x]"),
        ("O'Brien", Rule("O’Brien", alias="x"), "[x]"),
        ("n\u0308 n", Rule("n", alias="x"), "n\u0308 [x]"),
        ("C++ code", Rule("C++", alias="see plus plus"), "[see plus plus] code"),
    ],
)
def test_words_of_all_kinds_are_matched(text: str, rule: Rule, expected: str) -> None:
    assert read(text, rule) == expected


def test_a_part_of_a_word_with_markup_is_no_word() -> None:
    rules = [Rule("like", alias="x"), Rule("Aoife", ipa="a"), Rule("caf", alias="y")]
    document = parse_ssml(
        "un<emphasis>like</emphasis>ly <emphasis>Aoife</emphasis>'s caf&#233;", language="en-us", languages=str
    )
    (line,) = with_rules(document, rules).lines
    assert line.text == "unlikely Aoife's café"
    assert [part.text for part in line.segments if part.is_replaced] == ["Aoife"]


def test_many_rules_and_a_long_text_take_a_moment_only() -> None:
    rules = [Rule(f"name{n} of{n}", alias="x") for n in range(2_000)]
    text = "a name1 of2 name3 of3 " * 5_000
    began = time.process_time()
    assert read(text, *rules).count("[x]") == 5_000
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("ipa", "language", "symbols"),
    [
        ("nəˈwɪn", "en-us", "nəˈwɪn"),
        ("t͡ʃaɪ", "en-us", "ʧI"),
        ("tʃaɪ", "en-us", "ʧI"),
        ("/ˈhɛloʊ/", "en-us", "ˈhɛlO"),
        ("'gəʊ", "en-gb", "ˈɡQ"),
        ("bɔ̃.ʒuʁ", "fr-fr", "bɔ̃ʒuʁ"),
        ("ˈtʃiko", "es", "ˈʧiko"),
        ("nəməsteː", "hi", "nəməsteː"),
    ],
)
def test_ipa_as_people_write_it_becomes_symbols(ipa: str, language: str, symbols: str) -> None:
    assert ipa_symbols(ipa, language) == symbols


@pytest.mark.parametrize("language", ["es", "fr-fr", "it", "pt-br", "hi", "ja", "zh"])
def test_the_sound_of_german_ich_is_one_symbol(language: str) -> None:
    assert ipa_symbols("mɪlç", language) == "mɪlç"


@pytest.mark.parametrize("ipa", ["ħa", "ʉ", "kǃa", "HELLO", "a4"])
def test_a_sound_that_no_voice_has_is_named(ipa: str) -> None:
    with pytest.raises(UnknownIpa) as error:
        ipa_symbols(ipa, "en-us")
    assert error.value.symbol in ipa


@pytest.mark.parametrize(
    "text",
    [
        "Here.\n\nThere Nguyen is.\nAnd Nguyen again.",
        "- An item\n- Nguyen's item\n\n# A head of Nguyen",
        "[A link](https://example.org/Nguyen) and Nguyen.",
        "Cafe\u0301 \u00ad\u200b Ngu\u00adyen and Nguyen.",
        "これは\nNguyen です。\nNguyen。",
    ],
)
def test_what_is_read_is_found_in_the_text_as_it_was_sent(text: str) -> None:
    document = document_of_text(text, (WIN,))
    assert document.origins == sorted(document.origins)
    replaced = [part for line in document.lines for part in line.segments if part.is_replaced]
    assert replaced
    for part in replaced:
        sent = text[part.origins[0] : part.origins[-1] + 1]
        assert sent.replace("\u00ad", "") == part.text
