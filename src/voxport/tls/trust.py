"""How a client on this machine trusts the certificate that `voxport serve --tls` made."""

from __future__ import annotations

import ssl
from pathlib import Path


def authority_path(data_dir: Path) -> Path:
    """Return where the certificate of the data folder's authority is, if it has one."""
    return data_dir / "tls" / "ca.pem"


def local_trust(data_dir: Path) -> ssl.SSLContext | bool:
    """Return a context that trusts the authority of this data folder beside those that the system trusts, or True if
    the folder has none: what `httpx2.Client(verify=…)` takes."""
    path = authority_path(data_dir)
    if not path.is_file():
        return True
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=path)
    except OSError:  # ssl.SSLError is one
        return True
    return context
