"""Normalising written text to spoken text, in every language."""

from __future__ import annotations

import random
import re
import time

import pytest

from voxport.text.languages import ESPEAK_LANGUAGES
from voxport.text.normalise import normalise_text
from voxport.text.sentences import clean_text, split_clauses, split_sentences


@pytest.mark.parametrize(
    ("written", "spoken_text"),
    [
        ("I paid $3.50, then €1,200.", "I paid three dollars and fifty cents, then one thousand two hundred euros."),
        ("£5m and $1.2 billion", "five million pounds and one point two billion dollars"),
        ("-$5, $1, $0.99, 20 CHF", "minus five dollars, one dollar, ninety-nine cents, twenty Swiss francs"),
        ("on 2026-03-04", "on March fourth, twenty twenty-six"),
        ("on 3/4/2026", "on March fourth, twenty twenty-six"),
        ("on 25/4/2026", "on April twenty-fifth, twenty twenty-six"),
        ("March 3rd, 2026", "March third, twenty twenty-six"),
        ("on Jan. 5, 2005", "on January fifth, two thousand five"),
        ("at 15:30 or 9:05 am", "at fifteen thirty or nine oh five A M"),
        ("at 3 p.m. on Monday", "at three P M on Monday"),
        ("9:00-17:30", "nine o'clock to seventeen thirty"),
        ("in 1905, the 1990s", "in nineteen oh five, the nineteen nineties"),
        ("25% of -3.5 °C", "twenty-five percent of minus three point five degrees Celsius"),
        ("5 km/h, 1 kg, 60 mph", "five kilometers per hour, one kilogram, sixty miles per hour"),
        ("Dr. Brown vs. Mr. Smith", "Doctor Brown versus Mister Smith"),
        ("fruit, e.g. figs, etc.", "fruit, for example figs, et cetera."),
        ("St. John, 5 Main St.", "Saint John, five Main Street."),
        ("No. 5, but no. Five", "number five, but no. Five"),
        ("Call 555-123-4567.", "Call five five five, one two three, four five six seven."),
        ("007", "zero zero seven"),
        ("Henry VIII's wives", "Henry the eighth's wives"),
        ("Charles I think", "Charles I think"),
        ("World War II, Chapter IV", "World War two, Chapter four"),
        ("1/2 of 2 3/4, 3/5 and ½", "one half of two and three quarters, three fifths and one half"),
        ("3-5 days, 1999–2003", "three to five days, nineteen ninety-nine to two thousand three"),
        ("version 3.1.4", "version three point one point four"),
        ("the 21st, 112th", "the twenty-first, one hundred twelfth"),
        ("NASA and the FBI", "NASA and the FBI"),
        ("COVID-19, MP3, x²", "COVID nineteen, MP three, x squared"),
        ("AT&T, 5 + 3 = 8, C++", "AT and T, five plus three equals eight, C plus plus"),
        ("#5, #tag, @user", "number five, hashtag tag, at user"),
        (
            "See https://example.com/path?x=1.",
            "See example dot com slash path question mark x equals one.",
        ),
        ("www.bbc.co.uk", "W W W dot B B C dot co dot U K"),
        ("Mail john.smith@example.com!", "Mail john dot smith at example dot com!"),
        ("well-known (really)", "well-known (really)"),
    ],
)
def test_american_english_says(written: str, spoken_text: str) -> None:
    assert normalise_text(written, "en-us") == spoken_text


@pytest.mark.parametrize("written", ["99/99/2026", "2026-13-45", "31/2/0000", "45:99", "$", "1e400", "0/0", "MMXX"])
def test_what_is_no_date_time_or_amount_is_still_read(written: str) -> None:
    spoken_text = normalise_text(f"so {written} it is", "en-us")
    assert spoken_text.startswith("so ") and spoken_text.endswith(" it is")
    assert not re.search(r"\d", spoken_text)


@pytest.mark.parametrize(
    ("language", "written", "spoken_text"),
    [
        ("en-gb", "On 3/4/2026: 101 km.", "On the third of April, twenty twenty-six: one hundred and one kilometres."),
        (
            "es",
            "Pagué 3,50 € por 1 manzana y 200 personas.",
            "Pagué tres euros con cincuenta céntimos por una manzana y doscientas personas.",
        ),
        ("es", "El 3/4/2026 a las 15:30", "El tres de abril de dos mil veintiséis a las quince y treinta"),
        ("es", "Felipe VI, siglo XIX, 3ª", "Felipe sexto, siglo diecinueve, tercera"),
        ("es", "ana@ejemplo.com, 1.200 km", "ana arroba ejemplo punto com, mil doscientos kilómetros"),
        (
            "fr-fr",
            "1 200,50 € le 1/4/2026",
            "mille deux cents euros et cinquante centimes le premier avril deux mille vingt-six",
        ),
        (
            "fr-fr",
            "à 15h30, 25 % au XIXe siècle",
            "à quinze heures trente, vingt-cinq pour cent au dix-neuvième siècle",
        ),
        ("fr-fr", "M. Dupont, Louis XIV, 2e", "monsieur Dupont, Louis quatorze, deuxième"),
        ("fr-fr", "01 23 45 67 89", "zéro un, vingt-trois, quarante-cinq, soixante-sept, quatre-vingt-neuf"),
        ("it", "3,50 € il 3/4/2026", "tre euro e cinquanta centesimi il tre aprile duemilaventisei"),
        ("it", "Vittorio Emanuele II, XIX secolo", "Vittorio Emanuele secondo, diciannovesimo secolo"),
        ("pt-br", "R$ 1.200,50 às 15:30", "mil e duzentos reais e cinquenta centavos às quinze e trinta"),
        ("pt-br", "D. Pedro II, 2 horas", "dom Pedro segundo, duas horas"),
        ("hi", "₹1,20,000 और 25%", "एक लाख बीस हज़ार रुपये और पच्चीस प्रतिशत"),
        ("hi", "१९८४, 5वां, डॉ. शर्मा", "उन्नीस सौ चौरासी, पाँचवां, डॉक्टर शर्मा"),
    ],
)
def test_other_languages_say(language: str, written: str, spoken_text: str) -> None:
    assert normalise_text(written, language) == spoken_text


ADDRESS = "https://example.com/a-b_c?x=1&y=2#top"


@pytest.mark.parametrize("language", ESPEAK_LANGUAGES)
def test_an_address_keeps_its_words_and_loses_its_signs(language: str) -> None:
    spoken_text = normalise_text(f"{ADDRESS} x@example.org", language)
    assert {"example", "com", "top", "org"} <= set(spoken_text.split())
    assert not re.search(r"[\d:/?&#_=@.]", spoken_text)


BITS = (  # noqa: SIM905
    "1 23 456 7890 0 . .. , : ; / - – — $ £ € ¥ ₹ R$ % ° °C km kg m s h a.m. p.m. st nd th e er º ª ½ ² III IV X "
    "Henry Dr. St. etc. https:// www. .com @ # & + = < > ( ) [ ] \" ' ’ a word palabra शब्द १२ ٣ 😀 \u200d ① Ⅷ ﷽ "
    "T \\ _ * ~ ^ | { } January enero XIXe siècle n.º USD CHF million k bn 24/7 15:30 2026-03-04 3/4/2026 ¼ ௧ 十"
).split()


@pytest.mark.parametrize("language", ESPEAK_LANGUAGES)
def test_no_text_raises_loses_a_word_or_leaves_a_digit(language: str) -> None:
    chance = random.Random(f"voxport {language}")
    for _ in range(1_500):
        bits = [chance.choice(BITS) + chance.choice(["", " "]) for _ in range(chance.randint(1, 12))]
        text = clean_text("".join(bits) + " keptword")
        spoken_text = normalise_text(text, language)
        assert not re.search(r"\d", spoken_text), text
        assert "keptword" in spoken_text, text


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "1",
        ".",
        "a.",
        "1,",
        "111,",
        "(",
        '"',
        "a/",
        "a@",
        "a.b/",
        "-",
        "1-",
        "1:",
        "1 ",
        "111 ",
        "I ",
        "$",
        "+1 ",
        "1/",
        "a, ",
    ],
)
def test_hostile_text_takes_time_in_proportion_to_its_length(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece)) + "a"
        start = time.process_time()
        for sentence in split_sentences(clean_text(text), "fr-fr"):
            split_clauses(sentence)
            normalise_text(sentence, "fr-fr")
        return time.process_time() - start

    seconds(1_000)
    longer = seconds(100_000)
    assert longer < 12 * 0.05 or longer < 12 * seconds(20_000)
