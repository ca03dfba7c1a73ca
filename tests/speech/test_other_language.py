"""Detection of texts that are clearly in another language than the requested one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voxport.speech.other_language import other_language

OWN = {"en-us": "eng", "en-gb": "eng", "es": "spa", "fr-fr": "fra", "it": "ita", "pt-br": "por", "hi": "hin"}
SENTENCES = {
    "en": "This is the story of a man who went to the sea and was never seen again.",
    "es": "Esta es la historia de un hombre que se fue al mar y no volvió nunca más.",
    "fr": "C'est l'histoire d'un homme qui est parti en mer et que l'on n'a plus jamais revu.",
    "it": "Questa è la storia di un uomo che andò per mare e non fu mai più visto da nessuno.",
    "pt": "Esta é a história de um homem que foi para o mar e não voltou nunca mais para casa.",
    "de": "Das ist die Geschichte von einem Mann, der zur See fuhr und nicht mehr gesehen wurde.",
    "nl": "Dit is het verhaal van een man die naar zee ging en nooit meer werd gezien door de mensen.",
    "pl": "To jest historia o tym, jak człowiek poszedł do lasu i już nie wrócił, bo był bardzo daleko.",
    "sv": "Det här är historien om en man som inte var rädd för havet och som aldrig mer kom från det.",
    "tr": "Bu, bir adam için çok uzun bir hikaye ve o daha sonra hiçbir şey ile geri gelmedi.",
}
ORDINARY = {
    "en-us": [
        "Hello", "The restaurant La Casa de los Niños is in Los Angeles.", "Die Hard is a film.",
        "Ciao, bella! See you.",
        "C'est la vie, as they say in France.", "El Niño and La Niña are patterns of the sea.",
        "I am a fan of Das Auto.",
        "Order de novo review per se, inter alia.",
        "Los Angeles, San Francisco, El Paso, Las Vegas, Santa Fe, La Jolla",
        "He said: je ne sais pas.", "Rio de Janeiro and Sao Paulo do well.", "uno dos tres", "def foo(x): return x",
    ],
    "es": ["Hola", "El album de The Beatles es muy bueno.", "Vi Game of Thrones en casa.", "No.", "OK, bye"],
    "fr-fr": ["Bonjour", "Le film The Lord of the Rings est long.", "Un week-end en Italie.", "On va au fast-food."],
    "it": ["Ciao", "Il film La vita è bella.", "Lo show business va bene così.", "Per me un drink."],
    "pt-br": ["Olá", "O livro Don Quijote de la Mancha é longo.", "Vou ao show do Iron Maiden.", "E aí?"],
    "hi": [
        "kya haal hai bhai, main theek hoon aur tum kaise ho", "मैं office में हूँ and I am busy today", "Hello ji"],
}  # fmt: skip


@pytest.mark.parametrize("own", ["en-us", "en-gb", "es", "fr-fr", "it", "pt-br"])
@pytest.mark.parametrize("other", SENTENCES)
def test_a_sentence_of_another_language_is_seen(own: str, other: str) -> None:
    assert other_language(SENTENCES[other], own) == (None if own[:2] == other else other)


@pytest.mark.parametrize(("own", "text"), [(own, text) for own, texts in ORDINARY.items() for text in texts])
def test_names_titles_and_short_or_mixed_texts_raise_no_alarm(own: str, text: str) -> None:
    assert other_language(text, own) is None


def _lines(language: str) -> list[str]:
    folder = Path(os.environ.get("VOXPORT_MT_DIR") or Path(__file__).parents[3] / "shared" / "mt")
    file = folder / f"{OWN[language]}.txt"
    if not file.is_file():
        pytest.skip("the sentences to judge a translation by are not here: set VOXPORT_MT_DIR")
    return file.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("language", OWN)
def test_no_ordinary_sentence_of_the_own_language_raises_an_alarm(language: str) -> None:
    assert [line for line in _lines(language) if other_language(line, language)] == []


@pytest.mark.parametrize("own", ["en-us", "es", "fr-fr", "it", "pt-br"])
@pytest.mark.parametrize("other", ["en-us", "es", "fr-fr", "it", "pt-br"])
def test_most_sentences_of_another_language_are_seen_and_none_is_taken_for_a_third(own: str, other: str) -> None:
    if own == other:
        return
    found = [other_language(line, own) for line in _lines(other)]
    assert found.count(other[:2]) >= 0.6 * len(found)
    assert set(found) <= {other[:2], None}
