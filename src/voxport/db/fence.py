"""Write transactions on Postgres that are fenced by a lease."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.pq import Escaping, ExecStatus
from sqlalchemy import Connection, Engine, event

from voxport.db.lease import Lease, LeaseLost

_IDLE_SECONDS: Final = 4
"""How long a write transaction may wait for its own process, which has been frozen or cut off: less than a lease lasts,
because the transaction holds locks that others wait for."""
_BEGIN: Final = b"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '%ds'" % _IDLE_SECONDS


def fence_writes(engine: Engine) -> None:
    """Fence the transactions of connections with the option `voxport_write` by the lease in `voxport_fence`, if any."""

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("voxport_write"):
            _begin_write(connection, options.get("voxport_fence"))


def _begin_write(connection: Connection, fence: Lease | None) -> None:
    """Begin a write transaction, in place of the driver's own BEGIN, so that a fence costs no round trip. If this
    fails, because the connection is broken, the transaction's first statement fails too. Raises LeaseLost.

    KEY SHARE on the lease's row blocks its take-over until the transaction ends, and does not block its renewal."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    if fence is None or fence.token is None:
        driver.pgconn.exec_(_BEGIN)
        return
    literal = Escaping(driver.pgconn).escape_literal
    name, token = literal(fence.name.encode()), literal(fence.token.encode())
    check = b"SELECT 1 FROM leases WHERE name = %s AND token = %s FOR KEY SHARE" % (bytes(name), bytes(token))
    result = driver.pgconn.exec_(_BEGIN + b"; " + check)
    if result.status == ExecStatus.TUPLES_OK and result.ntuples == 0:
        driver.rollback()
        raise LeaseLost(fence.name)
