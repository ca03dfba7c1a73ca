"""Runs espeak-ng as a child process, sends it requests, and restarts it after a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Final

from voxport.cache_folder import default_cache
from voxport.engine_errors import EngineUnavailable
from voxport.poll import is_readable
from voxport.text import eastasian
from voxport.text.languages import MISAKI_LANGUAGES
from voxport.text.phonemes import to_symbols

_ANSWER_TIMEOUT_SECONDS: Final = 30.0
_TEXTS_PER_REQUEST: Final = 200
_PROGRAM: Final = Path(__file__).with_name("espeak_child.py")
"""Run as a file: as a module it would first import the whole engine, which takes longer than all its work."""


class Phonemizer:
    """Converts text to Kokoro's symbols with espeak-ng in a child process, or with misaki (Japanese, Chinese) in this
    process. Thread-safe; calls run one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def symbols(self, texts: list[str], language: str) -> list[str]:
        """Returns the symbols of each text. Raises EngineUnavailable if espeak-ng reports an error or dies twice on the
        same texts."""
        if language in MISAKI_LANGUAGES:
            english_symbols = partial(self.symbols, language="en-us")
            return [eastasian.misaki_symbols(text, language, english_symbols, default_cache()) for text in texts]
        answers: list[str] = []
        for start in range(0, len(texts), _TEXTS_PER_REQUEST):
            batch = texts[start : start + _TEXTS_PER_REQUEST]
            answers += [to_symbols(ipa, language) for ipa in self._request(batch, language)]
        return answers

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _request(self, texts: list[str], language: str) -> list[str]:
        request = json.dumps({"language": language, "texts": texts}).encode() + b"\n"
        with self._lock:
            for _ in range(2):
                try:
                    answer = json.loads(self._exchange(request))
                except (OSError, EOFError, TimeoutError):
                    self._stop()
                    continue
                if "error" in answer:
                    raise EngineUnavailable("The text could not be turned into phonemes.")
                return [str(ipa) for ipa in answer["ipa"]]
        raise EngineUnavailable("The text could not be turned into phonemes: the phonemizer stopped.")

    def _exchange(self, request: bytes) -> bytes:
        if self._child is None or self._child.poll() is not None:
            self._stop()
            self._child = subprocess.Popen(  # noqa: S603 - this interpreter, and a file of this package
                [sys.executable, "-P", str(_PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        child = self._child
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(request)
        return _read_line(child.stdout.fileno(), time.monotonic() + _ANSWER_TIMEOUT_SECONDS)

    def _stop(self) -> None:
        if self._child is None:
            return
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child = None


def _read_line(fileno: int, deadline: float) -> bytes:
    """Reads one line from a pipe. Raises EOFError if its writer is gone, TimeoutError after `deadline` (monotonic)."""
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        if not is_readable(fileno, deadline - time.monotonic()):
            raise TimeoutError
        part = os.read(fileno, 1 << 16)
        if not part:
            raise EOFError
        parts.append(part)
    return b"".join(parts)
