"""Checks texts with the operator's moderation, which is an entry point of another package."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from typing import Final, Protocol

from voxport.catalog import ServiceName
from voxport.errors import Forbidden, ModerationUnavailable

ENTRY_POINT_GROUP: Final = "voxport.moderation"
_THREADS: Final = 16
_MAX_CHARACTERS: Final = 500
_log = logging.getLogger("voxport.moderation")


class ModerationCheck(Protocol):
    """The function behind the entry point. It returns None if the text may be spoken, else a sentence that tells the
    caller why not. It is called in several threads at once. If it raises or returns anything else, the text counts as
    not judged."""

    def __call__(self, text: str, *, profile_id: str, voice_id: str | None, service: str) -> str | None: ...


class Moderation:
    """Runs the operator's check with a timeout. `check` is None if none is configured."""

    def __init__(self, check: ModerationCheck | None, *, timeout: float) -> None:
        """`timeout` in seconds."""
        self._check = check
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="moderation") if check is not None else None

    def require(self, text: str, *, profile_id: str, voice_id: str | None, service: ServiceName) -> None:
        """Raises Forbidden if the text is refused, ModerationUnavailable if it was not judged in time."""
        if self._check is None or self._threads is None:
            return
        future = self._threads.submit(self._check, text, profile_id=profile_id, voice_id=voice_id, service=service)
        try:
            refusal: object = future.result(self._timeout)
        except Exception as error:
            future.cancel()
            _log.exception("moderation failed", extra={"error": type(error).__name__})
            raise ModerationUnavailable from None
        if refusal is None:
            return
        if not isinstance(refusal, str) or not refusal.strip():
            _log.error("moderation gave neither None nor a sentence", extra={"type": type(refusal).__name__})
            raise ModerationUnavailable
        raise Forbidden(refusal.strip()[:_MAX_CHARACTERS], code="refused_by_moderation")

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def open_moderation(name: str | None, *, timeout: float) -> Moderation:
    """Load the entry point `name`. Raises ValueError if it is not installed or can't be loaded, so that a gateway never
    starts without its configured moderation."""
    if name is None:
        return Moderation(None, timeout=timeout)
    found = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in found:
        there = ", ".join(sorted(found)) or "none"
        raise ValueError(
            f"VOXPORT_MODERATION: no package brings {name!r} in the group {ENTRY_POINT_GROUP}; installed: {there}"
        )
    try:
        check: ModerationCheck = found[name].load()
    except Exception as error:
        raise ValueError(f"VOXPORT_MODERATION: {name!r} can't be loaded: {type(error).__name__}: {error}") from error
    if not callable(check):
        raise ValueError(f"VOXPORT_MODERATION: {name!r} is no function")
    return Moderation(check, timeout=timeout)
