"""Speaks every tag of the SSML subset with each kind of its values, and measures what is heard; sends 42 refused ones.

    make bench-setup && .venv/bin/python benchmarks/quality/ssml.py

One sentence is spoken plainly and with each tag around one word (`prosody pitch` around the whole of it): pauses, the
length, the median pitch and the level of what the tag is around, beside what was asked for. What changes the words is
transcribed by Whisper base.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks import reports
from benchmarks.quality.metrics import Transcriber
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.loudness import LoudnessNormalizer
from voxport.audio.pitch import median_f0
from voxport.engine import Engine, apply_levels, word_times
from voxport.text.ssml import values
from voxport.text.ssml.document import Document
from voxport.text.ssml.parser import SsmlError, parse_ssml
from voxport.text.ssml.say_as import KINDS

VOICE, OTHER_VOICE = "af_heart", "am_michael"
_SENTENCE = "The old captain remembered everything about the storm."
_WORD = "remembered everything"
_EDGE_SECONDS = 0.06
_BREAKS = ["0ms", "250ms", "1s", "2.5s", "10s"]
_RATES = [*values._RATES, "50%", "150%", "+25%", "-20%", "200%", "0.75"]
_PITCHES = [*values._PITCHES, "+2st", "-2st", "+5st", "-5st", "+20%", "-20%"]
_VOLUMES = [*values._VOLUMES, "+6dB", "-6dB", "-20dB"]
_SAY_AS = {
    "cardinal": ["1250", "-7"],
    "ordinal": ["21", "3rd"],
    "characters": ["B2X"],
    "date": ["2024-03-05", "5/3/2024"],
    "time": ["14:30", "7:05pm"],
    "telephone": ["+1 415 555 0132"],
}
REFUSED = [
    "<audio src='x.wav'/>", "<mark name='a'/>", "<bookmark mark='a'/>", "<w>a</w>", "<par>a</par>", "<speak>a</speak>",
    "<amazon:effect name='whispered'>a</amazon:effect>", "<break time='11s'/>", "<break time='soon'/>",
    "<break time='-1s'/>", "<break strength='huge'/>", "<break>a</break>", "<break length='1s'/>", "<sub>a</sub>",
    "<sub alias=''>a</sub>", "<sub alias='b'></sub>", "<sub alias='b'><s>a</s></sub>", "<say-as>1</say-as>",
    "<say-as interpret-as='currency'>1</say-as>", "<say-as interpret-as='cardinal'>many</say-as>",
    "<say-as interpret-as='ordinal'>x</say-as>", "<say-as interpret-as='date'>soon</say-as>",
    "<say-as interpret-as='date' format='xyz'>1/2</say-as>", "<say-as interpret-as='time'>25:99</say-as>",
    "<say-as interpret-as='telephone'>call me</say-as>", "<phoneme>a</phoneme>",
    "<phoneme alphabet='x-sampa' ph='a'>a</phoneme>", "<phoneme ph='ʘ'>a</phoneme>", "<phoneme ph='Q9'>a</phoneme>",
    "<prosody>a</prosody>", "<prosody rate='300%'>a</prosody>", "<prosody rate='brisk'>a</prosody>",
    "<prosody pitch='+20st'>a</prosody>", "<prosody pitch='200Hz'>a</prosody>", "<prosody volume='50'>a</prosody>",
    "<prosody range='high'>a</prosody>", "<emphasis level='huge'>a</emphasis>", "<lang xml:lang='xx'>a</lang>",
    "<p>open", "<!DOCTYPE speak><speak>a</speak>", "<speak>&nbsp;</speak>", "<voice>a</voice>",
]  # fmt: skip


@dataclass(frozen=True)
class Heard:
    audio: FloatArray
    words: list[tuple[float, float]]

    def seconds(self, first: int, last: int) -> float:
        return self.words[last][1] - self.words[first][0]

    def part(self, first: int, last: int) -> FloatArray:
        """Return what is heard of some words, without the sounds that run over from their neighbours."""
        bounds = (self.words[first][0] + _EDGE_SECONDS, self.words[last][1] - _EDGE_SECONDS)
        start, end = (round(seconds * SAMPLE_RATE) for seconds in bounds)
        return self.audio[start:end]


class SsmlBench:
    def __init__(self) -> None:
        self.engine = Engine.load()
        self._transcriber = Transcriber()
        self.rows: list[list[str | int | float]] = []
        self._plain = self.speak(_SENTENCE)
        self._whole = self.speak(f"<prosody rate='medium'>{_SENTENCE}</prosody>")

    def speak(self, markup: str) -> Heard:
        """Speak a text with markup, as the `local` provider does."""
        document, normalizer = document_of(markup), LoudnessNormalizer()
        audio, words, position = list[FloatArray](), list[tuple[float, float]](), 0
        for chunk in self.engine.plan("", "en-us", document=document, with_words=True):
            spoken = self.engine.speak_timed(chunk, self.engine.stock_voice(chunk.voice or VOICE))
            words += [
                (start + position / SAMPLE_RATE, end + position / SAMPLE_RATE)
                for start, end in word_times(chunk, spoken)
            ]
            pause = np.zeros(round(chunk.pause_seconds(1.0) * SAMPLE_RATE), np.float32)
            audio += [apply_levels(normalizer.process(spoken.audio), chunk, spoken.token_starts), pause]
            position += spoken.audio.size + pause.size
        return Heard(np.concatenate(audio), words)

    def add_break(self, attribute: str, seconds: float) -> None:
        heard = self.speak(f"The old captain <break {attribute}/> remembered everything.")
        pause = heard.words[3][0] - heard.words[2][1]
        self._add(f"<break {attribute}/>", f"{seconds:g} s", f"{pause:.2f} s between the words")

    def add_rate(self, value: str) -> None:
        heard = self.speak(_around(f"prosody rate='{value}'"))
        ratio = self._plain.seconds(3, 4) / heard.seconds(3, 4)
        self._add(f"<prosody rate='{value}'>", f"{values.rate(value):.2f} ×", f"{ratio:.2f} ×")

    def add_pitch(self, value: str) -> None:
        heard = self.speak(f"<prosody pitch='{value}'>{_SENTENCE}</prosody>")
        asked = values.semitones(value)
        self._add(
            f"<prosody pitch='{value}'>", f"{asked:+.1f} st", f"{_semitones(heard.audio, self._whole.audio):+.1f} st"
        )

    def add_volume(self, value: str) -> None:
        heard = self.speak(_around(f"prosody volume='{value}'"))
        level = _level(heard.part(3, 4)) - _level(self._plain.part(3, 4))
        asked = values.decibels(value)
        self._add(
            f"<prosody volume='{value}'>",
            "silence" if asked < -100 else f"{asked:+.0f} dB",
            f"{max(level, -120):+.1f} dB",
        )

    def add_emphasis(self, level: str | None) -> None:
        heard = self.speak(_around("emphasis" + (f" level='{level}'" if level else "")))
        ours, plain = heard.part(3, 4), self._plain.part(3, 4)
        rate, semitones, decibels = values.emphasis(level)
        times = self._plain.seconds(3, 4) / heard.seconds(3, 4)
        raised, louder = _semitones(ours, plain), _level(ours) - _level(plain)
        self._add(
            f"<emphasis{f' level={level!r}' if level else ''}>",
            f"{rate:.2f} ×, {semitones:+.1f} st, {decibels:+.1f} dB",
            f"{times:.2f} ×, {raised:+.1f} st, {louder:+.1f} dB",
        )

    def add_words(self, markup: str, asked: str, language: str = "en") -> None:
        heard = self._transcriber.transcribe(self.speak(markup).audio, language)
        self._add(markup, asked, f"“{heard}”")

    def add_lines(self, tag: str, pause: str) -> None:
        heard = self.speak(f"<{tag}>The captain slept</{tag}><{tag}>The storm came</{tag}>")
        self._add(f"<{tag}>", pause, f"{heard.words[3][0] - heard.words[2][1]:.2f} s between two")

    def _add(self, markup: str, asked: str, heard: str) -> None:
        self.rows.append([f"`{markup}`", asked, heard])
        print(*self.rows[-1], sep=" | ", flush=True)


def document_of(markup: str) -> Document:
    return parse_ssml(markup, language="en-us", languages={"en-us": "en-us", "fr": "fr-fr", "es": "es"}.get)


def refusals() -> list[tuple[str, str]]:
    """Return what is refused, each with the message; empty where it is taken."""
    found = []
    for markup in REFUSED:
        try:
            document_of(f"Read {markup} here.")
            found.append((markup, ""))
        except SsmlError as error:
            found.append((markup, str(error)))
    return found


def main() -> None:
    bench = SsmlBench()
    for value in _BREAKS:
        bench.add_break(f"time='{value}'", values.break_seconds(value, None))
    for strength, seconds in values._STRENGTHS.items():
        bench.add_break(f"strength='{strength}'", seconds)
    bench.add_lines("s", "as after a full stop")
    bench.add_lines("p", "as between paragraphs")
    for value in _RATES:
        bench.add_rate(value)
    for value in _PITCHES:
        bench.add_pitch(value)
    for value in _VOLUMES:
        bench.add_volume(value)
    for level in (None, *values.EMPHASIS):
        bench.add_emphasis(level)
    for kind in KINDS:
        for content in _SAY_AS[kind]:
            bench.add_words(f"It is <say-as interpret-as='{kind}'>{content}</say-as>.", kind)
    bench.add_words("Ask the <sub alias='World Wide Web Consortium'>W3C</sub> about it.", "the alias")
    bench.add_words("I say <phoneme alphabet='ipa' ph='təˈmɑːtəʊ'>tomato</phoneme> today.", "the phonemes")
    bench.add_words("<lang xml:lang='fr'>Bonjour, comment allez-vous aujourd'hui ?</lang>", "French", "fr")
    bench.add_words(f"She asked. <voice name='{OTHER_VOICE}'>He answered her question.</voice>", "two voices")
    bench.engine.close()
    refused = refusals()
    reports.write("1_ssml", _report(bench.rows), page="speech_control")
    reports.write("2_ssml_refused", _refused_report(refused), page="speech_control")


def _report(rows: list[list[str | int | float]]) -> reports.Report:
    return reports.Report(
        "SSML: what is heard",
        "python benchmarks/quality/ssml.py",
        passed=True,
        summary=[
            f"The voice {VOICE}, “{_SENTENCE}”; a tag is around “{_WORD}”, that of a pitch around the sentence.",
            "× is the rate against the plain sentence, st are semitones of the median pitch. The network follows a "
            "pitch only in part. The peaks of a louder part are limited, which takes some of its level.",
        ],
        columns=["markup", "asked", "heard"],
        rows=rows,
    )


def _refused_report(refused: list[tuple[str, str]]) -> reports.Report:
    return reports.Report(
        "SSML: what is refused",
        "python benchmarks/quality/ssml.py",
        passed=all(message for _, message in refused),
        summary=[f"{sum(bool(message) for _, message in refused)} of {len(refused)}, each after the word “Read ”."],
        columns=["markup", "message"],
        rows=[[f"`{markup}`", message or "**taken**"] for markup, message in refused],
    )


def _around(tag: str) -> str:
    return _SENTENCE.replace(_WORD, f"<{tag}>{_WORD}</{tag.split()[0]}>")


def _level(audio: FloatArray) -> float:
    return float(10 * np.log10(np.mean(np.square(audio.astype(np.float64))) + 1e-12))


def _semitones(audio: FloatArray, plain: FloatArray) -> float:
    ours, theirs = median_f0(audio, SAMPLE_RATE), median_f0(plain, SAMPLE_RATE)
    return float(12 * np.log2(ours / theirs)) if ours and theirs else float("nan")


if __name__ == "__main__":
    main()
