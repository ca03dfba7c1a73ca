"""Generates prose of any length with known words: paragraphs of sentences drawn with a seed."""

from __future__ import annotations

import random

_WHO = (
    "the old sailor", "my sister", "a tall stranger", "the baker", "her youngest brother", "the night watchman",
    "our neighbour", "the teacher", "a woman in a green coat", "the doctor", "the children", "two farmers",
    "the captain", "a young painter", "the girl from the station", "an old friend of mine",
)  # fmt: skip
_DID = (
    "carried the heavy basket", "opened the wooden gate", "looked for the missing key", "waited without a word",
    "counted the boats", "told the same story again", "left a letter on the table", "sang a quiet song",
    "mended the broken chair", "watched the first snow fall", "closed the window", "bought bread and apples",
    "remembered the long winter", "walked along the empty road", "lit the lamp", "listened to the wind",
)  # fmt: skip
_WHERE = (
    "behind the church", "near the old bridge", "at the edge of the forest", "in the small kitchen",
    "by the river", "in front of the market", "under the great tree", "on the hill above the town",
    "beside the harbour wall", "at the end of the garden", "in the house across the street", "on the last train",
)  # fmt: skip
_WHEN = (
    "before the sun came up", "after the rain had stopped", "when the bells began to ring", "every evening",
    "on the first day of spring", "while the others slept", "long after midnight", "as soon as the road was clear",
    "in the middle of the week", "until the light was gone",
)  # fmt: skip
_JOINS = (" and ", ", but ", ", so ", " because ")
_SENTENCES = 6  # per paragraph


def prose(characters: int, seed: int = 7) -> str:
    """Return paragraphs separated by an empty line, `characters` in all or slightly fewer."""
    draw = random.Random(seed)
    paragraphs: list[str] = []
    left = characters
    while True:
        paragraph = " ".join(_sentence(draw) for _ in range(_SENTENCES))
        left -= len(paragraph) + 2
        if left < 0:
            return "\n\n".join(paragraphs)
        paragraphs.append(paragraph)


def _sentence(draw: random.Random) -> str:
    clause = f"{draw.choice(_WHO)} {draw.choice(_DID)} {draw.choice(_WHERE)}"
    kind = draw.randrange(4)
    if kind == 0:
        clause = f"{draw.choice(_WHEN)}, {clause}"
    elif kind == 1:
        clause = f"{clause} {draw.choice(_WHEN)}"
    elif kind == 2:
        clause = f"{clause}{draw.choice(_JOINS)}{draw.choice(_WHO)} {draw.choice(_DID)}"
    return clause[0].upper() + clause[1:] + "."
