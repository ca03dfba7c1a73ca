"""GET and POST /v2/keys, DELETE /v2/keys/{key_id}, POST /v2/keys/{key_id}/rotate."""

from __future__ import annotations

from fastapi import APIRouter

from voxport.accounts.authentication import AuthenticatedRoute, Caller, CustomerActor
from voxport.accounts.schemas import (
    KeyList,
    MadeKeyBody,
    NewKey,
    RevokedBody,
    RevokedData,
    RotatedKey,
    RotatedKeyBody,
    Rotation,
    key_row,
    key_with_secret,
)
from voxport.accounts.service import Accounts, Rotated
from voxport.clock import iso
from voxport.db.session import Database
from voxport.web.dependencies import Injected

router = APIRouter(prefix="/v2/keys", tags=["keys"], route_class=AuthenticatedRoute)

AccountsDep = Injected[Accounts]
DatabaseDep = Injected[Database]


@router.get("", summary="Your keys, the oldest first; never the keys themselves")
def list_keys(caller: Caller, accounts: AccountsDep) -> KeyList:
    return KeyList(data=[key_row(row) for row in accounts.list_keys(caller.profile_id)])


@router.post("", status_code=201, summary="Another key; it is shown this once")
def create_key(
    body: NewKey, caller: Caller, actor: CustomerActor, accounts: AccountsDep, database: DatabaseDep
) -> MadeKeyBody:
    with database.transaction() as tx:
        row, key = accounts.create_key(tx, caller.profile_id, body.name, made_with=caller.key_id, actor=actor)
    return MadeKeyBody(data=key_with_secret(row, key))


@router.delete("/{key_id}", summary="Revoke a key, but not the last one")
def revoke_key(
    key_id: str, caller: Caller, actor: CustomerActor, accounts: AccountsDep, database: DatabaseDep
) -> RevokedBody:
    with database.transaction() as tx:
        accounts.revoke_key(tx, key_id, actor=actor, profile_id=caller.profile_id)
    return RevokedBody(data=RevokedData(id=key_id))


@router.post("/{key_id}/rotate", status_code=201, summary="A new key in place of one, which works on for a while")
def rotate_key(
    key_id: str,
    caller: Caller,
    actor: CustomerActor,
    accounts: AccountsDep,
    database: DatabaseDep,
    body: Rotation | None = None,
) -> RotatedKeyBody:
    at_once = body is not None and body.revoke_at_once
    with database.transaction() as tx:
        rotated = accounts.rotate_key(
            tx, key_id, actor=actor, profile_id=caller.profile_id, made_with=caller.key_id, at_once=at_once
        )
    return rotated_body(key_id, rotated)


def rotated_body(key_id: str, rotated: Rotated) -> RotatedKeyBody:
    created = key_with_secret(rotated.row, rotated.key)
    return RotatedKeyBody(
        data=RotatedKey(**created.model_dump(), old_key_id=key_id, old_works_until=iso(rotated.old_key_expires_at))
    )
