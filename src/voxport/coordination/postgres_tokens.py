"""Token buckets that processes on several hosts share, in an unlogged table of Postgres."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from voxport.coordination.postgres_connection import PostgresConnection

_APPLICATION: Final = "voxport-limits"
_TIMEOUT_SECONDS: Final = 2
_COUNT_SECONDS: Final = 10.0
_SWEEP_SECONDS: Final = 300.0
# The rows are locked in the order of their names, so that two processes don't wait for each other. `full_at` of the row
# that is proposed is the present, `granted` what is asked for.
_EXCHANGE: Final = """
INSERT INTO rate_limit_buckets AS bucket (name, full_at, rate, burst, spent, granted)
SELECT name, moment + (greatest(spent, 0) + least(wanted, burst)) / rate, rate, burst, spent, least(wanted, burst)
FROM unnest(%s::text[], %s::float8[], %s::float8[], %s::float8[], %s::float8[])
  AS asked (name, rate, burst, spent, wanted),
  (SELECT extract(epoch FROM clock_timestamp())::float8 AS moment) AS clock
ORDER BY name
ON CONFLICT (name) DO UPDATE SET (full_at, rate, burst, spent, granted) = (
  SELECT moment + (missing + given) / excluded.rate, excluded.rate, excluded.burst, excluded.spent, given
  FROM (SELECT moment, missing, greatest(0, least(excluded.granted, floor(excluded.burst - missing + 1e-9))) AS given
    FROM (SELECT moment,
        greatest(0, greatest(0, bucket.full_at - moment) * excluded.rate + excluded.spent) AS missing
      FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS moment) AS clock) AS found) AS decided)
RETURNING name, granted, (full_at - extract(epoch FROM clock_timestamp())::float8) * rate
"""
_SWEEP: Final = """
DELETE FROM rate_limit_buckets WHERE name IN (
  SELECT name FROM rate_limit_buckets WHERE full_at < extract(epoch FROM clock_timestamp()) FOR UPDATE SKIP LOCKED)
"""
_COUNT: Final = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"


class TokenRequest(Protocol):
    """Counts `spent` tokens, which were used without asking (if negative: given back), and asks for up to `wanted`
    more. `rate` is in tokens a second."""

    @property
    def name(self) -> str: ...
    @property
    def rate(self) -> float: ...
    @property
    def burst(self) -> int: ...
    @property
    def spent(self) -> int: ...
    @property
    def wanted(self) -> int: ...


@dataclass(frozen=True)
class TokenAnswer:
    """`granted` tokens are the caller's. The bucket now lacks `missing` tokens to be full."""

    granted: int
    missing: float


class PostgresTokens:
    """For one thread at a time."""

    def __init__(self, url: str) -> None:
        self._connection = PostgresConnection(url, name=_APPLICATION, timeout=_TIMEOUT_SECONDS)
        self._count_at = self._sweep_at = 0.0
        self.processes = 1
        """How many processes have used the buckets lately, as far as is known."""

    def exchange(self, requests: Sequence[TokenRequest]) -> dict[str, TokenAnswer]:
        """Answer requests with different names. Raises any exception if the database does not."""
        try:
            columns = zip(*((one.name, one.rate, one.burst, one.spent, one.wanted) for one in requests), strict=True)
            rows = self._connection.execute(_EXCHANGE, *map(list, columns)).fetchall()
            self._run_periodic()
        except Exception:
            self._connection.disconnect()
            raise
        return {name: TokenAnswer(int(granted), max(0.0, missing)) for name, granted, missing in rows}

    def close(self) -> None:
        self._connection.close()

    def _run_periodic(self) -> None:
        now = time.monotonic()
        if now >= self._count_at:
            self._count_at = now + _COUNT_SECONDS
            self.processes = max(1, self._connection.execute(_COUNT, _APPLICATION).fetchone()[0])
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_SECONDS
            self._connection.execute(_SWEEP)
