"""The languages that the engine speaks, and the sample rate of all its audio."""

from __future__ import annotations

from typing import Final

SAMPLE_RATE: Final = 24_000
"""Hz, of every float32 mono array that goes into the engine or comes out of it (Kokoro's own rate)."""

LANGUAGES: Final[tuple[str, ...]] = ("en-us", "en-gb", "es", "fr-fr", "it", "pt-br", "hi")
"""What can be spoken: the languages that Kokoro-82M v1.0 was trained on and that espeak-ng phonemises.
Japanese and Chinese packs take part in mixes, but their front ends are not part of the engine."""

LANGUAGE_OF_PREFIX: Final[dict[str, str]] = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "p": "pt-br",
    "j": "ja",
    "z": "zh",
}
"""The first letter of a stock voice's id is its language; the second its gender, `f` or `m`."""
