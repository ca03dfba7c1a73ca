"""Records spans with the SDK of OpenTelemetry, the extra `otel`, and sends them by OTLP over HTTP."""

from __future__ import annotations

import os
import re
import threading
from contextvars import Token
from types import TracebackType
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from voxport.telemetry import tracing
from voxport.telemetry.tracing import Span, SpanKind, Value

_KINDS: Final = {
    "internal": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
}
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SEND_SECONDS: Final = 1.0
"""How long ended spans wait to be sent together: a process that is killed loses those of its last second."""
_MAX_WAITING: Final = 4_096
"""Spans that wait while the collector does not answer; further ones are dropped."""


class OtelTracer:
    """Records spans. A thread of the SDK sends them: no call waits for the collector, or fails with it."""

    def __init__(self, endpoint: str | None, *, process: str, version: str) -> None:
        # Resource.create adds OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, which override these.
        name = os.environ.get("OTEL_SERVICE_NAME") or "voxport"
        resource = Resource.create({"service.name": name, "service.version": version, "voxport.process": process})
        # Not the global provider: FastAPI and other libraries would record the contents of requests with it.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=None if endpoint is None else f"{endpoint.rstrip('/')}/v1/traces")
        has_own_delay = "OTEL_BSP_SCHEDULE_DELAY" in os.environ
        has_own_size = "OTEL_BSP_MAX_QUEUE_SIZE" in os.environ
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                schedule_delay_millis=None if has_own_delay else _SEND_SECONDS * 1000,
                max_queue_size=None if has_own_size else _MAX_WAITING,
            )
        )
        self._tracer = self._provider.get_tracer("voxport", version)

    def start(self, name: str, kind: SpanKind, parent: str | None, start: int | None) -> OtelSpan:
        context = trace.set_span_in_context(_remote(parent))
        return OtelSpan(self._tracer.start_span(name, context, _KINDS[kind], start_time=start))

    def end(self, span: Span, end: int) -> None:
        assert isinstance(span, OtelSpan)
        span.end(end)

    def close(self, seconds: float) -> None:
        """Send what has ended, for `seconds` at most: the collector may not answer."""
        thread = threading.Thread(target=self._provider.shutdown, name="tracing-end", daemon=True)
        thread.start()
        thread.join(seconds)


class OtelSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token: Token[str | None] | None = None

    @property
    def traceparent(self) -> str:
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def set(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, reason: str) -> None:
        self._span.set_attribute("error.type", reason)
        self._span.set_status(trace.StatusCode.ERROR)

    def end(self, end: int | None = None) -> None:
        self._span.end(end)

    def __enter__(self) -> OtelSpan:
        self._token = tracing._parent.set(self.traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        if self._token is not None:
            tracing._parent.reset(self._token)
        if isinstance(error, Exception):
            self.fail(type(error).__name__)
        self.end()


def _remote(traceparent: str | None) -> trace.Span:
    """Return a span with the context of a `traceparent`; one that starts a new trace if there is none."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match is None:
        return trace.INVALID_SPAN
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    context = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(flags))
    return trace.NonRecordingSpan(context)
