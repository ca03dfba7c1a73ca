"""API keys have a checksum, are shown once, and are stored only as a keyed hash."""

from __future__ import annotations

import string

import pytest

from tests.conftest import MakeGateway
from tests.support.client import GatewayClient, open_client
from voxport.accounts.keys import checksum, digest, is_bootstrap_key, is_well_formed, new_key
from voxport.errors import Invalid, NotFound, Unauthenticated
from voxport.gateway import Gateway


def test_a_new_key_is_well_formed_and_never_the_same() -> None:
    keys = {new_key() for _ in range(500)}
    assert len(keys) == 500
    for key in keys:
        assert is_well_formed(key)
        assert key.startswith("vxp_")
        assert len(key) == 42


def test_every_single_mistyped_letter_is_noticed() -> None:
    key = new_key()
    for position in range(4, len(key)):
        for letter in string.ascii_letters + string.digits:
            if letter != key[position]:
                assert not is_well_formed(key[:position] + letter + key[position + 1 :])


def test_two_exchanged_letters_are_noticed() -> None:
    key = new_key()
    for position in range(4, len(key) - 1):
        exchanged = key[:position] + key[position + 1] + key[position] + key[position + 2 :]
        assert is_well_formed(exchanged) is (exchanged == key)


def test_the_checksum_is_six_characters_for_anything() -> None:
    for body in ("", "a", "0" * 32, "z" * 32):
        assert len(checksum(body)) == 6


def test_a_digest_depends_on_the_key_and_on_the_secret() -> None:
    key = new_key()
    assert digest(key, b"a" * 32) != digest(key, b"b" * 32)
    assert digest(key, b"a" * 32) != digest(new_key(), b"a" * 32)


@pytest.mark.parametrize("key", ["vxp_0123456789abcdef", "vxp_" + "A-z_9" * 20])
def test_an_operator_may_choose_such_a_key(key: str) -> None:
    assert is_bootstrap_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "vxp_",
        "vxp_short",
        "key_0123456789abcdef",
        "vxp_0123456789abcde ",
        "vxp_0123456789abcdeé",
        "vxp_" + "x" * 129,
        "vxp_0123456789abcdef\n",
    ],
)
def test_an_operator_may_not_choose_such_a_key(gateway: Gateway, key: str) -> None:
    assert not is_bootstrap_key(key)
    with pytest.raises(Invalid), gateway.database.transaction() as tx:
        profile = gateway.accounts.create_profile(tx, "x")
        gateway.accounts.create_key(tx, profile.id, "x", key=key)
    assert gateway.accounts.list_profiles() == []


@pytest.mark.sqlite_only("reads the bytes of the database's file")
def test_the_database_file_holds_no_key_only_its_keyed_hash(gateway: Gateway) -> None:
    client = open_client(gateway)
    assert client.get("/v2/billing/balance").status_code == 200
    gateway.close()
    held = b"".join(path.read_bytes() for path in gateway.settings.data_dir.glob("voxport.db*") if path.is_file())
    assert client.profile_id.encode() in held
    assert client.key.encode() not in held
    assert client.key[4:].encode() not in held
    assert client.key[8:].encode() not in held
    assert client.key[12:24].encode() not in held


def test_a_key_is_of_one_gateways_secret(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(secret_key="s" * 32)
    client = open_client(gateway)
    same = make_gateway(secret_key="s" * 32, data_dir=gateway.settings.data_dir)
    assert same.accounts.authenticate(client.key).profile_id == client.profile_id
    other = make_gateway(secret_key="t" * 32, data_dir=gateway.settings.data_dir)
    with pytest.raises(Unauthenticated):
        other.accounts.authenticate(client.key)


def test_the_secret_is_made_once_and_only_its_owner_reads_it(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    secret = gateway.settings.data_dir / "secret.key"
    before = secret.read_bytes()
    assert len(before) >= 32
    assert secret.stat().st_mode & 0o077 == 0
    make_gateway(data_dir=gateway.settings.data_dir)
    assert secret.read_bytes() == before


def test_a_key_is_revoked_once_and_an_unknown_one_not_at_all(client: GatewayClient) -> None:
    accounts, database = client.gateway.accounts, client.gateway.database
    with database.transaction() as tx:
        assert accounts.revoke_key(tx, client.key_id) is True
        assert accounts.revoke_key(tx, client.key_id) is False
    with pytest.raises(NotFound), database.transaction() as tx:
        accounts.revoke_key(tx, "key_nobody")


def test_a_key_needs_a_profile_that_is_there(gateway: Gateway) -> None:
    with pytest.raises(NotFound), gateway.database.transaction() as tx:
        gateway.accounts.create_key(tx, "prof_nobody", "x")
    with pytest.raises(NotFound):
        gateway.accounts.list_keys("prof_nobody")


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_a_profile_has_a_name(gateway: Gateway, name: str) -> None:
    with pytest.raises(Invalid), gateway.database.transaction() as tx:
        gateway.accounts.create_profile(tx, name)


def test_the_list_of_keys_tells_them_apart_and_never_tells_them(gateway: Gateway) -> None:
    client = open_client(gateway)
    client.another_customer()
    rows = gateway.accounts.list_keys(client.profile_id)
    assert [row.id for row in rows] == [client.key_id]
    assert client.key.startswith(rows[0].hint)
    assert len(rows[0].hint) == 8
    assert len(gateway.accounts.list_keys()) == 2


def test_the_data_folder_is_for_nobody_else_on_the_machine(make_gateway: MakeGateway) -> None:
    folder = make_gateway().settings.data_dir
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "secret.key").stat().st_mode & 0o777 == 0o600
