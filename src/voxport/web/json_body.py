"""Parses the JSON of a request once, and refuses duplicate fields."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from voxport.errors import Invalid

_MAX_SHOWN_CHARACTERS = 100
_MAX_IN_LOOP_BYTES = 16 * 1024
"""Larger bodies are parsed in a thread: a megabyte of small objects would block the event loop for 0.2 s."""


class JsonRequest(Request):
    """A request whose JSON body is parsed by `reject_duplicate_fields`; the framework then reuses the result. The
    framework also reports JSON that can't be parsed."""

    async def reject_duplicate_fields(self) -> None:
        """Raises Invalid if an object, at any depth, has two fields of the same name. Parsers differ in which one they
        use, so the gateway and a filter in front of it could read different values."""
        body = await self.body()
        if not body or not _is_json(self.headers.get("content-type", "")):
            return
        try:
            if len(body) > _MAX_IN_LOOP_BYTES:
                self._parsed = (await run_in_threadpool(_parse, body),)
            else:
                self._parsed = (_parse(body),)
        except _DuplicateFieldError as error:
            raise Invalid(
                f"The field `{error.name}` stands twice in one object of the body. Send it once.",
                location=("body", error.name),
            ) from None
        except (ValueError, RecursionError):
            return

    @property
    def is_parsed(self) -> bool:
        """Whether `reject_duplicate_fields` has parsed a body."""
        return hasattr(self, "_parsed")

    async def json(self) -> Any:
        parsed: tuple[Any] | None = getattr(self, "_parsed", None)
        return parsed[0] if parsed is not None else await super().json()


def _parse(body: bytes) -> Any:
    return json.loads(body, object_pairs_hook=_reject_duplicates)


class _DuplicateFieldError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name.encode("utf-8", "replace").decode()[:_MAX_SHOWN_CHARACTERS]


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise _DuplicateFieldError(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
    return found


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
