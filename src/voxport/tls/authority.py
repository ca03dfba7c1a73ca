"""An authority for the local names of one machine, and the certificates that it issues.

The authority's own certificate names what it may vouch for (RFC 5280, 4.2.1.10): local addresses, `localhost` and
`.local`. Who installs it on a phone does not let the holder of its key pose as any other site. A machine's bare name is
not among them: a name permits all names below it, and `dev` or `app` is a domain of the internet.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from voxport.tls.host_names import LOCAL_NETWORKS, as_address, is_local

AUTHORITY_LIFETIME: Final = timedelta(days=3650)
CERTIFICATE_LIFETIME: Final = timedelta(days=397)
"""Apple's systems take at most 825 days of an authority that a user installed, browsers 398 of public ones."""
RENEWED_BEFORE_END: Final = timedelta(days=30)
_BACKDATED: Final = timedelta(days=1)  # for devices whose clock is behind
_LOCAL_DOMAINS: Final = ("localhost", "local")


@dataclass(frozen=True)
class IssuedCertificate:
    """A certificate for a server, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def names(self) -> frozenset[str]:
        """The host names and addresses that it is for."""
        return names_of(self.certificate)

    def to_pem(self) -> bytes:
        """Return key and certificate in one file, as `load_cert_chain` reads it: a secret."""
        return _pair_to_pem(self.key, self.certificate)

    @classmethod
    def from_pem(cls, content: bytes) -> IssuedCertificate:
        """Raises ValueError."""
        return cls(*_pair_from_pem(content))


@dataclass(frozen=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, host: str | None, at: datetime) -> Authority:
        """Create an authority that may vouch for local addresses and `.local`; its own name has that of `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        # A name of its own, so that a device does not take it for an older authority of the same machine.
        label = f"Voxport on {(host or 'this machine')[:32]} ({secrets.token_hex(3)})"
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label)])
        permitted = [
            *(x509.DNSName(one) for one in _LOCAL_DOMAINS),
            *(x509.IPAddress(network) for network in LOCAL_NETWORKS),
        ]
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(at - _BACKDATED)
            .not_valid_after(at + AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.NameConstraints(permitted, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    def permits(self, name: str) -> bool:
        """Tell whether the authority may vouch for this host name or address."""
        if as_address(name) is not None:
            return is_local(name)
        return any(name == domain or name.endswith(f".{domain}") for domain in _LOCAL_DOMAINS)

    def issue(self, names: Sequence[str], at: datetime) -> IssuedCertificate:
        """Issue a certificate for a server of these names, all of which the authority permits."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Voxport")])
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        end = min(at + CERTIFICATE_LIFETIME, self.certificate.not_valid_after_utc)
        certificate = (
            x509.CertificateBuilder(self.certificate.subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(at - _BACKDATED)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general_name(one) for one in names]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(identifier, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return IssuedCertificate(certificate, key)

    def has_issued(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True

    def to_pem(self) -> bytes:
        """Return key and certificate: a secret."""
        return _pair_to_pem(self.key, self.certificate)

    @classmethod
    def from_pem(cls, content: bytes) -> Authority:
        """Raises ValueError."""
        certificate, key = _pair_from_pem(content)
        try:
            constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            raise ValueError("this is no authority of Voxport") from None
        domains = {one.value for one in constraints.permitted_subtrees or [] if isinstance(one, x509.DNSName)}
        if domains != set(_LOCAL_DOMAINS):
            raise ValueError("it may vouch for other names")
        return cls(certificate, key)


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """Return the host names and addresses in the certificate's subjectAltName."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = [str(one) for one in found.get_values_for_type(x509.IPAddress)]
    return frozenset([*found.get_values_for_type(x509.DNSName), *addresses])


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the certificate as browsers show it: `AB:CD:…`."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def is_current(certificate: x509.Certificate, at: datetime, *, margin: timedelta = timedelta(0)) -> bool:
    """Tell whether it is valid now, and still will be after `margin`."""
    return certificate.not_valid_before_utc <= at and at + margin < certificate.not_valid_after_utc


def _general_name(name: str) -> x509.GeneralName:
    address = as_address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair_to_pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> bytes:
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


def _pair_from_pem(content: bytes) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        key = serialization.load_pem_private_key(content, None)
    except TypeError as error:  # it is encrypted
        raise ValueError(str(error)) from None
    certificate = x509.load_pem_x509_certificate(content)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise ValueError("the key is not that of the certificate")
    return certificate, key
