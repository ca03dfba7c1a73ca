"""The recording that a command is given: a file, or the URL of one."""

from __future__ import annotations

from pathlib import Path

from voxport.cli.connection import GatewayConnection
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.progress import show_upload


def require_recording(source: str) -> None:
    """Raises CommandError if `source` is neither a URL nor a file that can be read."""
    if not is_url(source):
        require_file(source, "Name a recording or a video in it.", "Record it again.")


def require_file(source: str, folder_hint: str, empty_hint: str) -> None:
    """Raises CommandError, with a hint for a folder or an empty file, if `source` is no file that can be read."""
    path = Path(source)
    try:
        if path.is_dir():
            raise CommandError(f"{source} is a folder.", ExitCode.BAD_INPUT, folder_hint)
        with path.open("rb") as file:
            if not file.read(1):
                raise CommandError(f"{source} is empty.", ExitCode.BAD_INPUT, empty_hint)
    except OSError as error:
        raise CommandError(f"{source} can't be read: {error.strerror}.", ExitCode.BAD_INPUT) from None
    except ValueError:  # a zero byte in the name
        raise CommandError(f"{source!r} is no name of a file.", ExitCode.BAD_INPUT) from None


def upload(connection: GatewayConnection, source: str) -> str:
    """Upload a file, and return the URL under which the gateway finds it; a URL is returned as it is."""
    if is_url(source):
        return source
    with show_upload("Uploading") as on_progress:
        return connection.client.media.upload(Path(source), on_progress=on_progress).public_url


def is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))
