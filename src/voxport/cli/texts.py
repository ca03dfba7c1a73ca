"""The text that a command speaks: its argument, standard input, or a file."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Final

import click

from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode

MAX_BYTES: Final = 4 * 1024**2
"""More than any gateway takes as a text, so that a wrong file is not read whole."""


def read_text(argument: str | None, file: Path | None) -> str:
    """Return the text without blanks around it. `-` is standard input. Raises UsageError, CommandError."""
    if (argument is None) == (file is None):
        raise click.UsageError("Give the text, or `-` to read it from standard input, or --file FILE.")
    if file is not None:
        text = _decode(_read_file(file), str(file))
    elif argument == "-":
        text = _decode(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
    else:
        assert argument is not None
        text = argument
        _require_no_file_name(text)
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes of the command line that are not UTF-8
        raise CommandError(
            "The text is not UTF-8.", ExitCode.BAD_INPUT, "Save it as a UTF-8 file and use --file."
        ) from None
    if not text.strip():
        raise CommandError("The text is empty.", ExitCode.BAD_INPUT)
    return text.strip()


def _read_file(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.", ExitCode.BAD_INPUT) from None


def _decode(content: bytes, name: str) -> str:
    if len(content) > MAX_BYTES:
        raise CommandError(
            f"{name} holds more than {MAX_BYTES // 1024**2} MB: that is no text to speak in one call.",
            ExitCode.BAD_INPUT,
            "Speak it chapter by chapter.",
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise CommandError(f"{name} is UTF-16.", ExitCode.BAD_INPUT, _convert(name, "UTF-16"))
    if b"\0" in content:
        raise CommandError(f"{name} is no text file: it holds zero bytes.", ExitCode.BAD_INPUT)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CommandError(
            f"{name} is not UTF-8: byte 0x{content[error.start]:02x} in line {line}.",
            ExitCode.BAD_INPUT,
            _convert(name, "WINDOWS-1252"),
        ) from None


def _convert(name: str, encoding: str) -> str:
    return f"Convert it, such as: iconv -f {encoding} -t UTF-8 {shlex.quote(name)} > text.txt"


def _require_no_file_name(text: str) -> None:
    """Raises CommandError for the name of a text file, which is spoken only by mistake."""
    if "\n" not in text and len(text) < 255 and text.lower().endswith((".txt", ".md")) and Path(text).is_file():
        raise CommandError(
            f"{text} is a file, and this would speak its name.", ExitCode.BAD_INPUT, f"Use --file {shlex.quote(text)}"
        )
