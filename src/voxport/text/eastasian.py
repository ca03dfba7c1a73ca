"""Phonemises Japanese and Chinese with misaki, if installed: Kokoro was trained on its symbols for them.

misaki reads numbers, segments words, and writes them as symbols, Chinese with tones. Latin words go to espeak-ng,
because misaki leaves them as letters.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

_LATIN_WORDS: Final = re.compile(r"([A-Za-z\u00c0-\u024f]+(?:[' -][A-Za-z\u00c0-\u024f]+)*)")
"""Runs of words in Latin letters."""


def misaki_symbols(text: str, language: str, english_symbols: Callable[[list[str]], list[str]], cache_dir: Path) -> str:
    """Returns Kokoro's symbols of `text`; `english_symbols` converts the Latin words in it. `cache_dir` holds jieba's
    dictionary cache: in the temporary folder, its default, anybody could plant one."""
    parts = _LATIN_WORDS.split(text)
    words = iter(english_symbols(parts[1::2])) if len(parts) > 1 else iter(())
    front_end = _load_front_end(language, cache_dir)
    part_symbols = [next(words) if i % 2 else front_end(part) if part.strip() else " " for i, part in enumerate(parts)]
    return " ".join(" ".join(part_symbols).split())


def segment(text: str, language: str, cache_dir: Path) -> list[str]:
    """Return the words of `text`, which joined are the text; `cache_dir` as in `misaki_symbols`."""
    return _load_segmenter(language, cache_dir)(text)


@cache
def _load_segmenter(language: str, cache_dir: Path) -> Callable[[str], list[str]]:
    if language == "ja":
        from fugashi import Tagger

        tagger = Tagger("-Owakati")
        return lambda text: str(tagger.parse(text)).split()
    _load_front_end(language, cache_dir)
    import jieba

    return lambda text: [str(word) for word in jieba.cut(text)]


@cache
def _load_front_end(language: str, cache_dir: Path) -> Callable[[str], str]:
    """Loads the front end with the first text, which takes a second for Chinese."""
    if language == "ja":
        from misaki.cutlet import Cutlet

        japanese = Cutlet()
        return lambda text: str(japanese(text)[0])
    import jieba
    from misaki.zh import ZHG2P

    jieba.setLogLevel(logging.WARNING)
    jieba.dt.tmp_dir = _writable_folder(cache_dir)
    chinese = ZHG2P()
    return lambda text: str(chinese(text)[0])


def _writable_folder(folder: Path) -> str:
    """Creates `folder` and returns it, or a new temporary folder if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return tempfile.mkdtemp(prefix="voxport-")
    return str(folder)
