"""Converts text to IPA with eSpeak NG, as a separate program: `python espeak_child.py`. Imports nothing of the engine.

eSpeak NG is GPL-3.0-or-later and Voxport is Apache-2.0, so only this small program loads the library, and the engine
talks to it over pipes. A crash of the library also ends only this program. It reads one JSON line,
`{"language": "en-us", "texts": [...]}`, and writes one, `{"ipa": [...]}` in the same order or `{"error": "..."}`. It
ends when its standard input closes. Diphthongs and affricates are tied, `a^ɪ`.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any, ClassVar, Final

# Constants of espeak-ng's speak_lib.h (1.52).
_RETRIEVAL: Final = 1  # AUDIO_OUTPUT_RETRIEVAL: never opens a sound device
_DONT_EXIT: Final = 0x8000  # espeakINITIALIZE_DONT_EXIT: an error is returned instead of ending the program
_UTF8: Final = 1  # espeakCHARS_UTF8
_IPA: Final = 0x02  # phoneme mode: IPA
_TIE: Final = 0x80 | ord("^") << 8  # phoneme mode: tie the letters of one phoneme by this character


def main() -> None:
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keeps the library's own output out of the answers
    espeak = _Espeak()
    for line in sys.stdin.buffer:
        output.write(json.dumps(_answer(espeak, line)) + "\n")
        output.flush()


class _VoiceProperties(ctypes.Structure):
    """`espeak_VOICE` of speak_lib.h. Voices are selected by language, as a name is not always its language code."""

    _fields_: ClassVar = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


class _Espeak:
    """The library, loaded once. Not thread-safe, as the library is not."""

    def __init__(self) -> None:
        import espeakng_loader

        data = Path(espeakng_loader.get_data_path())
        self._library = ctypes.CDLL(str(Path(espeakng_loader.get_library_path()).resolve()))
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        # The library stores this path in 160 bytes. A relative path is short wherever the package is installed.
        os.chdir(data.parent)
        if self._library.espeak_Initialize(_RETRIEVAL, 0, b".", _DONT_EXIT) <= 0:
            raise RuntimeError("espeak-ng could not start")
        self._language = ""

    def ipa(self, text: str, language: str) -> str:
        if language != self._language:
            properties = _VoiceProperties(languages=language.encode())
            if self._library.espeak_SetVoiceByProperties(ctypes.byref(properties)) != 0:
                raise ValueError(f"espeak-ng has no voice for {language}")
            self._language = language
        remaining = ctypes.c_char_p(text.replace("\0", " ").encode("utf-8", "replace"))
        clauses = []
        while remaining.value is not None:
            clause = self._library.espeak_TextToPhonemes(ctypes.byref(remaining), _UTF8, _IPA | _TIE)
            clauses.append((clause or b"").decode("utf-8", "replace").strip())
        return " ".join(filter(None, clauses))


def _answer(espeak: _Espeak, line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        return {"ipa": [espeak.ipa(text, request["language"]) for text in request["texts"]]}
    except Exception as error:  # every error is reported to the client; only a crash ends this program
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
