"""How a text is read, for people who look at it before it is spoken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadSentence:
    """A sentence: `text` as it was written, `spoken` as it is read (numbers and abbreviations in words), and its
    `phonemes` in IPA; None where only the provider knows them."""

    text: str
    spoken: str
    phonemes: str | None
