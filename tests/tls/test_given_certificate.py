"""A certificate of the operator's own: what is wrong with it is said before the gateway listens, with what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.client import settings_for
from tests.support.server import run_cli
from tests.tls.handshake import shake_hands, trusting
from voxport.clock import now
from voxport.errors import Invalid
from voxport.tls.authority import Authority, IssuedCertificate
from voxport.tls.given_certificate import GivenCertificate
from voxport.tls.server import ServerTls, open_server_tls

PEM = serialization.Encoding.PEM
AUTHORITY = Authority.create("box", now() - timedelta(days=3000))


def write(folder: Path, issued: IssuedCertificate, *, certificate: str = "cert.pem", key: str = "key.pem") -> None:
    (folder / certificate).write_bytes(issued.certificate.public_bytes(PEM))
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / key).write_bytes(issued.key.private_bytes(PEM, pkcs8, plain))


def given(folder: Path) -> GivenCertificate:
    return GivenCertificate(folder / "cert.pem", folder / "key.pem")


def issue(*names: str, days_ago: float = 0) -> IssuedCertificate:
    return AUTHORITY.issue(names or ("box.local",), now() - timedelta(days=days_ago))


def encrypt(folder: Path) -> None:
    locked = serialization.BestAvailableEncryption(b"secret")
    key = issue().key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, locked)
    (folder / "key.pem").write_bytes(key)


def put_last(folder: Path) -> None:
    chain = AUTHORITY.certificate.public_bytes(PEM) + (folder / "cert.pem").read_bytes()
    (folder / "cert.pem").write_bytes(chain)


def with_another_key(folder: Path) -> None:
    write(folder, issue(), certificate="other.pem")


def with_an_rsa_key(folder: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(PEM, pkcs8, plain))


def as_der(folder: Path) -> None:
    (folder / "cert.pem").write_bytes(issue().certificate.public_bytes(serialization.Encoding.DER))


def as_folder(folder: Path) -> None:
    (folder / "key.pem").unlink()
    (folder / "key.pem").mkdir()


def swapped(folder: Path) -> None:
    write(folder, issue(), certificate="key.pem", key="cert.pem")


def as_pipe(folder: Path) -> None:
    (folder / "cert.pem").unlink()
    os.mkfifo(folder / "cert.pem")


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "no certificate": (lambda folder: (folder / "cert.pem").unlink(), "No such file.*--tls-certificate"),
    "no key": (lambda folder: (folder / "key.pem").unlink(), "No such file.*--tls-key"),
    "a folder": (as_folder, "is no file.*--tls-key"),
    "a pipe that nobody writes to": (as_pipe, "is no file"),
    "empty": (lambda folder: (folder / "cert.pem").write_bytes(b""), "PEM form"),
    "bytes": (lambda folder: (folder / "cert.pem").write_bytes(os.urandom(2000)), "PEM form"),
    "cut": (lambda folder: (folder / "cert.pem").write_bytes((folder / "cert.pem").read_bytes()[:300]), "PEM form"),
    "DER": (as_der, "openssl x509 -inform der"),
    "huge": (lambda folder: (folder / "cert.pem").write_bytes(b"a" * 2_000_000), "larger"),
    "a key that is none": (lambda folder: (folder / "key.pem").write_text("hunter2"), "no private key"),
    "swapped": (swapped, "PEM form"),
    "an encrypted key": (encrypt, "openssl pkey"),
    "another key": (with_another_key, "not the key of the certificate"),
    "a key of another kind": (with_an_rsa_key, "not the key of the certificate"),
    "the authority first": (put_last, "first in the file"),
    "expired": (lambda folder: write(folder, issue(days_ago=500)), r"expired at \d{4}-.*Renew it"),
    "not valid yet": (lambda folder: write(folder, issue(days_ago=-30)), "clock"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_certificate_that_cant_be_used_is_refused_with_what_to_do(tmp_path: Path, case: str) -> None:
    write(tmp_path, issue())
    spoil, expected = BAD[case]
    spoil(tmp_path)
    with pytest.raises(Invalid, match=expected) as raised:
        given(tmp_path).current()
    assert "hunter2" not in raised.value.message


def test_a_good_one_is_used_with_its_chain(tmp_path: Path) -> None:
    issued = issue("box.local")
    write(tmp_path, issued)
    with (tmp_path / "cert.pem").open("ab") as file:
        file.write(AUTHORITY.certificate.public_bytes(PEM))
    server = ServerTls(given(tmp_path), "127.0.0.1")
    assert shake_hands(server.context, trusting(AUTHORITY.certificate), "box.local") == issued.certificate


def test_one_that_was_renewed_on_the_disk_is_taken_for_new_connections(tmp_path: Path) -> None:
    write(tmp_path, issue())
    server = ServerTls(given(tmp_path), "127.0.0.1")
    renewed = issue()
    write(tmp_path, renewed)
    server.refresh()
    assert shake_hands(server.context, trusting(AUTHORITY.certificate), "box.local") == renewed.certificate


@pytest.mark.parametrize("case", BAD)
def test_a_renewal_that_went_wrong_leaves_the_old_one(
    tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    issued = issue()
    write(tmp_path, issued)
    server = ServerTls(given(tmp_path), "127.0.0.1")
    BAD[case][0](tmp_path)
    server.refresh()
    assert shake_hands(server.context, trusting(AUTHORITY.certificate), "box.local") == issued.certificate
    assert "could not be renewed" in caplog.text


def test_the_address_is_one_that_the_certificate_is_for(tmp_path: Path) -> None:
    write(tmp_path, issue("box.local", "127.0.0.1"))
    assert ServerTls(given(tmp_path), "127.0.0.1").public_host() == "127.0.0.1"
    assert ServerTls(given(tmp_path), "Box.Local.").public_host() == "Box.Local."
    assert ServerTls(given(tmp_path), "127.0.0.2").public_host() in ("127.0.0.1", "box.local")
    write(tmp_path, issue("voice.box", "*.box"))
    assert ServerTls(given(tmp_path), "0.0.0.0").public_host() == "voice.box"
    warned = " ".join(ServerTls(given(tmp_path), "0.0.0.0").notes("https://other.example.com"))
    assert "not for other.example.com" in warned
    assert "Warning" not in " ".join(ServerTls(given(tmp_path), "0.0.0.0").notes("https://any.box:8000"))


@pytest.mark.parametrize("alone", ["tls_certificate", "tls_key"])
def test_half_of_a_pair_is_refused(tmp_path: Path, alone: str) -> None:
    settings = settings_for(tmp_path, **{alone: tmp_path / "cert.pem"})
    assert settings.uses_tls
    assert not settings.uses_own_certificate
    with pytest.raises(Invalid, match="both --tls-certificate FILE and --tls-key FILE"):
        open_server_tls(settings, "127.0.0.1")


@pytest.mark.slow
def test_the_command_tells_it_in_a_sentence_and_makes_nothing(tmp_path: Path) -> None:
    write(tmp_path, issue(days_ago=500))
    result = run_cli(
        *("serve", "--port", "0", "--tls-certificate", "cert.pem"), cwd=tmp_path, env={"VOXPORT_TLS_KEY": "key.pem"}
    )
    assert result.returncode == 1
    assert re.match(r"Error: The certificate in cert.pem expired at .* Renew it", result.stderr), result.stderr
    assert not (tmp_path / "data" / "voxport.db").exists()
