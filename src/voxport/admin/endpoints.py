"""/v2/admin/…: profiles, keys, credits, refunds, storage usage, consents and the audit log. Exists only if
VOXPORT_ADMIN_KEY is set."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from voxport.accounts.authentication import AdminRoute, OperatorActor
from voxport.accounts.endpoints import rotated_body
from voxport.accounts.models import Profile
from voxport.accounts.schemas import (
    KeyList,
    MadeKeyBody,
    NewKey,
    RevokedBody,
    RevokedData,
    RotatedKeyBody,
    Rotation,
    key_row,
    key_with_secret,
)
from voxport.accounts.service import Accounts
from voxport.admin import schemas
from voxport.audit.service import Audit
from voxport.billing.adjustments import Adjustments
from voxport.billing.service import Billing, Posting
from voxport.cloning.consent import Consents
from voxport.db.session import Database
from voxport.erasure.service import Erasure
from voxport.media.service import MediaService
from voxport.voices.service import VoiceService
from voxport.voices.stored import storage_usage
from voxport.web.dependencies import Injected
from voxport.web.params import Cursor, Limit

router = APIRouter(prefix="/v2/admin", tags=["admin"], route_class=AdminRoute)

AccountsDep = Injected[Accounts]
AuditDep = Injected[Audit]
BillingDep = Injected[Billing]
ConsentsDep = Injected[Consents]
AdjustmentsDep = Injected[Adjustments]
DatabaseDep = Injected[Database]
ErasureDep = Injected[Erasure]
MediaDep = Injected[MediaService]
ProfileFilter = Annotated[str | None, Query(description="Only what concerns this profile.")]
VoicesDep = Injected[VoiceService]


# OpenAPI entries for status codes other than the usual one.
_ALREADY_POSTED: dict[int | str, dict[str, Any]] = {
    200: {"model": schemas.BookedBody, "description": "It had been booked before under this `reference`"}
}
_PARTLY_ERASED: dict[int | str, dict[str, Any]] = {
    202: {"model": schemas.ErasedBody, "description": "Something could not be removed yet: see `left`"}
}


# Profiles


@router.get("/profiles", summary="The profiles, the newest first")
def list_profiles(
    accounts: AccountsDep, billing: BillingDep, limit: Limit = 50, cursor: Cursor = None
) -> schemas.ProfileList:
    page = accounts.profiles_page(limit=limit, cursor=cursor)
    rows = [schemas.profile_row(row, billing.read_funds(row.id)) for row in page.rows]
    return schemas.ProfileList(data=rows, next_cursor=page.next_cursor)


@router.post("/profiles", status_code=201, summary="A new profile, without credits and keys")
def create_profile(
    body: schemas.NewProfile, actor: OperatorActor, accounts: AccountsDep, billing: BillingDep, database: DatabaseDep
) -> schemas.ProfileBody:
    with database.transaction() as tx:
        profile = accounts.create_profile(tx, body.name, actor=actor)
    return _profile(profile, billing)


@router.get("/profiles/{profile_id}", summary="One profile")
def get_profile(
    profile_id: str, accounts: AccountsDep, billing: BillingDep, database: DatabaseDep
) -> schemas.ProfileBody:
    with database.snapshot() as tx:
        profile = accounts.require_profile(tx, profile_id)
    return _profile(profile, billing)


@router.post("/profiles/{profile_id}/suspend", summary="Refuse its keys; running jobs go on")
def suspend_profile(
    profile_id: str, actor: OperatorActor, accounts: AccountsDep, billing: BillingDep, database: DatabaseDep
) -> schemas.ProfileBody:
    with database.transaction() as tx:
        accounts.suspend(tx, profile_id, actor=actor)
        profile = accounts.require_profile(tx, profile_id)
    return _profile(profile, billing)


@router.post("/profiles/{profile_id}/resume", summary="Take its keys again")
def resume_profile(
    profile_id: str, actor: OperatorActor, accounts: AccountsDep, billing: BillingDep, database: DatabaseDep
) -> schemas.ProfileBody:
    with database.transaction() as tx:
        accounts.resume(tx, profile_id, actor=actor)
        profile = accounts.require_profile(tx, profile_id)
    return _profile(profile, billing)


@router.delete(
    "/profiles/{profile_id}", responses=_PARTLY_ERASED, summary="Erase a profile; 202 while something is left"
)
def erase_profile(profile_id: str, actor: OperatorActor, erasure: ErasureDep, response: Response) -> schemas.ErasedBody:
    erased = erasure.erase(profile_id, actor=actor)
    response.status_code = 202 if erased.left else 200
    data = schemas.ErasedData(profile_id=profile_id, erased=not erased.left, left=erased.left)
    return schemas.ErasedBody(data=data)


@router.get("/stored", summary="What is stored, by profile")
def list_stored(
    accounts: AccountsDep, media: MediaDep, voices: VoicesDep, limit: Limit = 50, cursor: Cursor = None
) -> schemas.StoredList:
    page = accounts.profiles_page(limit=limit, cursor=cursor)
    rows = [schemas.StoredRow(**vars(storage_usage(profile.id, media, voices))) for profile in page.rows]
    return schemas.StoredList(data=rows, next_cursor=page.next_cursor)


# Money


@router.post("/profiles/{profile_id}/credits", status_code=201, responses=_ALREADY_POSTED, summary="Give credits")
def add_credits(
    profile_id: str,
    body: schemas.Credit,
    actor: OperatorActor,
    accounts: AccountsDep,
    billing: BillingDep,
    database: DatabaseDep,
    response: Response,
) -> schemas.BookedBody:
    with database.transaction() as tx:
        accounts.require_profile(tx, profile_id)
        posting = billing.add_credits(
            tx, profile_id, body.amount, note=body.note, reference=body.reference, actor=actor
        )
    return _posting_response(posting, response)


@router.post(
    "/profiles/{profile_id}/adjustments",
    status_code=201,
    responses=_ALREADY_POSTED,
    summary="Give or take credits, with the reason",
)
def adjust(
    profile_id: str,
    body: schemas.Adjustment,
    actor: OperatorActor,
    accounts: AccountsDep,
    adjustments: AdjustmentsDep,
    database: DatabaseDep,
    response: Response,
) -> schemas.BookedBody:
    with database.transaction() as tx:
        accounts.require_profile(tx, profile_id)
        posting = adjustments.adjust(tx, profile_id, body.amount, note=body.note, reference=body.reference, actor=actor)
    return _posting_response(posting, response)


@router.post(
    "/refunds", status_code=201, responses=_ALREADY_POSTED, summary="Give back what a call cost, or a part of it"
)
def refund(
    body: schemas.Refund, actor: OperatorActor, adjustments: AdjustmentsDep, database: DatabaseDep, response: Response
) -> schemas.BookedBody:
    with database.transaction() as tx:
        posting = adjustments.refund(
            tx,
            actor=actor,
            request_id=body.request_id,
            ledger_id=body.ledger_id,
            amount=body.amount,
            note=body.note,
            reference=body.reference,
        )
    return _posting_response(posting, response)


# Keys


@router.get("/profiles/{profile_id}/keys", summary="The keys of a profile; never the keys themselves")
def list_keys(profile_id: str, accounts: AccountsDep) -> KeyList:
    return KeyList(data=[key_row(row) for row in accounts.list_keys(profile_id)])


@router.post("/profiles/{profile_id}/keys", status_code=201, summary="A new key; it is shown this once")
def create_key(
    profile_id: str, body: NewKey, actor: OperatorActor, accounts: AccountsDep, database: DatabaseDep
) -> MadeKeyBody:
    with database.transaction() as tx:
        row, key = accounts.create_key(tx, profile_id, body.name, actor=actor)
    return MadeKeyBody(data=key_with_secret(row, key))


@router.delete("/keys/{key_id}", summary="Revoke a key")
def revoke_key(key_id: str, actor: OperatorActor, accounts: AccountsDep, database: DatabaseDep) -> RevokedBody:
    with database.transaction() as tx:
        accounts.revoke_key(tx, key_id, actor=actor)
    return RevokedBody(data=RevokedData(id=key_id))


@router.post("/keys/{key_id}/rotate", status_code=201, summary="A new key in place of one, which works on for a while")
def rotate_key(
    key_id: str, actor: OperatorActor, accounts: AccountsDep, database: DatabaseDep, body: Rotation | None = None
) -> RotatedKeyBody:
    at_once = body is not None and body.revoke_at_once
    with database.transaction() as tx:
        rotated = accounts.rotate_key(tx, key_id, actor=actor, at_once=at_once)
    return rotated_body(key_id, rotated)


# Records


@router.get("/consents", summary="What speakers consented to, newest first")
def list_consents(
    consents: ConsentsDep, profile_id: ProfileFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> schemas.ConsentList:
    page = consents.page(profile_id=profile_id, limit=limit, cursor=cursor)
    return schemas.ConsentList(data=[schemas.consent_row(row) for row in page.rows], next_cursor=page.next_cursor)


@router.get("/audit", summary="Who did what, newest first")
def list_audit(
    audit: AuditDep, profile_id: ProfileFilter = None, limit: Limit = 50, cursor: Cursor = None
) -> schemas.AuditList:
    page = audit.page(profile_id=profile_id, limit=limit, cursor=cursor)
    return schemas.AuditList(data=[schemas.audit_row(row) for row in page.rows], next_cursor=page.next_cursor)


def _profile(profile: Profile, billing: Billing) -> schemas.ProfileBody:
    return schemas.ProfileBody(data=schemas.profile_row(profile, billing.read_funds(profile.id)))


def _posting_response(posting: Posting, response: Response) -> schemas.BookedBody:
    """Return the posting, with status 200 instead of 201 if its reference had been booked before."""
    if posting.is_repeated:
        response.status_code = 200
    return schemas.posting_body(posting)
