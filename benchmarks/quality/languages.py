"""Measures how like their speakers clones are in each language, and transcribes a sentence of each.

    make bench-setup && .venv/bin/python benchmarks/quality/languages.py

The likeness is that of `engine.py`, of two sentences in each language; it goes into `docs/engine.md`. Then prints the
symbols that the network is given, the transcript by Whisper base of the first speaker's clone and of a stock voice, and
the share of wrong letters (Whisper base itself makes more errors outside English). Takes about three minutes.
"""

from __future__ import annotations

import argparse
import unicodedata
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.quality.metrics import Transcriber, edits
from benchmarks.quality.speaker_similarity import JUDGES, SimilarityBench
from benchmarks.recordings import cohort, speakers, speech_folder
from voxport.audio.arrays import FloatArray
from voxport.engine import LANGUAGES, Engine, EngineVoice
from voxport.text.normalise import normalise_text
from voxport.text.phonemizer import Phonemizer
from voxport.text.prosody import sentence_symbols

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"
BEGIN, END = "<!-- languages -->", "<!-- /languages -->"
SPEAKERS = ("libri_2033", "ljspeech_LJ", "vctk_p226")
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


LIKENESS_SENTENCES = {
    "en-us": "My sister keeps two horses and a very old dog, and every evening she walks along the river with them.",
    "en-gb": "My sister keeps two horses and a very old dog, and every evening she walks along the river with them.",
    "es": "Mi hermana tiene dos caballos y un perro muy viejo, y cada tarde pasea con ellos por el río.",
    "fr-fr": "Ma sœur a deux chevaux et un très vieux chien, et chaque soir elle se promène avec eux près du fleuve.",
    "it": "Mia sorella ha due cavalli e un cane molto vecchio, e ogni sera passeggia con loro lungo il fiume.",
    "pt-br": "Minha irmã tem dois cavalos e um cachorro muito velho, e toda tarde passeia com eles pelo rio.",
    "hi": "मेरी बहन के पास दो घोड़े और एक बहुत बूढ़ा कुत्ता है, और हर शाम वह उनके साथ नदी के किनारे टहलती है।",
    "ja": "妹は馬を二頭ととても年をとった犬を飼っていて、毎晩一緒に川沿いを散歩します。",
    "zh": "我妹妹养了两匹马和一只很老的狗，每天傍晚她都和它们一起沿着河散步。",
}
"""Spoken after SENTENCES where the likeness is measured."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--speakers", nargs="*", default=list(SPEAKERS), help="names in PAIRS.tsv")
    names = parser.parse_args().speakers
    folder = speech_folder()
    print(machine())
    bench = SimilarityBench(speakers(folder), cohort(folder))
    chosen = [speaker for speaker in bench.known if speaker.name in names]
    clones = {speaker.name: bench.engine.enrol(speaker.reference) for speaker in chosen}
    lines = [
        "| language | " + " | ".join(f"{speaker.name}: d-vector | Resemblyzer | CAM++" for speaker in chosen) + " |",
        "|---|" + "---|" * (3 * len(chosen)),
    ]
    for language in LANGUAGES:
        cells = []
        for speaker in chosen:
            figures = bench.likeness([_spoken(bench.engine, clones[speaker.name], language)], speaker)
            cells += [f"{figures[f'{judge}_normalised']:.2f}" for judge in JUDGES]
        lines.append(f"| {language} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    if names == list(SPEAKERS):
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        table = "\n".join(lines)
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    _transcribe(bench.engine, clones[chosen[0].name])
    bench.engine.close()


def _spoken(engine: Engine, voice: EngineVoice, language: str) -> FloatArray:
    texts = (SENTENCES[language], LIKENESS_SENTENCES[language])
    return np.concatenate([engine.speak(chunk, voice) for text in texts for chunk in engine.plan(text, language)])


def _transcribe(engine: Engine, clone: EngineVoice) -> None:
    """Print the symbols that the network is given, and what is heard of the clone and of a stock voice."""
    transcriber, phonemizer = Transcriber(), Phonemizer()
    for language in LANGUAGES:
        own = next(voice.id for voice in engine.stock_voices() if voice.language == language)
        (symbols,) = sentence_symbols([normalise_text(SENTENCES[language], language)], language, phonemizer)
        print(f"\n{language}: {SENTENCES[language]}\n  given    {symbols}")
        for name, voice in (("the clone", clone), (own, engine.stock_voice(own))):
            wrong, heard = _heard(engine, transcriber, voice, language)
            print(f"  {name:12} {100 * wrong:3.0f} % wrong: {heard}", flush=True)
    phonemizer.close()


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
