"""The group `voxport admin`, and the names that its commands had before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from voxport.cli.admin import (
    accounts,
    backup,
    database,
    intents,
    money,
    records,
    storage_move,
    sweeps,
    usage,
    webhooks,
)


@click.group(short_help="Customers, keys, credits, records, backups, storage, database.")
def admin() -> None:
    """Operate a gateway: customers, keys, credits, records, backups, storage, database.

    These commands work on the data folder and its database, while the gateway serves or not. They take --data-dir and
    the settings of docs/settings.md; docs/operating.md explains the tasks.

    \b
    Examples:
      voxport admin profiles create "Acme"
      voxport admin credits add prof_… 250
      voxport admin keys create prof_…
      voxport admin ledger verify
      voxport admin backup /backups/today
    """


for _command in (
    accounts.profiles,
    accounts.keys,
    money.credits,
    money.ledger,
    usage.usage_of_profiles,
    intents.intents,
    sweeps.sweeps,
    webhooks.webhooks,
    records.audit,
    records.consents,
    backup.backup,
    backup.restore,
    storage_move.storage,
    database.database,
):
    admin.add_command(_command)

MOVED: Final[Mapping[str, tuple[str, click.Command]]] = {
    name: (f"admin {name}", command) for name, command in admin.commands.items() if name != "usage"
}
"""Commands that stood at the root; `usage` there is the caller's own now."""
