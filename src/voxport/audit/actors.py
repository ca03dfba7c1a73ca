"""Actors of the audit log, in a module of their own so that commands can use them without loading the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Actor:
    """Who does something (a key's id, `admin`, `cli` or `gateway`), and in which request."""

    name: str
    request_id: str | None = None


GATEWAY: Final = Actor("gateway")
CLI: Final = Actor("cli")
