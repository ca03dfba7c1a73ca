"""Spans of OpenTelemetry traces. Until `start_tracing` nothing is recorded, and a span costs a comparison.

Spans hold routes, names of services and providers, ids of the gateway, numbers and error codes; never a text, a key, a
URL or a name. The SDK is imported by `otel.py`, which only `start_tracing` imports.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import Final, Literal, Protocol

Value = str | int | float | bool
SpanKind = Literal["internal", "server", "client"]
_ENDPOINT_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_log = logging.getLogger("voxport.tracing")


class Span(Protocol):
    """A measured piece of work. Used as a context manager it is current in the block, and ends with it; an error of the
    block is recorded by the name of its class."""

    @property
    def traceparent(self) -> str | None:
        """The span's place in its trace, as W3C Trace Context writes it; None while nothing is recorded."""

    def set(self, name: str, value: Value) -> None: ...

    def rename(self, name: str) -> None: ...

    def fail(self, reason: str) -> None:
        """Mark the span as failed. `reason` is an error's code or class, not its message."""

    def end(self) -> None: ...

    def __enter__(self) -> Span: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Tracer(Protocol):
    """What records spans. `parent` is a `traceparent`; times are Unix nanoseconds."""

    def start(self, name: str, kind: SpanKind, parent: str | None, start: int | None) -> Span: ...

    def end(self, span: Span, end: int) -> None: ...

    def close(self, seconds: float) -> None: ...


class _NoSpan:
    """The span while nothing is recorded."""

    __slots__ = ()
    traceparent: None = None

    def set(self, name: str, value: Value) -> None: ...

    def rename(self, name: str) -> None: ...

    def fail(self, reason: str) -> None: ...

    def end(self) -> None: ...

    def __enter__(self) -> _NoSpan:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


NO_SPAN: Final[Span] = _NoSpan()
_NOTHING: Final = contextlib.nullcontext()
_tracer: Tracer | None = None
_is_propagated = False
_parent: ContextVar[str | None] = ContextVar("voxport_traceparent", default=None)


def start_tracing(endpoint: str | None, *, process: str, version: str, is_propagated: bool = False) -> bool:
    """Begin to record spans and send them to a collector, by OTLP over HTTP. Returns whether it does.

    Without an `endpoint` (such as `http://127.0.0.1:4318`) the standard variables `OTEL_EXPORTER_OTLP_…` say where to
    send them; where these are not set either, nothing is imported and nothing recorded. `process` is `api` or `worker`.
    With `is_propagated`, requests to hosted providers have a `traceparent`."""
    global _tracer, _is_propagated
    is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if is_disabled or (endpoint is None and not any(os.environ.get(name) for name in _ENDPOINT_VARIABLES)):
        return False
    try:
        from voxport.telemetry.otel import OtelTracer
    except ModuleNotFoundError as error:
        _log.error("no traces are sent: install voxport[otel]", extra={"missing": error.name})
        return False
    stop_tracing(seconds=0)
    _tracer, _is_propagated = OtelTracer(endpoint, process=process, version=version), is_propagated
    return True


def stop_tracing(*, seconds: float) -> None:
    """Send the spans that have ended, for `seconds` at most, and record no more."""
    global _tracer
    tracer, _tracer = _tracer, None
    if tracer is not None:
        tracer.close(seconds)


def is_tracing() -> bool:
    return _tracer is not None


def start_span(name: str, kind: SpanKind = "internal", *, parent: str | None = None) -> Span:
    """Start a span below `parent`, or else below the current one. It is current only in a `with` block of it, which one
    thread must enter and leave; a span without one needs `end`."""
    if _tracer is None:
        return NO_SPAN
    return _tracer.start(name, kind, parent or _parent.get(), None)


def record_span(name: str, seconds: float, *, parent: str | None = None) -> Span:
    """Record a span that ends now and began `seconds` ago, below `parent` or the current one; without either, nothing.
    Returns it, ended."""
    parent = parent or _parent.get()
    if _tracer is None or parent is None:
        return NO_SPAN
    end = time.time_ns()
    return record_times(name, end - round(seconds * 1e9), end, parent=parent)


def record_times(name: str, start: int, end: int, *, parent: str | None = None, kind: SpanKind = "internal") -> Span:
    """Record a span with these Unix times in nanoseconds."""
    if _tracer is None:
        return NO_SPAN
    span = _tracer.start(name, kind, parent or _parent.get(), start)
    _tracer.end(span, end)
    return span


def continue_trace(parent: str | None) -> contextlib.AbstractContextManager[None]:
    """Make `parent` current in the block: the span of another process, or one that is current nowhere now."""
    return _NOTHING if _tracer is None or parent is None else _continue(parent)


@contextlib.contextmanager
def _continue(parent: str) -> Iterator[None]:
    token = _parent.set(parent)
    try:
        yield
    finally:
        _parent.reset(token)


def current_traceparent() -> str | None:
    """The `traceparent` of the current span, to be stored or sent; None while nothing is recorded."""
    return _parent.get() if _tracer is not None else None


def current_trace_id() -> str | None:
    """The id of the current trace, for log lines."""
    parent = current_traceparent()
    return parent.split("-")[1] if parent is not None else None


def headers_for_provider(span: Span) -> dict[str, str]:
    """Return the headers that carry the span to a hosted provider: none, unless the operator wants that."""
    traceparent = span.traceparent
    return {"traceparent": traceparent} if _is_propagated and traceparent is not None else {}
