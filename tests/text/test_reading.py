"""Converting written text to the network's symbols, in every language."""

from __future__ import annotations

import pytest

from voxport.engine.kokoro.planner import plan
from voxport.text.languages import ESPEAK_LANGUAGES
from voxport.text.normalise import normalise_text
from voxport.text.phonemes import vocabulary
from voxport.text.phonemizer import Phonemizer
from voxport.text.prosody import sentence_symbols

GOLDEN = {
    "en-us": (
        "Dr. Brown paid $3.50 on March 3rd.",
        "dˈɑktəɹ bɹˈWn pˈAd θɹˈi dˈɑləɹz ænd fˈɪfti sˈɛnts ˌɔn mˈɑɹʧ θˈɜɹd.",
    ),
    "en-gb": (
        "Dr. Brown paid £3.50 on 3 March.",
        "dˈɒktə bɹˈWn pˈAd θɹˈiː pˈWndz and fˈɪfti pˈɛns ɒnðə θˈɜːd ɒv mˈɑːʧ.",
    ),
    "es": (
        "El Sr. García pagó 3,50 € a las 15:30.",
        "el seɲˈoɾ ɣaɾθˈia paɣˈo tɾˈes ˈeʊɾos kon θinkwˈɛnta θˈentimos a las kˈinθe i tɾˈAnta.",
    ),
    "fr-fr": (
        "Mme Curie a payé 3,50 € à 15h30.",
        "madˈam kyʁˈi a pɛjˈe tʁwˈaz øʁˈoz e sɛ̃kˈɑ̃t sɑ̃tˈimz a kˈɛ̃z ˈœʁ tʁˈɑ̃t.",
    ),
    "it": (
        "Il sig. Rossi ha pagato 3,50 € alle 15:30.",
        "il siɲˈor rˈoSɪ a paɡˈato trˈe ˈɛʊro e ʧinkwˈanta ʧentˈɛzimɪ ˌalle kwˈindiʧɪ e trˈenta.",
    ),
    "pt-br": (
        "O Sr. Silva pagou R$ 3,50 às 15:30.",
        "ʊ seɲˈor sˈiʊvæ paɡˈow trˈez xeˈIz i sˌiŋkwˈAŋtæ sˌAŋtˈavʊz aːs kˈiŋzj i trˈiŋtæ.",
    ),
    "hi": (
        "डॉ. शर्मा ने 25% छूट पर ₹350 दिए।",
        "ɖˈɔkʈəɾ ʃˈʌrmaː nˈeː pəcːˈiːs pɾˈʌtɪʃˌət cʰˈuːʈ pˈʌɾ tˈiːn sˈɔː pəcˈaːs ɾˈʊpjˌeː dˈɪeː.",
    ),
}


@pytest.mark.parametrize("language", ESPEAK_LANGUAGES)
def test_a_sentence_with_amounts_is_spoken_in_known_symbols(language: str, phonemizer: Phonemizer) -> None:
    written, symbols = GOLDEN[language]
    assert sentence_symbols([normalise_text(written, language)], language, phonemizer) == [symbols]


PARAGRAPHS = {
    "en": "On 3/4/2026 at 15:30 Dr. Smith & co. paid $3.50 (about 10% of £35) for 2 1/2 kg of rice. See "
    "https://example.com/a?b=1 or mail x.y@example.org! It was -5 °C; version 3.1.4 cost €1,200 in the 1990s.",
    "es": "El 3/4/2026 a las 15:30 el Sr. Pérez pagó 3,50 € (el 10 %) por 2 1/2 kg de arroz. Véase "
    "https://ejemplo.es/a?b=1 o x.y@ejemplo.es. Felipe VI, siglo XIX: 1.200 km a 5 km/h y -5 °C.",
    "fr": "Le 1/4/2026 à 15h30, M. Dupont a payé 3,50 € (10 %) pour 2 1/2 kg de riz. Voir "
    "https://exemple.fr/a?b=1 ou x.y@exemple.fr ! Louis XIV, XIXe siècle : 1 200 km à 5 km/h et -5 °C.",
    "it": "Il 3/4/2026 alle 15:30 il sig. Rossi ha pagato 3,50 € (il 10 %) per 2 1/2 kg di riso. Vedi "
    "https://esempio.it/a?b=1 o x.y@esempio.it. Vittorio Emanuele II: 1.200 km a 5 km/h e -5 °C.",
    "pt": "Em 3/4/2026 às 15:30 o Sr. Silva pagou R$ 3,50 (10 %) por 2 1/2 kg de arroz. Veja "
    "https://exemplo.com.br/a?b=1 ou x.y@exemplo.com.br. D. Pedro II: 1.200 km a 5 km/h e -5 °C.",
    "hi": "3/4/2026 को 15:30 बजे डॉ. शर्मा ने ₹350.50 (10%) दिए। https://example.in/a?b=1 या x.y@example.in देखें। "
    "1,20,000 लोग, 5 km/h, -5 °C, 5वां, १९८४।",
}


@pytest.mark.slow
@pytest.mark.parametrize("language", ESPEAK_LANGUAGES)
def test_a_paragraph_of_numbers_leaves_no_digit_and_no_unspoken_symbol(language: str, phonemizer: Phonemizer) -> None:
    text = PARAGRAPHS[language[:2]]
    chunks = plan(text, language, phonemizer)
    assert " ".join(chunk.text for chunk in chunks).split() == text.split()
    for chunk in chunks:
        (symbols,) = sentence_symbols([normalise_text(chunk.text, language)], language, phonemizer)
        assert not any(character.isdigit() for character in symbols)
        assert [symbol for symbol in symbols if symbol not in vocabulary()] == []
