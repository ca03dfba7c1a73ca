"""Transcribes each language's sentence in a cloned voice and in one of its stock voices with Whisper base.

    make bench-setup && .venv/bin/python benchmarks/quality/languages.py SAMPLE

Prints the symbols that the network is given, the transcript, and the share of wrong letters (Whisper base itself makes
more errors outside English). Takes about two minutes.
"""

from __future__ import annotations

import argparse
import unicodedata
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.quality.metrics import Transcriber, edits
from benchmarks.recordings import load
from voxport.engine import LANGUAGES, Engine, EngineVoice
from voxport.text.normalise import normalise_text
from voxport.text.phonemizer import Phonemizer
from voxport.text.prosody import sentence_symbols

SENTENCES = {
    "en-us": "The ferry leaves the island at seven in the morning, and the whole village comes down to wave.",
    "en-gb": "The ferry leaves the island at seven in the morning, and the whole village comes down to wave.",
    "es": "El barco sale de la isla a las siete de la mañana, y todo el pueblo baja a saludar.",
    "fr-fr": "Le bateau quitte l'île à sept heures du matin, et tout le village descend pour le saluer.",
    "it": "Il traghetto lascia l'isola alle sette del mattino, e tutto il paese scende a salutare.",
    "pt-br": "O barco deixa a ilha às sete horas da manhã, e toda a cidade desce para acenar.",
    "hi": "नाव सुबह सात बजे द्वीप से निकलती है, और पूरा गाँव हाथ हिलाने आता है।",
    "ja": "フェリーは朝七時に島を出て、村中の人が手を振りに降りてくる。",
    "zh": "渡轮早上七点离开小岛，全村的人都下来挥手告别。",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sample", type=Path, help="a recording to clone from")
    sample = load(parser.parse_args().sample)
    print(machine())
    engine, transcriber, phonemizer = Engine.load(), Transcriber(), Phonemizer()
    clone = engine.enrol(sample)
    for language in LANGUAGES:
        own = next(voice.id for voice in engine.stock_voices() if voice.language == language)
        (symbols,) = sentence_symbols([normalise_text(SENTENCES[language], language)], language, phonemizer)
        print(f"\n{language}: {SENTENCES[language]}\n  given    {symbols}")
        for name, voice in (("the clone", clone), (own, engine.stock_voice(own))):
            wrong, heard = _heard(engine, transcriber, voice, language)
            print(f"  {name:12} {100 * wrong:3.0f} % wrong: {heard}", flush=True)
    phonemizer.close()
    engine.close()


def _heard(engine: Engine, transcriber: Transcriber, voice: EngineVoice, language: str) -> tuple[float, str]:
    """Return the share of wrong letters, and the transcript."""
    text = SENTENCES[language]
    audio = np.concatenate([engine.speak(chunk, voice) for chunk in engine.plan(text, language)])
    heard = transcriber.transcribe(audio, language[:2])
    wanted = _letters(text)
    return edits(wanted, _letters(heard)) / len(wanted), heard


def _letters(text: str) -> list[str]:
    text = unicodedata.normalize("NFC", text.lower()).replace("7", "seven")
    return [letter for letter in text if unicodedata.category(letter)[0] in "LM"]


if __name__ == "__main__":
    main()
