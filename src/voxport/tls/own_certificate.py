"""The authority and the certificate in the `tls` folder of a data folder: made once, renewed when they have to be.

| file | |
|---|---|
| `authority.pem` | key and certificate of the authority, mode 0600 |
| `ca.pem` | its certificate alone, for clients |
| `server.pem` | key and certificate of the server in one file, so that nobody reads two that do not match; mode 0600 |
| `lock` | held by the process that looks at them, of those that serve this folder |
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization

from voxport.clock import now
from voxport.errors import Invalid
from voxport.tls.authority import (
    RENEWED_BEFORE_END,
    Authority,
    IssuedCertificate,
    fingerprint,
    is_current,
)
from voxport.tls.host_names import host_name, machine_names, normalized
from voxport.tls.loaded import LoadedCertificate
from voxport.tls.trust import authority_path

_MAX_NAMES: Final = 60
_log = logging.getLogger("voxport.tls")


class OwnCertificate:
    def __init__(
        self,
        data_dir: Path,
        more_names: Iterable[str] = (),
        *,
        machine: Callable[[], Iterable[str]] = machine_names,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`more_names` are host names and addresses beside those of the machine; the certificate has those of them
        that the authority may vouch for."""
        self._folder = authority_path(data_dir).parent
        self._more_names = [name for one in more_names if (name := normalized(one)) is not None]
        self._machine = machine
        self._clock = clock

    def current(self, *, waits: bool = True) -> LoadedCertificate:
        """Return the certificate; make it, or renew it if it ends within a month, lacks a name of this machine, or is
        not of the authority. Raises Invalid if the folder can't be used, and BlockingIOError if another process looks
        at it and this one does not wait."""
        at = self._clock()
        path = self._folder / "server.pem"
        try:
            with self._locked(waits):
                authority = self._authority(at)
                names = [one for one in dict.fromkeys([*self._machine(), *self._more_names]) if authority.permits(one)]
                issued = self._stored(path)
                if issued is None or not _is_usable(issued, authority, names, at):
                    # The names that it had are kept: another process on this folder may be reached by them.
                    old = sorted(one for one in issued.names if authority.permits(one)) if issued else []
                    issued = authority.issue(list(dict.fromkeys([*names, *old]))[:_MAX_NAMES], at)
                    _write(path, issued.to_pem(), 0o600)
                    _log.info("a certificate was made", extra={"sha256": fingerprint(issued.certificate)})
        except BlockingIOError:
            raise
        except OSError as error:
            raise Invalid(
                f"The certificate of --tls can't be kept in {self._folder}: {error.strerror}. Make the folder "
                "writable, or give a certificate of your own with --tls-certificate and --tls-key."
            ) from None
        return LoadedCertificate(issued.certificate, path, None, authority.certificate)

    def _authority(self, at: datetime) -> Authority:
        path = self._folder / "authority.pem"
        authority = None
        try:
            authority = Authority.from_pem(_read_secret(path))
        except FileNotFoundError:
            pass
        except ValueError:
            _log.warning("the authority of the tls folder can't be used: devices have to install the new one")
        if authority is None or not is_current(authority.certificate, at, margin=RENEWED_BEFORE_END):
            authority = Authority.create(host_name(), at)
            _write(path, authority.to_pem(), 0o600)
        public = authority.certificate.public_bytes(serialization.Encoding.PEM)
        shown = authority_path(self._folder.parent)
        with contextlib.suppress(FileNotFoundError):
            if shown.read_bytes() == public:
                return authority
        _write(shown, public, 0o644)
        return authority

    def _stored(self, path: Path) -> IssuedCertificate | None:
        try:
            return IssuedCertificate.from_pem(_read_secret(path))
        except (FileNotFoundError, ValueError):
            return None

    @contextlib.contextmanager
    def _locked(self, waits: bool) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            yield
        finally:
            os.close(descriptor)


def _is_usable(issued: IssuedCertificate, authority: Authority, names: Iterable[str], at: datetime) -> bool:
    return (
        is_current(issued.certificate, at, margin=RENEWED_BEFORE_END)
        and authority.has_issued(issued.certificate)
        and issued.names.issuperset(names)
    )


def _read_secret(path: Path) -> bytes:
    """Read a file, and take the rights of others from it, which a copy may have given them."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        return file.read()


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace the file at once: a reader, or a kill, finds the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
