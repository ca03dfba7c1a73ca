"""Who acts. Apart from the log itself, so that a command can name itself without loading the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Actor:
    """Who acts: a key's id, `admin`, `cli` or `gateway`; and in which request."""

    name: str
    request_id: str | None = None


GATEWAY: Final = Actor("gateway")
CLI: Final = Actor("cli")
