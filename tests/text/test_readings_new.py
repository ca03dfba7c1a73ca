"""More sentences whose expected reading was written before the code was run, and variants of the errors they showed."""

from __future__ import annotations

import pytest

from benchmarks.quality.readings import NEW, Reading, readings
from tests.text.test_readings_checked import words_heard, words_of


@pytest.mark.parametrize("row", readings(NEW), ids=lambda row: f"{row.language} {row.text}")
def test_a_new_sentence_is_read_as_a_native_speaker_reads_it(row: Reading) -> None:
    written = row.text.replace("⍽", "\u00a0").replace("␣", "\u202f")
    assert words_heard(written, row.language) == words_of(row.expected)


@pytest.mark.parametrize(
    ("language", "text", "spoken_text"),
    [
        ("fr-fr", "Il pèse 3,14159 kg.", "il pèse trois virgule un quatre un cinq neuf kilogrammes"),
        ("fr-fr", "2,750 et 2,0", "deux virgule sept cent cinquante et deux virgule zéro"),
        ("es", "12,005 %", "doce coma cero cero cinco por ciento"),
        ("en-us", "2.75%", "two point seven five percent"),
        ("pt-br", "1.200.000 pessoas", "um milhão e duzentas mil pessoas"),
        ("pt-br", "2.345.678", "dois milhões trezentos e quarenta e cinco mil seiscentos e setenta e oito"),
        ("pt-br", "1.000.001", "um milhão e um"),
        ("pt-br", "R$ 1.250.000,00", "um milhão duzentos e cinquenta mil reais"),
        ("en-us", "The dept. The end.", "the department ‖ the end"),
        ("en-us", "Univ. Hall and Bldg. Seven", "university hall and building seven"),
        ("es", "El Depto. Ventas", "el departamento ventas"),
        ("en-us", "127.0.0.1:8080", "one hundred twenty-seven dot zero dot zero dot one colon eight zero eight zero"),
        ("en-us", "localhost:3000/api", "localhost colon three zero zero zero slash api"),
        ("en-us", "10.0.0.0/8", "ten dot zero dot zero dot zero slash eight"),
        ("fr-fr", "192.168.1.1:443", "cent quatre-vingt-douze point cent soixante-huit point un point un deux points "
         "quatre cent quarante-trois"),
        ("en-us", "192.168.1.1 is up.", "one hundred ninety-two dot one hundred sixty-eight dot one dot one is up"),
        ("en-gb", "£5–10 each", "five to ten pounds each"),
        ("es", "€3-5 millones", "tres a cinco millones de euros"),
        ("en-us", "$5-$10", "five dollars to ten dollars"),
        ("en-us", "Python 3.12 and 3.12 kg", "python three point twelve and three point one two kilograms"),
        ("en-us", "version 2.05", "version two point zero five"),
        ("en-us", "the 10,000th and the 1,234,567th", "the ten thousandth and the one million two hundred thirty-four "
         "thousand five hundred sixty-seventh"),
        ("pt-br", "ÀS 8H NA SALA", "às oito horas na sala"),
        ("es", "A las 9:00 y a las 21:00", "a las nueve en punto y a las veintiuna horas"),
        ("es", "De 9:00 a 13:30", "de nueve a trece y treinta"),
        ("es", "1/2 hora y 1/2 kg", "media hora y medio kilogramo"),
        ("es", "1/2 de la taza", "un medio de la taza"),
        ("it", "1/2 tazza", "mezza tazza"),
        ("it", "21 aprile e 21 anni", "ventuno aprile e ventun anni"),
        ("fr-fr", "1/2 heure", "une demi heure"),
        ("es", "Lun. a vie. de 9 a 17 h", "lunes a viernes de nueve a diecisiete horas"),
        ("pt-br", "espera 5 seg. a mais", "espera cinco segundos a mais"),
        ("hi", "₹500/- मात्र", "पाँच सौ रुपये मात्र"),
        ("en-us", "1 250 km and 1 250 people", "one thousand two hundred fifty kilometers and one two hundred fifty "
         "people"),
        ("en-us", "At 7:00 a.m. we go.", "at seven a m we go"),
        ("en-us", "YES, MAY 5 OR 6 MAY", "yes may fifth or the sixth of may"),
        ("en-us", "They run 3 may apply.", "they run three may apply"),
        ("es", "Hace 1 año, 21 días y 1 mes", "hace un año veintiún días y un mes"),
        ("es", "El 1/5 es festivo, el 1/3 de ellos no", "el uno de mayo es festivo el tercio de ellos no"),
        ("it", "Il 1/5 è festa.", "il primo maggio è festa"),
        ("fr-fr", "Le 1/3 des élèves et 1/3 des autres", "le tiers des élèves et un tiers des autres"),
        ("pt-br", "1,5 mi de pessoas e R$ 2 bi", "um vírgula cinco milhão de pessoas e dois bilhões de reais"),
        ("en-us", "3 t of sand", "three metric tons of sand"),
    ],
)  # fmt: skip
def test_its_neighbours_too(language: str, text: str, spoken_text: str) -> None:
    assert words_heard(text, language) == spoken_text
