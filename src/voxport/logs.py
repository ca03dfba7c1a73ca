"""Logs: one JSON object a line on standard error, with the id of the request it belongs to."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_request_id: ContextVar[str | None] = ContextVar("voxport_request_id", default=None)
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
# API keys, and the query of any URL: that is where signatures and tokens are.
_SECRETS = re.compile(r"vxp_[0-9A-Za-z_-]{4,}|(https?://[^\s\"'?]+\?)[^\s\"']+")


def configure_logging(level: str) -> None:
    """Send every log line of this process to standard error, as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("httpx2", "httpcore2", "alembic", "sqlalchemy", "dbos"):
        logging.getLogger(name).setLevel(logging.WARNING)


def bind_request(request_id: str | None) -> None:
    """Put this id into the log lines of the current task or thread."""
    _request_id.set(request_id)


def current_request_id() -> str | None:
    return _request_id.get()


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := current_request_id()) is not None:
            line["request_id"] = request_id
        line.update({key: value for key, value in vars(record).items() if key not in _PLAIN})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return scrub(json.dumps(line, default=str, ensure_ascii=False))


def scrub(text: str) -> str:
    """The text without API keys and URL signatures."""
    return _SECRETS.sub(lambda match: (match[1] or "vxp_") + "***", text)
