"""`client.keys`: your API keys."""

from __future__ import annotations

import builtins

from voxport_client.models.accounts import ApiKey, NewApiKey, RevokedKey, RotatedApiKey
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.calls import Call, parse_data, parse_list, path
from voxport_client.transport.sync_transport import Transport


def list_keys(where: str) -> Call[list[ApiKey]]:
    return Call("GET", where, parse_list(ApiKey))


def create_key(where: str, name: str) -> Call[NewApiKey]:
    # A key whose answer was lost can't be seen again: a second one would be made unasked.
    return Call("POST", where, parse_data(NewApiKey), body={"name": name}, is_repeatable=False)


def rotate_key(where: str, key_id: str, revoke_at_once: bool) -> Call[RotatedApiKey]:
    body = {"revoke_at_once": revoke_at_once}
    where = path(where + "/{key_id}/rotate", key_id=key_id)
    return Call("POST", where, parse_data(RotatedApiKey), body=body, is_repeatable=False)


def revoke_key(where: str, key_id: str) -> Call[RevokedKey]:
    return Call("DELETE", path(where + "/{key_id}", key_id=key_id), parse_data(RevokedKey))


_KEYS = "/v2/keys"


class Keys:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> builtins.list[ApiKey]:
        """Your keys, without their secrets."""
        return self._transport.send(list_keys(_KEYS))

    def create(self, *, name: str = "") -> NewApiKey:
        """Make a key. It is shown this once. Not sent again after a lost answer."""
        return self._transport.send(create_key(_KEYS, name))

    def rotate(self, key_id: str, *, revoke_at_once: bool = False) -> RotatedApiKey:
        """Make a key in place of another, which works for a while longer. Not sent again after a lost answer."""
        return self._transport.send(rotate_key(_KEYS, key_id, revoke_at_once))

    def revoke(self, key_id: str) -> RevokedKey:
        """Refuse a key from now on."""
        return self._transport.send(revoke_key(_KEYS, key_id))


class AsyncKeys:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> builtins.list[ApiKey]:
        """Your keys, without their secrets."""
        return await self._transport.send(list_keys(_KEYS))

    async def create(self, *, name: str = "") -> NewApiKey:
        """Make a key. It is shown this once. Not sent again after a lost answer."""
        return await self._transport.send(create_key(_KEYS, name))

    async def rotate(self, key_id: str, *, revoke_at_once: bool = False) -> RotatedApiKey:
        """Make a key in place of another, which works for a while longer. Not sent again after a lost answer."""
        return await self._transport.send(rotate_key(_KEYS, key_id, revoke_at_once))

    async def revoke(self, key_id: str) -> RevokedKey:
        """Refuse a key from now on."""
        return await self._transport.send(revoke_key(_KEYS, key_id))
