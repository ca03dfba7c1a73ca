"""Times and counts the calls of an object, whatever methods it has."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, TypeVar, cast

T = TypeVar("T")


class CallObserver(Protocol):
    """Observes the calls of one object."""

    def is_failure(self, error: BaseException) -> bool:
        """Whether an error that a method raised is a fault of the object, not an answer to its caller."""

    def is_block_failure(self, error: BaseException) -> bool:
        """Likewise for an error in the block of a context manager, which may be the block's own."""

    def on_call_end(self, operation: str, seconds: float, *, has_failed: bool) -> None: ...


def observe_calls(target: T, operations: frozenset[str], observer: CallObserver) -> T:
    """Return an object that behaves as `target` and reports each call of the methods named in `operations`.

    If a method returns a context manager, its entry and its exit are timed together, without the block."""
    return cast(T, _ObservedTarget(target, operations, observer))


class _ObservedTarget:
    def __init__(self, target: object, operations: frozenset[str], observer: CallObserver) -> None:
        self._target = target
        self._operations = operations
        self._observer = observer

    def __getattr__(self, name: str) -> Any:
        """Called once for each name: the result is stored in the instance."""
        value = getattr(self._target, name)
        if name in self._operations:
            value = _observed(name, value, self._observer)
            self.__dict__[name] = value
        return value


def _observed(name: str, call: Callable[..., Any], observer: CallObserver) -> Callable[..., Any]:
    @functools.wraps(call)
    def observed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            result = call(*args, **kwargs)
        except Exception as error:
            observer.on_call_end(name, time.perf_counter() - began, has_failed=observer.is_failure(error))
            raise
        seconds = time.perf_counter() - began
        if hasattr(result, "__enter__") and not hasattr(result, "read"):
            return _ObservedBlock(name, result, observer, seconds)
        observer.on_call_end(name, seconds, has_failed=False)
        return result

    return observed


class _ObservedBlock:
    """A context manager that a method returned. It passes on everything else that the result can do."""

    def __init__(self, name: str, block: AbstractContextManager[Any], observer: CallObserver, seconds: float) -> None:
        self._name = name
        self._block = block
        self._observer = observer
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._block, name)

    def __enter__(self) -> Any:
        began = time.perf_counter()
        try:
            return self._block.__enter__()
        except Exception as error:
            self._end(began, self._observer.is_failure(error))
            raise
        finally:
            self._seconds += time.perf_counter() - began

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        began = time.perf_counter()
        has_failed = error is not None and self._observer.is_block_failure(error)
        try:
            suppressed = self._block.__exit__(kind, error, trace)
        except Exception as raised:
            self._end(began, has_failed or (raised is not error and self._observer.is_failure(raised)))
            raise
        self._end(began, has_failed)
        return suppressed

    def _end(self, began: float, has_failed: bool) -> None:
        self._observer.on_call_end(self._name, self._seconds + time.perf_counter() - began, has_failed=has_failed)
