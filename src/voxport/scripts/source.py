"""Gets the script of a request: from its body, or from an upload or a URL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from voxport.errors import AudioUrlUnusable, BadSignature, Invalid, TooLarge
from voxport.fetch.client import FetchPolicy, fetch
from voxport.samples.loader import SampleLoader
from voxport.scripts.formats.read import read_script
from voxport.scripts.script import Script, ScriptError
from voxport.storage.base import Storage
from voxport.storage.workdirs import work_dir

MAX_BYTES: Final = 100 * 1024 * 1024
_UNFETCHED: Final = (
    "The scriptUrl could not be fetched. Give a public http(s) URL of a script or an EPUB, or upload the file with "
    "upload-media (media_type document) and use its public_url."
)


class ScriptSource:
    def __init__(self, samples: SampleLoader, storage: Storage, policy: FetchPolicy) -> None:
        self._samples = samples
        self._storage = storage
        self._policy = replace(policy, max_bytes=MAX_BYTES)

    def from_url(self, profile_id: str, url: str, script_format: str | None, *, with_front_matter: bool) -> Script:
        """Load and read a script. Raises Invalid, NotFound, BadSignature, AudioUrlUnusable, TooLarge."""
        with _as_script_url():
            source = self._samples.locate(profile_id, url)
        place = ("body", "scriptUrl")
        if source.key is not None:
            if (self._storage.size(source.key) or 0) > MAX_BYTES:
                raise _too_large()
            name = PurePosixPath(source.key).name
            with self._storage.local_copy(source.key) as path:
                return read(path, script_format, name=name, with_front_matter=with_front_matter, location=place)
        name = PurePosixPath(urlsplit(url).path).name
        with work_dir() as folder:  # in memory, forty callers would have gigabytes
            path = folder / "script"
            with path.open("wb") as file, _as_script_url():
                fetch(url, file, self._policy)
            return read(path, script_format, name=name, with_front_matter=with_front_matter, location=place)


@contextlib.contextmanager
def _as_script_url() -> Iterator[None]:
    """Let the errors of a recording's URL speak of a script's."""
    try:
        yield
    except AudioUrlUnusable as error:
        message = _UNFETCHED if error.message == error.TEXT else error.message.replace("audioUrl", "scriptUrl")
        raise AudioUrlUnusable(message) from None
    except BadSignature as error:
        raise BadSignature(error.message.replace("audioUrl", "scriptUrl")) from None
    except TooLarge:
        raise _too_large() from None


def _too_large() -> TooLarge:
    return TooLarge(f"A script has at most {MAX_BYTES:,} bytes.", details={"max_bytes": MAX_BYTES})


def read(
    content: bytes | Path,
    script_format: str | None,
    *,
    name: str = "",
    with_front_matter: bool = False,
    location: tuple[str, ...] = ("body", "script_text"),
) -> Script:
    """Read a script, or the one in a file. Raises Invalid."""
    try:
        data = content.read_bytes() if isinstance(content, Path) else content
        return read_script(data, script_format, name=name, with_front_matter=with_front_matter)
    except ScriptError as error:
        raise invalid(error, location) from None


def invalid(error: ScriptError, location: tuple[str, ...]) -> Invalid:
    return Invalid(str(error), location=location, details={**error.details, "place": error.place})
