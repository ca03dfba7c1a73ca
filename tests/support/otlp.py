"""A collector of traces: an HTTP server that takes OTLP as a real one does."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it arrived. Ids are hexadecimal; `parent` is empty for the first span of a trace."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    start: int
    end: int
    attributes: dict[str, Any]
    is_error: bool
    process: str


@dataclass
class Collector:
    """Stores what arrives. While `status` is not 200 it refuses everything."""

    url: str = ""
    status: int = 200
    spans: list[ReceivedSpan] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, *names: str, seconds: float = 30.0) -> list[ReceivedSpan]:
        """Wait until a span of each name has arrived; returns all spans."""
        with self.arrived:
            has_all = self.arrived.wait_for(lambda: set(names) <= {span.name for span in self.spans}, seconds)
            assert has_all, f"{set(names) - {span.name for span in self.spans}} did not arrive"
            return list(self.spans)

    def named(self, name: str) -> list[ReceivedSpan]:
        with self.arrived:
            return [span for span in self.spans if span.name == name]


@contextlib.contextmanager
def running_collector() -> Iterator[Collector]:
    collector = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if collector.status == 200:
                assert self.path == "/v1/traces"
                received = list(_spans(ExportTraceServiceRequest.FromString(body)))
                with collector.arrived:
                    collector.spans += received
                    collector.arrived.notify_all()
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()


def _spans(request: Any) -> Iterator[ReceivedSpan]:
    for resource in request.resource_spans:
        process = _attributes(resource.resource.attributes).get("voxport.process", "")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.kind,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    _attributes(span.attributes),
                    span.status.code == 2,
                    process,
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
