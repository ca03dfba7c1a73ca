"""The files of `--tls-certificate` and `--tls-key`. Each error says what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from voxport.clock import now
from voxport.errors import Invalid
from voxport.tls.authority import names_of
from voxport.tls.loaded import LoadedCertificate

_MAX_BYTES: Final = 1_000_000


class GivenCertificate:
    def __init__(self, path: Path, key_path: Path, *, clock: Callable[[], datetime] = now) -> None:
        self._path = path
        self._key_path = key_path
        self._clock = clock

    def current(self, *, waits: bool = True) -> LoadedCertificate:
        """Read both files. Raises Invalid if they can't be read, do not belong together, or are not valid now."""
        chain = _certificates(self._path)
        key = _public_key(self._key_path)
        certificate = chain[0]
        keys = [_key_of(one, self._path) for one in chain]
        if keys[0] != key:
            if key in keys:
                raise Invalid(
                    f"{self._path}: the certificate of the key has to be the first in the file, before those of the "
                    "authorities that vouch for it."
                )
            raise Invalid(
                f"{self._key_path} is not the key of the certificate in {self._path}. Give the two that were made "
                "together (--tls-certificate, --tls-key)."
            )
        at = self._clock()
        if at >= certificate.not_valid_after_utc:
            raise Invalid(
                f"The certificate in {self._path} expired at {_day(certificate.not_valid_after_utc)}. Renew it, or "
                "leave --tls-certificate and --tls-key out: --tls alone makes one."
            )
        if at < certificate.not_valid_before_utc:
            raise Invalid(
                f"The certificate in {self._path} is valid only from {_day(certificate.not_valid_before_utc)} on. Is "
                "this machine's clock right?"
            )
        return LoadedCertificate(certificate, self._path, self._key_path, None)


def _certificates(path: Path) -> list[x509.Certificate]:
    content = _read(path, "--tls-certificate")
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise Invalid(
            f"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----). From DER: openssl x509 -inform "
            f"der -in {path.name} -out certificate.pem"
        ) from None


def _key_of(certificate: x509.Certificate, path: Path) -> PublicKeyTypes:
    """Return the certificate's public key, after a look at its names, which are read later."""
    try:
        names_of(certificate)
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise Invalid(f"{path} holds a certificate that can't be used: {error}. Have it issued again.") from None


def _public_key(path: Path) -> PublicKeyTypes:
    content = _read(path, "--tls-key")
    try:
        return serialization.load_pem_private_key(content, None).public_key()
    except TypeError:
        raise Invalid(
            f"The key in {path} is encrypted, and nobody is there to type its passphrase. Write it without one: "
            f"openssl pkey -in {path.name} -out key.pem"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(f"{path} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----).") from None


def _read(path: Path, option: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise Invalid(f"{path} is no file. Name a PEM file with {option}.")
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise Invalid(
            f"{path} can't be read: {error.strerror}. Name a PEM file that this user may read with {option}."
        ) from None
    if len(content) > _MAX_BYTES:
        raise Invalid(f"{path} is larger than a certificate or a key can be. Name a PEM file with {option}.")
    return content


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
