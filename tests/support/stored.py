"""The files that a gateway stores, wherever its storage is."""

from __future__ import annotations

from tests.support.client import settings_for
from voxport.gateway import Gateway
from voxport.storage.base import Storage
from voxport.storage.config import open_storage
from voxport.testing.running_gateway import LiveGateway


def stored_keys(gateway: Gateway, folder: str = "") -> list[str]:
    """Return the sorted keys of the files under a folder's key. Without one, files that are being written to the data
    folder are included."""
    incoming = gateway.settings.data_dir / "files" / ".incoming"
    incomplete = [f".incoming/{path.name}" for path in incoming.glob("*")] if not folder else []
    return sorted([*gateway.storage.list(folder), *incomplete])


def storage_of(live: LiveGateway) -> Storage:
    """Open the storage of a gateway that runs in processes of its own."""
    return open_storage(settings_for(live.data_dir).storage)
