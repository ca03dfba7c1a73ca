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
