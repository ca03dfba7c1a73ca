"""SSML: what each tag makes of a text, and what is refused."""

from __future__ import annotations

import json

import pytest

from voxport.text.ssml.document import Document, Style
from voxport.text.ssml.parser import MAX_DEPTH, SsmlError, parse_ssml

LANGUAGES = {"fr": "fr-fr", "en": "en-us", "en-us": "en-us", "es": "es"}


def parsed(text: str, language: str = "en-us") -> Document:
    return parse_ssml(text, language=language, languages=lambda code: LANGUAGES.get(code.lower()))


def read(text: str) -> list[tuple[str, str | None]]:
    """Return the alias or the phonemes of each segment, with its text."""
    return [(part.text, part.alias or part.ipa) for line in parsed(text).lines for part in line.segments]


def style_of(text: str, word: str) -> Style:
    (style,) = (part.style for line in parsed(text).lines for part in line.segments if part.text == word)
    return style


def refused(text: str) -> SsmlError:
    with pytest.raises(SsmlError) as error:
        parsed(text)
    return error.value


def test_a_text_without_the_outermost_tag_is_a_document_too() -> None:
    assert parsed("Hello.").text == "Hello."
    assert parsed('<speak version="1.1" xml:lang="fr">Salut.</speak>').lines[0].segments[0].style.language == "fr-fr"


def test_entities_are_characters_and_know_where_they_stood() -> None:
    document = parsed("Tom &amp; Zoë")
    assert document.text == "Tom & Zoë"
    assert [document.origins[document.text.index(letter)] for letter in "T&Zë"] == [0, 4, 10, 12]


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ('<break time="1.5s"/>', 1.5),
        ('<break time="250ms"/>', 0.25),
        ('<break time="10s"/>', 10.0),
        ("<break/>", 0.4),
        ('<break strength="none"/>', 0.0),
        ('<break strength="x-weak"/>', 0.1),
        ('<break strength="weak"/>', 0.2),
        ('<break strength="medium"/>', 0.4),
        ('<break strength="strong"/>', 0.7),
        ('<break strength="x-strong"/>', 1.2),
        ('<break time="1s"/> <break time="2s"/>', 3.0),
        ('<break time="2s" strength="none"/>', 2.0),
    ],
)
def test_a_break_is_a_pause(tag: str, seconds: float) -> None:
    first, second = parsed(f"One {tag} two.").lines
    assert (first.text.strip(), first.pause, second.text.strip()) == ("One", seconds, "two.")


def test_paragraphs_and_sentences_end_what_is_before_them() -> None:
    lines = parsed("<p>One<s>two</s></p>three").lines
    assert [(line.text, line.ends_sentence, line.ends_paragraph) for line in lines] == [
        ("One", False, False),
        ("two", True, True),
        ("three", False, False),
    ]


@pytest.mark.parametrize(
    ("attributes", "style"),
    [
        ('rate="120%"', Style(rate=1.2)),
        ('rate="+20%"', Style(rate=1.2)),
        ('rate="-25%"', Style(rate=0.75)),
        ('rate="1.5"', Style(rate=1.5)),
        ('rate="x-slow"', Style(rate=0.6)),
        ('pitch="+2st"', Style(semitones=2.0)),
        ('pitch="-1.5st"', Style(semitones=-1.5)),
        ('pitch="+100%"', Style(semitones=12.0)),
        ('pitch="low"', Style(semitones=-3.0)),
        ('volume="+6dB"', Style(decibels=6.0)),
        ('volume="soft"', Style(decibels=-6.0)),
        ('rate="fast" pitch="high" volume="loud"', Style(rate=1.25, semitones=3.0, decibels=6.0)),
    ],
)
def test_prosody_changes_rate_pitch_and_level(attributes: str, style: Style) -> None:
    assert style_of(f"a <prosody {attributes}>word</prosody>", "word") == style


def test_words_go_on_over_entities_comments_and_lines() -> None:
    text = "caf&#233; O&apos;Bri<!-- so -->en\r\nis <![CDATA[AT&T & co]]> here"
    assert [part for part, _ in read(text)] == ["café O'Brien\nis AT&T & co here"]
    document = parsed(text)
    places = [
        document.origins[document.text.index(word)] for word in ("caf", "O'", "en\n", "is", "AT&T", "& co", "here")
    ]
    written = ("caf", "O&", "en\r", "is", "AT&T", "& co", "here")
    assert [text[place : place + len(one)] for place, one in zip(places, written, strict=True)] == list(written)


def test_characters_are_written_as_in_a_text_without_markup() -> None:
    text = "Jose\u0301 <s>co\u00adoperates \ufb01ne</s>"
    document = parsed(text)
    assert document.text == "José cooperates fine"
    assert [document.origins[document.text.index(one)] for one in ("é", " c", "fine")] == [3, 5, 21]


@pytest.mark.parametrize("before", ["\ufeff", " ", "<!-- a comment -->\n", "<!-- a --><!-- b -->"])
def test_the_outermost_tag_may_have_a_comment_before_it(before: str) -> None:
    assert parsed(f"{before}<speak>Hello.</speak>").text == "Hello."
    assert parsed(f"{before}Hello.").text.strip() == "Hello."


def test_silence_stays_silence() -> None:
    text = '<prosody volume="silent"><prosody volume="loud">word</prosody></prosody>'
    assert style_of(text, "word").decibels < -100


def test_styles_add_up() -> None:
    inner = '<prosody rate="125%" pitch="+4st">word</prosody>'
    assert style_of(f'<prosody rate="120%" pitch="+8st">{inner}</prosody>', "word") == Style(rate=1.5, semitones=12.0)
    assert style_of('<voice name="ann"><lang xml:lang="fr">mot</lang></voice>', "mot") == Style(
        language="fr-fr", voice="ann"
    )
    assert style_of('<emphasis level="strong">word</emphasis>', "word").rate < 1


@pytest.mark.parametrize(
    ("text", "alias"),
    [
        ('<sub alias="World Wide Web Consortium">W3C</sub>', "World Wide Web Consortium"),
        ('<say-as interpret-as="cardinal">1,250</say-as>', "one thousand two hundred fifty"),
        ('<say-as interpret-as="cardinal">-3.5</say-as>', "minus three point five"),
        ('<say-as interpret-as="ordinal">21</say-as>', "twenty-first"),
        ('<say-as interpret-as="ordinal">3rd</say-as>', "third"),
        ('<say-as interpret-as="characters">A1-b</say-as>', "A one dash B"),
        ('<say-as interpret-as="date">2026-12-31</say-as>', "December thirty-first, twenty twenty-six"),
        ('<say-as interpret-as="date" format="dmy">1/2/2026</say-as>', "February first, twenty twenty-six"),
        ('<say-as interpret-as="date" format="md">12/31</say-as>', "December thirty-first"),
        ('<say-as interpret-as="date" format="my">12/2026</say-as>', "December twenty twenty-six"),
        ('<say-as interpret-as="date" format="y">1984</say-as>', "nineteen eighty-four"),
        ('<say-as interpret-as="cardinal">１２</say-as>', "twelve"),
        ('<say-as interpret-as="telephone">+٤٤ 20</say-as>', "plus four four, two zero"),
        ('<say-as interpret-as="time">14:30</say-as>', "fourteen thirty"),
        ('<say-as interpret-as="time">2:30 pm</say-as>', "two thirty P M"),
        ('<say-as interpret-as="telephone">+44 20 79</say-as>', "plus four four, two zero, seven nine"),
    ],
)
def test_text_is_read_as_its_tag_says(text: str, alias: str) -> None:
    assert read(text)[0][1] == alias


def test_phonemes_are_kept() -> None:
    assert read('<phoneme alphabet="ipa" ph="ˈiːfə">Aoife</phoneme>') == [("Aoife", "ˈiːfə")]


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("é <foo/>", "The tag <foo> is not known. Known are: speak, p, s, break", 2),
        ("<audio src='x'/>", "The tag <audio> is not known", 0),
        ("<mark name='x'/>", "The tag <mark> is not known", 0),
        ("<SPEAK>x</SPEAK>", "The tag <SPEAK> is not known", 0),
        ("a <speak>b</speak>", "<speak> is the outermost tag", 2),
        ('<p align="left">x</p>', "<p> has no attribute align. It has: xml:lang", 0),
        ('<break time="5"/>', "time takes seconds or milliseconds", 0),
        ('<break time="-1s"/>', "time takes seconds or milliseconds", 0),
        ('<break time="11s"/>', "a pause is at most 10 s", 0),
        ('<break strength="huge"/>', "strength takes none, x-weak", 0),
        ('<break strength=""/>', "strength takes none, x-weak", 0),
        ('<break time="1s" strength="huge"/>', "strength takes none, x-weak", 0),
        ('<speak version="2.0">x</speak>', "version takes 1.0 or 1.1", 0),
        ('<speak xmlns="urn:x">x</speak>', "xmlns takes http://www.w3.org/2001/10/synthesis", 0),
        ("<break>x</break>", "<break> is empty", 7),
        ("<break><break/></break>", "<break> holds no other tag", 7),
        ("<sub>x</sub>", "<sub> needs the attribute alias", 0),
        ('<sub alias=" ">x</sub>', "<sub> needs the attribute alias", 0),
        ('<sub alias="x"></sub>', "<sub> is empty", 0),
        ('<sub alias="x"><p>y</p></sub>', "<sub> holds no other tag", 15),
        ("<say-as>1</say-as>", "<say-as> needs the attribute interpret-as", 0),
        ('<say-as interpret-as="currency">1</say-as>', "interpret-as takes cardinal, ordinal, characters", 0),
        ('<say-as interpret-as="cardinal">abc</say-as>', "cardinal reads a number", 0),
        ('<say-as interpret-as="ordinal">1.5</say-as>', "ordinal reads a whole number", 0),
        ('<say-as interpret-as="date" format="xyz">1</say-as>', "format is for dates, and takes mdy", 0),
        ('<say-as interpret-as="time" format="dmy">1:30</say-as>', "format is for dates", 0),
        ('<say-as interpret-as="date" format="dmy">31/2/2026</say-as>', "there is no date 31/2/2026", 0),
        (f'<phoneme ph="{"a" * 201}">a</phoneme>', "phonemes are 1 to 200 symbols", 0),
        ('<say-as interpret-as="date" format="y">0000</say-as>', "there is no date 0000", 0),
        ('<say-as interpret-as="date" format="md">0/5</say-as>', "there is no date 0/5", 0),
        (f'<say-as interpret-as="date" format="y">{"9" * 5_000}</say-as>', "date reads numbers in the order", 0),
        ('<say-as interpret-as="date" format="dmy">tomorrow</say-as>', "date reads numbers in the order", 0),
        ('<say-as interpret-as="time">25:70</say-as>', "time reads hours and minutes", 0),
        ('<say-as interpret-as="telephone">call me</say-as>', "telephone reads digits in groups", 0),
        ('<say-as interpret-as="characters">a☃</say-as>', "characters reads letters, digits and", 0),
        ("<phoneme>x</phoneme>", "<phoneme> needs the attribute ph", 0),
        ('<phoneme alphabet="x-sampa" ph="a">x</phoneme>', "the alphabet is ipa", 0),
        ('<phoneme ph="ħa">x</phoneme>', "'ħ' (latin small letter h with stroke) is no sound", 0),
        ('<phoneme ph="AOIFE">x</phoneme>', "'A' (latin capital letter a) is no sound", 0),
        ("<prosody>x</prosody>", "it needs rate, pitch or volume", 0),
        ('<prosody rate="300%">x</prosody>', "rate is from 0.5 to 2 times the usual", 0),
        ('<prosody rate="quick">x</prosody>', "rate takes x-slow, slow", 0),
        ('<prosody pitch="+20st">x</prosody>', "pitch is changed by at most 12 semitones", 0),
        ('<prosody pitch="440Hz">x</prosody>', "pitch takes x-low, low", 0),
        ('<prosody pitch="-100%">x</prosody>', "pitch is changed by at most 12 semitones", 0),
        ('<prosody volume="11">x</prosody>', "volume takes silent, x-soft", 0),
        ('<prosody volume="+60dB">x</prosody>', "volume is changed by at most 20 dB", 0),
        ('<prosody contour="(0%,+20Hz)">x</prosody>', "<prosody> has no attribute contour", 0),
        ('<emphasis level="">x</emphasis>', "level takes strong, moderate, none or reduced", 0),
        ('<prosody rate="fast"><prosody rate="2">x</prosody></prosody>', "with the tags around it the rate is 2.5", 21),
        ('<prosody pitch="-9st"><prosody pitch="-9st">x</prosody></prosody>', "changes by -18 semitones", 22),
        ('<prosody volume="loud"><prosody volume="+15dB">x</prosody></prosody>', "changes by +21 dB", 23),
        ('<emphasis level="huge">x</emphasis>', "level takes strong, moderate, none or reduced", 0),
        ('<lang xml:lang="xx">x</lang>', "the language 'xx' is not spoken", 0),
        ("<lang>x</lang>", "<lang> needs the attribute xml:lang", 0),
        ("<voice>x</voice>", "<voice> needs the attribute name", 0),
        ('<voice gender="female">x</voice>', "<voice> has no attribute gender", 0),
        ("a < b", "not well-formed", 3),
        ("<s>a", "mismatched tag", 4),
        ("Tom & Jerry", "not well-formed", 5),
        ("&nbsp;", "undefined entity", 0),
        ("<speak>a</speak> b", "junk after document element", 17),
        ("<speak><?php x?></speak>", "Processing instructions are not taken", 7),
        ("a\x00b", "A text has no character 0", 1),
    ],
)  # fmt: skip
def test_what_is_not_honoured_is_refused_with_its_position(text: str, message: str, position: int) -> None:
    error = refused(text)
    assert message in str(error)
    assert str(error).endswith(f"(line 1, column {position + 1})")
    assert error.position == position


def test_the_line_of_a_mistake_is_said() -> None:
    error = refused("One.\nTwo é <foo/>.")
    assert (error.line, error.column) == (2, 7)


def test_a_document_type_is_refused_so_that_no_entity_expands() -> None:
    bomb = '<!DOCTYPE speak [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><speak>&b;</speak>'
    assert "document type" in str(refused(bomb))
    assert "document type" in str(refused(f"<?xml version='1.0'?>{bomb}"))


def test_tags_are_nested_to_a_limit() -> None:
    assert "nested deeper" in str(refused("<p>" * (MAX_DEPTH + 1) + "x" + "</p>" * (MAX_DEPTH + 1)))


def test_a_document_can_be_sent_as_json() -> None:
    document = parsed('<p>One <sub alias="a">b</sub><break time="1s"/><prosody rate="slow">two</prosody></p>')
    assert Document.from_json(json.loads(json.dumps(document.to_json()))) == document
