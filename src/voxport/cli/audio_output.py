"""Where a command puts audio: a file, standard output, or a player. All of it is checked before anything is paid."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.output import is_json, note

if TYPE_CHECKING:
    from voxport_client import OutputFormat

FORMATS: Final[dict[str, OutputFormat]] = {
    ".mp3": "mp3",
    ".wav": "wav",
    ".ogg": "ogg",
    ".opus": "ogg",
    ".flac": "flac",
    ".pcm": "pcm",
    ".raw": "pcm",
    ".aac": "aac",
    ".ulaw": "ulaw",
    ".alaw": "alaw",
}
NAMES: Final[tuple[OutputFormat, ...]] = ("mp3", "wav", "ogg", "flac", "pcm", "aac", "ulaw", "alaw")
_PLAYERS: Final = {
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error", "-"),
    "mpv": ("--no-video", "--really-quiet", "-"),
    "paplay": (),
    "aplay": ("-q", "-"),
    "afplay": (),
}
"""Programs with their arguments, the best first. With `-` they read standard input; the others need a file."""

NO_PLAYER: Final = f"There is no player here ({', '.join(_PLAYERS)}). The audio goes to {{}}."


@dataclass(frozen=True)
class AudioTarget:
    """`path` is None for standard output. `format` is what is asked of the gateway."""

    path: Path | None
    format: OutputFormat

    @property
    def name(self) -> str:
        return "standard output" if self.path is None else str(self.path)


def parse_target(output: str, wanted: OutputFormat | None, *, allowed: Iterable[str] = NAMES) -> AudioTarget:
    """Read `-o` and `--format`, and prove that the file can be written. `-` is standard output. Raises CommandError."""
    allowed = tuple(allowed)
    if output == "-":
        if is_json():
            raise click.UsageError("Standard output can't hold both the audio and --json.")
        if sys.stdout.isatty():
            raise CommandError(
                "Standard output is a terminal, which shows no audio.", ExitCode.USAGE, "Name a file, or leave -o out."
            )
        return AudioTarget(None, wanted or ("mp3" if "mp3" in allowed else "wav"))
    path = Path(output)
    require_writable(path)
    by_name = FORMATS.get(path.suffix.lower())
    if by_name is not None and wanted is not None and by_name != wanted:
        raise CommandError(
            f"{output} is named as {by_name}, and --format asks for {wanted}.", ExitCode.BAD_INPUT, "Leave one out."
        )
    chosen = wanted or by_name
    if chosen is None or chosen not in allowed:
        known = ", ".join(sorted(suffix for suffix, name in FORMATS.items() if name in allowed))
        raise CommandError(
            f"{path.suffix or output} is no format of this command.",
            ExitCode.BAD_INPUT,
            f"End the name with one of {known}" + (", or give --format." if len(allowed) > 1 else "."),
        )
    return AudioTarget(path, chosen)


def require_writable(path: Path) -> None:
    """Prove that `path` can be written: a pipe or a device by its permissions, else by a file beside it, or beside what
    it links to. Raises CommandError."""
    try:
        if path.is_dir():
            raise CommandError(f"{path} is a folder.", ExitCode.BAD_INPUT, f"Name a file in it: {path / 'speech.mp3'}")
        if path.exists() and not path.is_file():
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        folder = (Path(os.path.realpath(path)) if path.is_symlink() else path).parent
        if not folder.exists():
            how = f"Make it first: mkdir -p {shlex.quote(str(folder))}"
            raise CommandError(f"There is no folder {folder}.", ExitCode.BAD_INPUT, how)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".voxport-") as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
        with contextlib.suppress(FileNotFoundError):
            path.lstat()  # raises also for a name that no file can have
            path.open("ab").close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(f"{path} can't be written: {reason}.", ExitCode.BAD_INPUT) from None


def unused_path(suffix: str) -> Path:
    """Return `speech.wav`, `speech-2.wav`, … in this folder, which is not there yet, else a name in the temporary
    folder that other users can't guess, to put a link there. Raises CommandError if neither can be written."""
    try:
        require_writable(Path(f".voxport{suffix}"))
    except CommandError:
        path = Path(tempfile.gettempdir()) / f"speech-{secrets.token_hex(8)}{suffix}"
        require_writable(path)
        return path
    number = 1
    while os.path.lexists(path := Path(f"speech{f'-{number}' if number > 1 else ''}{suffix}")):
        number += 1
    return path


def find_player() -> str | None:
    return next((name for name in _PLAYERS if shutil.which(name)), None)


class Playback:
    """Plays a WAV file while it comes. The audio is paid for, so it is kept in `file` until it was heard."""

    def __init__(self, player: str, fallback: Path) -> None:
        """`fallback` is where the audio is moved to if the player fails."""
        self._player = player
        self._fallback = fallback
        self._is_live = "-" in _PLAYERS[player]
        self._process: subprocess.Popen[bytes] | None = None
        self.file = tempfile.NamedTemporaryFile(prefix="voxport-", suffix=".wav")  # noqa: SIM115  # `play` closes it

    def play(self, chunks: Iterable[bytes]) -> Path | None:
        """Play the audio to its end. Return the file that holds it if the player failed, else None."""
        try:
            for chunk in chunks:
                self.file.write(chunk)
                self._feed(chunk)
            self.file.flush()
        except BaseException:
            self._stop()
            if self.file.tell():
                self._save_copy("was interrupted")
            self.file.close()
            raise
        try:
            if self._finish() == 0:
                return None
            return self._save_copy(f"could not be played by {self._player}")
        except KeyboardInterrupt:  # heard enough
            self._stop()
            return None
        finally:
            self.file.close()

    def _feed(self, chunk: bytes) -> None:
        if not self._is_live:
            return
        if self._process is None:
            self._process = self._start(subprocess.PIPE)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(chunk)
        except OSError:  # the player has ended; its exit code says more
            self._is_live = False

    def _finish(self) -> int:
        if self._process is None:
            self._process = self._start(subprocess.DEVNULL, self.file.name)
        elif self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                return 1
        code = self._process.wait()
        return code if self._is_live or "-" not in _PLAYERS[self._player] else code or 1

    def _start(self, stdin: int, *more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  # a program that was found on PATH
            [self._player, *_PLAYERS[self._player], *more],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _save_copy(self, what: str) -> Path:
        """Copy what was to be played to a file that a person finds, and return its path."""
        self.file.flush()
        with Path(self.file.name).open("rb") as source:
            path = self._fallback
            while True:
                try:
                    with path.open("xb") as target:  # follows no link that was put there meanwhile
                        shutil.copyfileobj(source, target)
                    break
                except FileExistsError:
                    path = unused_path(path.suffix)
        note(f"The audio {what}; it is in {path}.")
        return path


def write_stdout(chunks: Iterable[bytes]) -> None:
    """Write audio to standard output as it comes. Raises BrokenPipeError when the reader has gone."""
    stream = sys.stdout.buffer
    for chunk in chunks:
        stream.write(chunk)
        stream.flush()
