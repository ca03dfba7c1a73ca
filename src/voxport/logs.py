"""Logs JSON lines to standard error, with the id of the request, and redacts secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from voxport.telemetry.tracing import current_trace_id

_request_id: ContextVar[str | None] = ContextVar("voxport_request_id", default=None)
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
_VALUE = r"[^\s\"'\\&,;}<>]+"
# Separator between name and value: in a header, a parameter (percent-encoded or not), JSON (also inside a string), or a
# Python tuple.
_ASSIGNMENT = r"(?:\\?[\"']?\s*[:=]\s*\\?[\"']?|\\?[\"'],\s*b?\\?[\"']|%(?:25)*3D)"
_NAMES = (
    r"x-amz-(?:signature|credential|security-token)|signature|(?:access[_-]?|auth[_-]?)?token|(?:x-|xi-)?api[_-]?key"
    r"|secret(?:[_-]key)?|password"
)
_SECRET_NAME = re.compile(rf"authorization|{_NAMES}", re.IGNORECASE)
_SEPARATOR = r"(?::|%(?:25)*3A)(?://|%(?:25)*2F%(?:25)*2F)"
# The text may include paths from unauthenticated clients. At every position the search stops soon, so the time is
# linear in the length of the text.
_SECRETS = re.compile(
    # The gateway's keys, webhook secrets, and keys in the format of providers.
    r"(?P<kind>vxp_|whsec_|\bsk[_-])[0-9A-Za-z_+/=-]{4,}"
    # The query of any URL, also of one percent-encoded inside another: it may hold signatures and tokens.
    rf"|(?P<url>https?{_SEPARATOR}(?:(?!https?{_SEPARATOR})[^\s\"'?])*?(?:\?|%(?:25)*3F))[^\s\"']+"
    r"|(?P<user>(?<![a-z0-9+])[a-z0-9+]++://[^\s:/@\"']*:)[^\s@/\"']+(?=@)"
    rf"|(?P<scheme>\bauthorization{_ASSIGNMENT}(?:(?:bearer|basic|digest|token)\s+)?|\bbearer\s+){_VALUE}"
    rf"|(?P<name>\b(?:{_NAMES}){_ASSIGNMENT}){_VALUE}",
    re.IGNORECASE,
)


def configure_logging(level: str) -> None:
    """Send every log line of this process to standard error, as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("httpx2", "httpcore2", "alembic", "sqlalchemy", "dbos"):
        logging.getLogger(name).setLevel(logging.WARNING)


def bind_request(request_id: str | None) -> None:
    """Add this id to the log lines of the current task or thread."""
    _request_id.set(request_id)


def current_request_id() -> str | None:
    return _request_id.get()


_encode = json.JSONEncoder(ensure_ascii=False).encode  # `json.dumps` makes an encoder for every line


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # What the gateway itself makes holds no secret: to search it would take a fifth of the time.
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if (request_id := current_request_id()) is not None:
            line["request_id"] = request_id
        if (trace_id := current_trace_id()) is not None:
            line["trace_id"] = trace_id
        line.update(_redact_value({key: one for key, one in vars(record).items() if key not in _STANDARD_FIELDS}))
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return _encode(line)


def redact(text: str) -> str:
    """Replace keys, secrets and the queries of URLs in the text with `***`."""
    return _SECRETS.sub(lambda match: (match[match.lastgroup or 0] or "") + "***", text)


# The names of fields are few and repeat in every line.
_redacted_name = lru_cache(maxsize=1024)(redact)


@lru_cache(maxsize=1024)
def _is_secret_name(name: str) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None


def _redact_value(value: Any) -> Any:
    """Redact all text inside a value. This runs before JSON encoding, so that a match can't swallow a quote."""
    if isinstance(value, dict):
        return {
            _redacted_name(str(name)): "***" if _is_secret_name(str(name)) else _redact_value(one)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redact_value(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))
