"""One-time links that sign a browser in: `voxport studio` creates one, and the page exchanges it for a key.

A link's token stands in the fragment of the URL, which browsers send to nobody, and is good for a minute. The data
folder holds a file named by the token's hash, which says whose it is: only a gateway that runs on this folder can
exchange it. Whoever removes the file first has the only use of the link.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from voxport.clock import now
from voxport.errors import Forbidden

LIFETIME: Final = timedelta(seconds=60)
FRAGMENT: Final = "sign-in="
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class SignInLink:
    """`url` has the token. `page` is a file of this user that leads to it: a browser that is started with its path
    shows the token to no other user of the machine, as the arguments of a process would."""

    url: str
    page: Path


class SignInLinks:
    def __init__(self, data_dir: Path, clock: Callable[[], datetime] = now) -> None:
        self._folder = data_dir / "sign-in"
        self._clock = clock

    def create(self, profile_id: str, gateway_url: str) -> SignInLink:
        """Create a link to the Studio of the gateway at this URL. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._sweep()
        token = secrets.token_urlsafe(32)
        url = f"{gateway_url}/studio#{FRAGMENT}{token}"
        grant = {"profile_id": profile_id, "expires_at": (self._clock() + LIFETIME).timestamp()}
        page = self._path(token, ".html")
        _write(page, _page(url))
        _write(self._path(token, ".json"), json.dumps(grant))
        return SignInLink(url, page.absolute())

    def redeem(self, token: str) -> str:
        """Use a link up, and return the id of its profile. Raises Forbidden if it is unknown, used or expired."""
        if _TOKEN.fullmatch(token) is None:
            raise _unusable()
        path = self._path(token, ".json")
        try:
            content = path.read_text("utf-8")
            path.unlink()  # of two at once, only one gets past this line
        except FileNotFoundError:
            raise _unusable() from None
        with contextlib.suppress(OSError):
            self._path(token, ".html").unlink()
        grant = json.loads(content)
        if self._clock().timestamp() >= grant["expires_at"]:
            raise _unusable()
        profile_id: str = grant["profile_id"]
        return profile_id

    def _path(self, token: str, suffix: str) -> Path:
        return self._folder / (hashlib.sha256(token.encode()).hexdigest() + suffix)

    def _sweep(self) -> None:
        """Remove what expired links have left."""
        limit = (self._clock() - LIFETIME).timestamp()
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()


def _write(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


def _page(url: str) -> str:
    address = html.escape(url)
    return (
        '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Voxport Studio</title>'
        f'<meta http-equiv="refresh" content="0;url={address}"><a href="{address}">Open the Studio</a>\n'
    )


def _unusable() -> Forbidden:
    return Forbidden(
        "This link was used before, or is older than a minute. Run voxport studio again, or sign in with a key.",
        code="sign_in_link_unusable",
    )
