"""What `voxport serve` needs for TLS: the context, its renewal while it runs, and what the operator is told."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from typing import Final, Protocol
from urllib.parse import urlsplit

from voxport.errors import Invalid
from voxport.settings import Settings
from voxport.tls.authority import fingerprint
from voxport.tls.endpoints import PATH
from voxport.tls.given_certificate import GivenCertificate
from voxport.tls.host_names import local_addresses, normalized
from voxport.tls.loaded import LoadedCertificate
from voxport.tls.own_certificate import OwnCertificate

_ANY_IPV4: Final = "0.0.0.0"  # noqa: S104  # compared, not listened on
_WILDCARDS: Final = (_ANY_IPV4, "::", "")
_log = logging.getLogger("voxport.tls")


class CertificateSource(Protocol):
    def current(self, *, waits: bool = True) -> LoadedCertificate:
        """Return the certificate to use now. Raises Invalid, and BlockingIOError if another process is at it and this
        one does not wait."""


def open_server_tls(settings: Settings, host: str) -> ServerTls:
    """Open TLS for a server that listens on `host`. Raises Invalid."""
    source: CertificateSource
    if settings.tls_certificate is not None or settings.tls_key is not None:
        if settings.tls_certificate is None or settings.tls_key is None:
            raise Invalid(
                "A certificate needs its key, and a key its certificate: give both --tls-certificate FILE and "
                "--tls-key FILE (VOXPORT_TLS_CERTIFICATE, VOXPORT_TLS_KEY)."
            )
        source = GivenCertificate(settings.tls_certificate, settings.tls_key)
    else:
        source = OwnCertificate(settings.data_dir, _given_hosts(settings, host))
    return ServerTls(source, host)


class ServerTls:
    """`context` is what the server listens with."""

    def __init__(self, source: CertificateSource, host: str) -> None:
        """Raises Invalid."""
        self._source = source
        self._host = host
        self._loaded = source.current()
        self.context = _context()
        _load(self.context, self._loaded)

    def refresh(self) -> None:
        """Take a renewed certificate for new connections. Called now and then in the thread that accepts them. A
        certificate that can't be used is reported, and the one before it goes on."""
        try:
            loaded = self._source.current(waits=False)
            if loaded.fingerprint == self._loaded.fingerprint:
                return
            _load(_context(), loaded)  # fails before anything of the old one is replaced
            _load(self.context, loaded)
        except BlockingIOError:
            return  # the next look takes it
        except Invalid as error:
            _log.error("the certificate could not be renewed: %s", error.message)
            return
        except Exception:  # the server has to go on, whatever a file holds
            _log.exception("the certificate could not be renewed")
            return
        self._loaded = loaded
        _log.info("the certificate was renewed", extra={"sha256": loaded.fingerprint})

    def public_host(self) -> str:
        """Return the host of the gateway's address where the settings name none: the one that it listens on, unless the
        operator's certificate is for others only."""
        host = self._host
        if host in _WILDCARDS:
            reached = [one for one in local_addresses() if host != _ANY_IPV4 or ":" not in one]
            host = next(iter(reached), "127.0.0.1")
        if self._loaded.covers(normalized(host) or host) or self._loaded.authority is not None:
            return host
        return next((name for name in sorted(self._loaded.names) if "*" not in name), host)

    def notes(self, public_url: str) -> Iterator[str]:
        """Yield what the operator should know, a line each."""
        loaded = self._loaded
        names = ", ".join(sorted(loaded.names)) or "no name"
        end = f"{loaded.certificate.not_valid_after_utc:%Y-%m-%d}"
        yield f"The certificate ({loaded.path}) is for {names}, until {end}."
        yield f"Its SHA-256: {loaded.fingerprint}"
        host = urlsplit(public_url).hostname or ""
        if not loaded.covers(normalized(host) or host):
            yield (
                f"Warning: it is not for {host}, the gateway's address, so clients refuse it there. Set "
                "VOXPORT_PUBLIC_URL to an address that it is for, or give a certificate for this one with "
                "--tls-certificate."
            )
        if loaded.authority is None:
            return
        yield (
            "A browser warns once, since no public authority vouches for it. Compare the SHA-256 in its details of the "
            "certificate, then: Advanced, Proceed (Chrome, Edge); Accept the Risk (Firefox); Show Details, visit this "
            "website (Safari)."
        )
        yield f"For no warning, install this gateway's authority on the device: {public_url}{PATH} (docs/studio.md)."
        yield f"The authority's SHA-256: {fingerprint(loaded.authority)}"
        if _is_loopback(self._host):
            yield "Only this machine reaches the gateway; for phones and other computers add --host 0.0.0.0."


def _given_hosts(settings: Settings, host: str) -> list[str]:
    """Return what the certificate is to be for beside this machine's own names."""
    named = urlsplit(settings.public_url).hostname if "public_url" in settings.model_fields_set else None
    return [one for one in (host, named) if one and one not in _WILDCARDS]


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _load(context: ssl.SSLContext, loaded: LoadedCertificate) -> None:
    """Raises Invalid."""
    try:
        context.load_cert_chain(loaded.path, loaded.key_path, password=_no_passphrase)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or str(error)
        raise Invalid(f"{loaded.path} can't be used for TLS: {reason}.") from None


def _no_passphrase() -> str:
    raise ValueError("the key is encrypted")
