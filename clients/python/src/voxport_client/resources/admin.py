"""`client.admin`: the operator's calls. They take the operator's key in place of a customer's."""

from __future__ import annotations

from decimal import Decimal

from voxport_client.models.accounts import (
    ApiKey,
    AuditEntry,
    Booking,
    ConsentRecord,
    Erasure,
    NewApiKey,
    Profile,
    RevokedKey,
    RotatedApiKey,
    StoredTotals,
)
from voxport_client.paging import DEFAULT_LIMIT, AsyncPaginator, Paginator, page_calls
from voxport_client.resources.keys import create_key, list_keys, revoke_key, rotate_key
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.calls import Call, parse_data, path, sent, tokens_text
from voxport_client.transport.sync_transport import Transport

Tokens = Decimal | int | str
"""Tokens, exactly: `Decimal("2.5")`, `2` or `"2.5"`."""

_PROFILES = "/v2/admin/profiles"
_KEYS = "/v2/admin/keys"


def _of_profile(profile_id: str, rest: str = "") -> str:
    return path(_PROFILES + "/{profile_id}" + rest, profile_id=profile_id)


def _create_profile(name: str) -> Call[Profile]:
    return Call("POST", _PROFILES, parse_data(Profile), body={"name": name}, is_repeatable=False)


def _profile(profile_id: str) -> Call[Profile]:
    return Call("GET", _of_profile(profile_id), parse_data(Profile))


def _erase(profile_id: str) -> Call[Erasure]:
    return Call("DELETE", _of_profile(profile_id), parse_data(Erasure))


def _set_state(profile_id: str, verb: str) -> Call[Profile]:
    return Call("POST", _of_profile(profile_id, f"/{verb}"), parse_data(Profile))


def _book(where: str, **fields: str | None) -> Call[Booking]:
    return Call("POST", where, parse_data(Booking), body=sent(**fields))


class Admin:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def profiles(self, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Paginator[Profile]:
        """The customers, newest first. `limit` is the size of a page."""
        return Paginator(self._transport, page_calls(_PROFILES, Profile, limit=limit), cursor)

    def create_profile(self, name: str) -> Profile:
        """Make a customer. Not sent again after a lost answer."""
        return self._transport.send(_create_profile(name))

    def profile(self, profile_id: str) -> Profile:
        return self._transport.send(_profile(profile_id))

    def erase_profile(self, profile_id: str) -> Erasure:
        """Remove all data of a customer; the ledger stays."""
        return self._transport.send(_erase(profile_id))

    def suspend_profile(self, profile_id: str) -> Profile:
        """Refuse a customer's keys."""
        return self._transport.send(_set_state(profile_id, "suspend"))

    def resume_profile(self, profile_id: str) -> Profile:
        """Take a customer's keys again."""
        return self._transport.send(_set_state(profile_id, "resume"))

    def stored(self, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Paginator[StoredTotals]:
        """What each customer has in storage. `limit` is the size of a page."""
        return Paginator(self._transport, page_calls("/v2/admin/stored", StoredTotals, limit=limit), cursor)

    def add_credits(self, profile_id: str, amount: Tokens, *, reference: str, note: str | None = None) -> Booking:
        """Add tokens. The same `reference` twice is booked once."""
        where = _of_profile(profile_id, "/credits")
        return self._transport.send(_book(where, amount=tokens_text(amount), reference=reference, note=note))

    def adjust(self, profile_id: str, amount: Tokens, *, reference: str, note: str) -> Booking:
        """Correct a balance; a negative amount takes tokens away. The same `reference` twice is booked once."""
        where = _of_profile(profile_id, "/adjustments")
        return self._transport.send(_book(where, amount=tokens_text(amount), reference=reference, note=note))

    def refund(
        self,
        *,
        reference: str,
        request_id: str | None = None,
        ledger_id: str | None = None,
        amount: Tokens | None = None,
        note: str | None = None,
    ) -> Booking:
        """Give back a charge, named by its call or its entry in the ledger; all that is left of it unless `amount` says
        how much. The same `reference` twice is booked once."""
        text = None if amount is None else tokens_text(amount)
        call = _book(
            "/v2/admin/refunds",
            reference=reference,
            request_id=request_id,
            ledger_id=ledger_id,
            amount=text,
            note=note,
        )
        return self._transport.send(call)

    def keys(self, profile_id: str) -> list[ApiKey]:
        return self._transport.send(list_keys(_of_profile(profile_id, "/keys")))

    def create_key(self, profile_id: str, *, name: str = "") -> NewApiKey:
        """Make a customer's key. It is shown this once. Not sent again after a lost answer."""
        return self._transport.send(create_key(_of_profile(profile_id, "/keys"), name))

    def rotate_key(self, key_id: str, *, revoke_at_once: bool = False) -> RotatedApiKey:
        """Make a key in place of another, which works for a while longer. Not sent again after a lost answer."""
        return self._transport.send(rotate_key(_KEYS, key_id, revoke_at_once))

    def revoke_key(self, key_id: str) -> RevokedKey:
        return self._transport.send(revoke_key(_KEYS, key_id))

    def consents(
        self, *, profile_id: str | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> Paginator[ConsentRecord]:
        """What speakers agreed to, newest first. `limit` is the size of a page."""
        calls = page_calls("/v2/admin/consents", ConsentRecord, limit=limit, query={"profile_id": profile_id})
        return Paginator(self._transport, calls, cursor)

    def audit(
        self, *, profile_id: str | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> Paginator[AuditEntry]:
        """The audit log, newest first. `limit` is the size of a page."""
        calls = page_calls("/v2/admin/audit", AuditEntry, limit=limit, query={"profile_id": profile_id})
        return Paginator(self._transport, calls, cursor)


class AsyncAdmin:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def profiles(self, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> AsyncPaginator[Profile]:
        """The customers, newest first. `limit` is the size of a page."""
        return AsyncPaginator(self._transport, page_calls(_PROFILES, Profile, limit=limit), cursor)

    async def create_profile(self, name: str) -> Profile:
        """Make a customer. Not sent again after a lost answer."""
        return await self._transport.send(_create_profile(name))

    async def profile(self, profile_id: str) -> Profile:
        return await self._transport.send(_profile(profile_id))

    async def erase_profile(self, profile_id: str) -> Erasure:
        """Remove all data of a customer; the ledger stays."""
        return await self._transport.send(_erase(profile_id))

    async def suspend_profile(self, profile_id: str) -> Profile:
        """Refuse a customer's keys."""
        return await self._transport.send(_set_state(profile_id, "suspend"))

    async def resume_profile(self, profile_id: str) -> Profile:
        """Take a customer's keys again."""
        return await self._transport.send(_set_state(profile_id, "resume"))

    def stored(self, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> AsyncPaginator[StoredTotals]:
        """What each customer has in storage. `limit` is the size of a page."""
        return AsyncPaginator(self._transport, page_calls("/v2/admin/stored", StoredTotals, limit=limit), cursor)

    async def add_credits(self, profile_id: str, amount: Tokens, *, reference: str, note: str | None = None) -> Booking:
        """Add tokens. The same `reference` twice is booked once."""
        where = _of_profile(profile_id, "/credits")
        return await self._transport.send(_book(where, amount=tokens_text(amount), reference=reference, note=note))

    async def adjust(self, profile_id: str, amount: Tokens, *, reference: str, note: str) -> Booking:
        """Correct a balance; a negative amount takes tokens away. The same `reference` twice is booked once."""
        where = _of_profile(profile_id, "/adjustments")
        return await self._transport.send(_book(where, amount=tokens_text(amount), reference=reference, note=note))

    async def refund(
        self,
        *,
        reference: str,
        request_id: str | None = None,
        ledger_id: str | None = None,
        amount: Tokens | None = None,
        note: str | None = None,
    ) -> Booking:
        """Give back a charge, named by its call or its entry in the ledger; all that is left of it unless `amount` says
        how much. The same `reference` twice is booked once."""
        text = None if amount is None else tokens_text(amount)
        call = _book(
            "/v2/admin/refunds",
            reference=reference,
            request_id=request_id,
            ledger_id=ledger_id,
            amount=text,
            note=note,
        )
        return await self._transport.send(call)

    async def keys(self, profile_id: str) -> list[ApiKey]:
        return await self._transport.send(list_keys(_of_profile(profile_id, "/keys")))

    async def create_key(self, profile_id: str, *, name: str = "") -> NewApiKey:
        """Make a customer's key. It is shown this once. Not sent again after a lost answer."""
        return await self._transport.send(create_key(_of_profile(profile_id, "/keys"), name))

    async def rotate_key(self, key_id: str, *, revoke_at_once: bool = False) -> RotatedApiKey:
        """Make a key in place of another, which works for a while longer. Not sent again after a lost answer."""
        return await self._transport.send(rotate_key(_KEYS, key_id, revoke_at_once))

    async def revoke_key(self, key_id: str) -> RevokedKey:
        return await self._transport.send(revoke_key(_KEYS, key_id))

    def consents(
        self, *, profile_id: str | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> AsyncPaginator[ConsentRecord]:
        """What speakers agreed to, newest first. `limit` is the size of a page."""
        calls = page_calls("/v2/admin/consents", ConsentRecord, limit=limit, query={"profile_id": profile_id})
        return AsyncPaginator(self._transport, calls, cursor)

    def audit(
        self, *, profile_id: str | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> AsyncPaginator[AuditEntry]:
        """The audit log, newest first. `limit` is the size of a page."""
        calls = page_calls("/v2/admin/audit", AuditEntry, limit=limit, query={"profile_id": profile_id})
        return AsyncPaginator(self._transport, calls, cursor)
