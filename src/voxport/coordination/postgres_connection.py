"""One connection to Postgres for small statements, each its own transaction. It is made again after an error."""

from __future__ import annotations

import contextlib
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool


class PostgresConnection:
    """For one thread. `on_connect` is a statement for each new connection, `name` the application's name at the
    server. A statement on a connection that was cut fails after `timeout` seconds."""

    def __init__(self, url: str, *, name: str, timeout: int, on_connect: str = "SELECT 1") -> None:
        self._on_connect = on_connect
        self._engine = create_engine(
            url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={
                "application_name": name,
                "connect_timeout": timeout,
                "options": f"-c statement_timeout={timeout * 1000}",
                "keepalives_idle": timeout,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                # Without it a statement on a connection that was cut waits for minutes.
                "tcp_user_timeout": timeout * 1000,
            },
        )
        self._driver: Any = None

    @property
    def is_open(self) -> bool:
        return self._driver is not None

    def driver(self) -> Any:
        """Return psycopg's connection. Raises psycopg.Error or SQLAlchemy's DBAPIError."""
        if self._driver is None:
            opened = self._engine.raw_connection()
            driver: Any = opened.driver_connection
            opened.detach()  # from the pool, which would roll it back and close it
            try:
                driver.autocommit = True
                driver.execute(self._on_connect)
            except Exception:
                driver.close()
                raise
            self._driver = driver
        return self._driver

    def execute(self, statement: str, *values: Any) -> Any:
        """Run a statement of psycopg (`%s`) and return its cursor. Raises as `driver`."""
        return self.driver().execute(statement, values)

    def disconnect(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            with contextlib.suppress(Exception):
                driver.close()

    def close(self) -> None:
        self.disconnect()
        self._engine.dispose()
