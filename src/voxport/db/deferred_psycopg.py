"""Lets packages that import psycopg be imported without loading it: it takes 10 MiB, and SQLite does not need it."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

_NAMES: Final = ("psycopg", "psycopg.errors")


@contextlib.contextmanager
def psycopg_on_first_use() -> Iterator[None]:
    """Modules that are imported in the block and import `psycopg`, or `errors` from it, get a stand-in that loads it at
    the first access to an attribute. Imports after the block load it at once."""
    if "psycopg" in sys.modules:
        yield
        return
    package, errors = (_Deferred(name) for name in _NAMES)
    package.__dict__["errors"] = errors
    sys.modules.update(zip(_NAMES, (package, errors), strict=True))
    try:
        yield
    finally:
        for name in _NAMES:
            del sys.modules[name]


class _Deferred(ModuleType):
    def __getattr__(self, attribute: str) -> Any:
        if sys.modules.get(self.__name__) is self:  # still inside the block: nothing may be loaded yet
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self.__name__), attribute)
