"""A certificate as it lies on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from voxport.tls.authority import fingerprint, names_of


@dataclass(frozen=True)
class LoadedCertificate:
    """`path` and `key_path` are what `load_cert_chain` reads; without `key_path` the key is in the first. `authority`
    is that of the data folder, where the certificate is its own."""

    certificate: x509.Certificate
    path: Path
    key_path: Path | None
    authority: x509.Certificate | None

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate)

    @property
    def names(self) -> frozenset[str]:
        return names_of(self.certificate)

    def covers(self, host: str) -> bool:
        """Tell whether a client that asks for this host name or address takes the certificate for it (RFC 6125)."""
        parent = host.partition(".")[2]
        return host in self.names or (bool(parent) and f"*.{parent}" in self.names)
