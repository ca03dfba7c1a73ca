"""Opens the place where all HTTP processes of a database count the calls that rate limits allow."""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import make_url

from voxport.coordination.postgres_tokens import PostgresTokens
from voxport.coordination.token_file import TokenFile

_log = logging.getLogger("voxport.coordination")


def open_tokens(url: str) -> TokenFile | PostgresTokens | None:
    """Open the file beside a SQLite database, or the table of Postgres, without connecting yet. None if the file can't
    be opened: then the process counts for itself."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return PostgresTokens(url)
    try:
        return TokenFile(Path(f"{parsed.database}.limits"))
    except OSError:
        _log.warning("the file of rate limits can't be used; this process counts for itself", exc_info=True)
        return None
