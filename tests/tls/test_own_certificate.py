"""The certificate of the data folder: made once, for this machine's names alone, renewed when it has to be."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.concurrency import run_concurrently
from tests.tls.handshake import server_context, shake_hands, trusting
from voxport.clock import now
from voxport.errors import Invalid
from voxport.tls.authority import Authority
from voxport.tls.host_names import local_addresses, machine_names, normalized
from voxport.tls.own_certificate import OwnCertificate
from voxport.tls.trust import authority_path, local_trust

NAMES = ("localhost", "127.0.0.1", "::1", "box.local", "192.168.1.5")


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Box.example.com")


def own(
    data_dir: Path, *more: str, machine: tuple[str, ...] = NAMES, clock: Callable[[], datetime] = now
) -> OwnCertificate:
    return OwnCertificate(data_dir, more, machine=lambda: machine, clock=clock)


def later(**passed: float) -> Callable[[], datetime]:
    return lambda: now() + timedelta(**passed)


def test_a_client_that_trusts_the_folder_takes_the_certificate_for_each_name_and_for_no_other(tmp_path: Path) -> None:
    loaded = own(tmp_path).current()
    server, client = server_context(loaded.path), local_trust(tmp_path)
    assert isinstance(client, ssl.SSLContext)
    for name in NAMES:
        assert shake_hands(server, client, name) == loaded.certificate
    for other in ("192.168.1.6", "other.local", "example.com"):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(server, client, other)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server, ssl.create_default_context(), "localhost")


def test_the_keys_are_for_their_user_alone(tmp_path: Path) -> None:
    own(tmp_path).current()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "tls").iterdir()}
    assert modes == {"authority.pem": 0o600, "ca.pem": 0o644, "server.pem": 0o600, "lock": 0o600}
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700
    (tmp_path / "tls" / "authority.pem").chmod(0o644)  # as a copy of the folder may be
    own(tmp_path).current()
    assert (tmp_path / "tls" / "authority.pem").stat().st_mode & 0o777 == 0o600


def test_it_is_made_once(tmp_path: Path) -> None:
    first = own(tmp_path).current()
    assert own(tmp_path, clock=later(days=300)).current().certificate == first.certificate
    fewer = own(tmp_path, machine=NAMES[:3]).current()
    assert fewer.certificate == first.certificate, "an address that went away needs no new one"


def test_of_many_processes_at_once_all_use_the_same(tmp_path: Path) -> None:
    loaded = run_concurrently(8, lambda _: own(tmp_path).current())
    assert len({one.fingerprint for one in loaded}) == 1


@pytest.mark.parametrize("days", [368, 400, 3700])
def test_it_is_renewed_before_it_ends_and_the_authority_stays_while_it_is_good(tmp_path: Path, days: int) -> None:
    first = own(tmp_path).current()
    second = own(tmp_path, clock=later(days=days)).current()
    assert second.certificate.not_valid_after_utc > now() + timedelta(days=days + 30)
    assert (second.authority == first.authority) == (days < 3620)


def test_a_new_address_gets_into_it_and_devices_that_trust_the_authority_notice_nothing(tmp_path: Path) -> None:
    first = own(tmp_path).current()
    assert first.authority is not None
    client = trusting(first.authority)
    second = own(tmp_path, machine=(*NAMES[:-1], "10.0.0.7")).current()
    for name in ("10.0.0.7", "192.168.1.5", "box.local"):
        shake_hands(server_context(second.path), client, name)


def test_two_processes_with_other_names_agree_on_one(tmp_path: Path) -> None:
    own(tmp_path, "studio.local").current()
    both = own(tmp_path, "10.1.2.3").current()
    assert {"studio.local", "10.1.2.3"} <= both.names
    assert own(tmp_path, "studio.local").current().certificate == both.certificate


def test_it_is_never_for_a_name_of_the_internet(tmp_path: Path) -> None:
    loaded = own(tmp_path, "example.com", "8.8.8.8", "box.example.com", "evil\nhost", "*.local", "").current()
    assert loaded.names == set(NAMES)


def test_the_authority_cant_vouch_for_another_site_even_if_its_key_is_stolen(tmp_path: Path) -> None:
    own(tmp_path).current()
    stolen = Authority.from_pem((tmp_path / "tls" / "authority.pem").read_bytes())
    for name in ("example.com", "8.8.8.8", "local.example.com"):
        forged = tmp_path / "forged.pem"
        forged.write_bytes(stolen.issue([name], now()).to_pem())
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            shake_hands(server_context(forged), trusting(stolen.certificate), name)


@pytest.mark.parametrize("name", ["dev", "app", "cloud"])
def test_a_machine_that_is_named_as_a_domain_of_the_internet_gets_no_power_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: name)
    loaded = OwnCertificate(tmp_path, [name]).current()
    assert name not in loaded.names
    assert f"{name}.local" in loaded.names
    stolen = Authority.from_pem((tmp_path / "tls" / "authority.pem").read_bytes())
    forged = tmp_path / "forged.pem"
    for one in (name, f"www.{name}"):
        forged.write_bytes(stolen.issue([one], now()).to_pem())
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            shake_hands(server_context(forged), trusting(stolen.certificate), one)


def test_an_authority_that_may_vouch_for_more_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("voxport.tls.authority._LOCAL_DOMAINS", ("localhost", "local", "dev"))
        first = own(tmp_path).current()
    second = own(tmp_path).current()
    assert second.authority != first.authority
    assert own(tmp_path).current().authority == second.authority


@pytest.mark.parametrize("name", ["authority.pem", "server.pem", "ca.pem"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\n", None])
def test_a_damaged_file_is_made_anew(tmp_path: Path, name: str, content: bytes | None) -> None:
    own(tmp_path).current()
    path = tmp_path / "tls" / name
    path.unlink() if content is None else path.write_bytes(content)
    loaded = own(tmp_path).current()
    client = local_trust(tmp_path)
    assert isinstance(client, ssl.SSLContext)
    shake_hands(server_context(loaded.path), client, "localhost")


def test_a_pair_whose_halves_do_not_match_is_made_anew(tmp_path: Path) -> None:
    one, two = own(tmp_path / "one").current(), own(tmp_path / "two").current()
    head, mark, _ = one.path.read_bytes().partition(b"-----BEGIN CERTIFICATE-----")
    one.path.write_bytes(head + mark + two.path.read_bytes().partition(mark)[2])
    shake_hands(server_context(own(tmp_path / "one").current().path), ssl._create_unverified_context(), "localhost")


def test_a_folder_that_cant_be_used_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("a file in its place")
    with pytest.raises(Invalid, match="--tls-certificate"):
        own(tmp_path).current()


def test_a_folder_without_an_authority_or_with_a_broken_one_trusts_what_the_system_trusts(tmp_path: Path) -> None:
    assert local_trust(tmp_path) is True
    authority_path(tmp_path).parent.mkdir()
    authority_path(tmp_path).write_text("no certificate")
    assert local_trust(tmp_path) is True


def test_this_machines_names_are_ones_that_the_authority_permits() -> None:
    names = machine_names()
    assert names[:4] == ("localhost", "127.0.0.1", "::1", "box.local")
    authority = Authority.create("box", now())
    assert all(authority.permits(one) for one in names)
    assert set(names[4:]) == set(local_addresses())
    assert not any(one.startswith(("127.", "fe80:")) for one in names[4:])


@pytest.mark.parametrize("name", ["", "-", "a b", "box_1", "ünicode", "localhost", "x" * 64])
def test_a_machine_without_a_good_name_has_its_addresses(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: name)
    assert machine_names(["10.0.0.1"]) == ("localhost", "127.0.0.1", "::1", "10.0.0.1")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("BOX.Local.", "box.local"), ("fe80::1%eth0", "fe80::1"), ("0:0::1", "::1"), ("a..b", None), ("*.local", None)],
)
def test_names_have_one_form(given: str, expected: str | None) -> None:
    assert normalized(given) == expected
