"""Request and response bodies of the operator's endpoints."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from voxport.accounts.models import Profile
from voxport.audit.models import AuditEntry
from voxport.audit.service import row_content
from voxport.billing.money import json_number, parse_tokens
from voxport.billing.service import Funds, Posting
from voxport.clock import iso
from voxport.cloning.models import ConsentRecord
from voxport.web.schemas import NextCursor, RequestBody, Success


def _parse_micro(value: object) -> int:
    """Convert a JSON number or a string to micro-tokens. A float is converted by its shortest decimal form."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("give tokens as a number or as text")
    return parse_tokens(value if isinstance(value, str) else format(Decimal(repr(value)), "f"))


_LINE = r"^[^\x00-\x1f\x7f]*$"


def _tokens(sign: str, **number: object) -> WithJsonSchema:
    text = {"type": "string", "pattern": rf"^{sign}[0-9]{{1,9}}(\.[0-9]{{1,6}})?$"}
    return WithJsonSchema(
        {"anyOf": [{"type": "number", **number}, text], "description": 'Tokens, to six places: 2.5 or "2.5".'}
    )


# Both are micro-tokens after validation.
PositiveTokens = Annotated[int, BeforeValidator(_parse_micro), _tokens("", exclusiveMinimum=0)]
SignedTokens = Annotated[int, BeforeValidator(_parse_micro), _tokens("[+-]?")]
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=_LINE)]
Reference = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
_REFERENCE = Field(description="Your own id of this booking. The same one twice for a profile is booked once.")


class NewProfile(RequestBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Harbour Radio"}]})

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_LINE)] = Field(
        description="The customer's name."
    )


class Credit(RequestBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 100, "reference": "invoice-1001"}]})

    amount: PositiveTokens
    reference: Reference = _REFERENCE
    note: Note | None = Field(default=None, description="Why; it stays in the ledger.")


class Adjustment(RequestBody):
    """A negative amount takes credits."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"amount": -2.5, "reference": "correction-1", "note": "Charged twice"}]}
    )

    amount: SignedTokens
    reference: Reference = _REFERENCE
    note: Note = Field(description="Why; it stays in the ledger.")


class Refund(RequestBody):
    """Of a call, by its request id or by the id of its charge in the ledger. Without `amount`, all that is left."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"request_id": "req_0123456789abcdefghij", "reference": "refund-1"}]}
    )

    request_id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_LINE)] | None = Field(
        default=None, description="The call, by its `X-Gateway-Request-ID`; or give `ledger_id`."
    )
    ledger_id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_LINE)] | None = Field(
        default=None, description="The charge, by its id in the ledger; or give `request_id`."
    )
    amount: PositiveTokens | None = Field(default=None, description="Tokens to give back. Default: all that is left.")
    reference: Reference = _REFERENCE
    note: Note | None = Field(default=None, description="Why; it stays in the ledger.")


class ProfileRow(BaseModel):
    id: str = Field(description="The profile's id.")
    name: str = Field(description="The customer's name.")
    state: Literal["active", "suspended", "erasing", "erased"] = Field(
        description="`suspended`: its keys are refused; `erasing` and `erased`: its data is being, or was, removed."
    )
    created_at: str = Field(description="When the profile was made, ISO 8601 in UTC.")
    balance: float = Field(description="Tokens that can be spent.")
    credits: float = Field(description="Tokens of the account.")
    held: float = Field(description="Tokens set aside for calls that are being made.")


class ProfileBody(BaseModel):
    status: Success = "success"
    data: ProfileRow = Field(description="What was asked for.")


class ProfileList(BaseModel):
    status: Success = "success"
    data: list[ProfileRow] = Field(description="The profiles of this page.")
    next_cursor: NextCursor


class BookedData(BaseModel):
    """`repeated`: the reference had been booked before, and this is what was booked then."""

    id: str = Field(description="The entry's id in the ledger.")
    profile_id: str = Field(description="The profile that it was booked for.")
    kind: str = Field(description="`credit`, `refund` or `adjust`.")
    tokens: float = Field(description="Tokens: negative where they were taken.")
    balance_after: float = Field(description="Tokens in the account after it.")
    request_id: str | None = Field(description="The call that was refunded; null of others.")
    reference: str | None = Field(description="Your own id of the booking.")
    repeated: bool = Field(description="Whether the reference had been booked before; then this is what was booked.")


class BookedBody(BaseModel):
    status: Success = "success"
    data: BookedData = Field(description="What was asked for.")


class ErasedData(BaseModel):
    """`left` names what could not be removed yet; the worker goes on with it, and so does another DELETE."""

    profile_id: str = Field(description="The profile's id.")
    erased: bool = Field(description="Whether all is removed.")
    left: list[str] = Field(
        description="What could not be removed yet; the worker goes on with it, and so does another DELETE."
    )


class ErasedBody(BaseModel):
    status: Success = "success"
    data: ErasedData = Field(description="What was asked for.")


class StoredRow(BaseModel):
    profile_id: str = Field(description="The profile's id.")
    uploads: int = Field(description="How many uploads are stored.")
    upload_bytes: int = Field(description="Bytes of the uploads.")
    speech: int = Field(description="How many speech files are stored.")
    speech_bytes: int = Field(description="Bytes of the speech files.")
    voices: int = Field(description="How many clones are stored.")
    voice_bytes: int = Field(description="Bytes of the clones.")


class StoredList(BaseModel):
    status: Success = "success"
    data: list[StoredRow] = Field(description="The profiles of this page.")
    next_cursor: NextCursor


class AuditRow(BaseModel):
    sequence: int = Field(description="The entry's number, from 1 on without gaps.")
    at: str = Field(description="When it happened, ISO 8601 in UTC.")
    actor: str = Field(description="Who did it: a key's id, `admin`, or a part of the gateway.")
    action: str = Field(description="What was done.")
    profile_id: str | None = Field(description="The profile that it concerns.")
    subject: str | None = Field(description="The thing that it was done to.")
    request_id: str | None = Field(description="The request that did it.")
    details: dict[str, Any] = Field(description="More about it, by action.")
    previous: str = Field(description="The hash of the entry before.")
    hash: str = Field(description="The hash of this entry with `previous`.")


class AuditList(BaseModel):
    status: Success = "success"
    data: list[AuditRow] = Field(description="The entries of this page.")
    next_cursor: NextCursor


class ConsentRow(BaseModel):
    """`voice_id` is null for an instant clone: none was kept."""

    id: str = Field(description="The record's id.")
    created_at: str = Field(description="When it was recorded, ISO 8601 in UTC.")
    profile_id: str = Field(description="The profile that cloned.")
    key_id: str = Field(description="The key that was used.")
    service: str = Field(description="The service that was called.")
    request_id: str = Field(description="The request that told of the consent.")
    job_id: str | None = Field(description="The clone's job; null of an instant clone.")
    voice_id: str | None = Field(
        description="The voice that was made; null of an instant clone, of which none was kept."
    )
    speaker: str = Field(description="Who the speaker is, as it was sent.")
    words: str | None = Field(description="What the speaker agreed to, as it was sent.")


class ConsentList(BaseModel):
    status: Success = "success"
    data: list[ConsentRow] = Field(description="The records of this page.")
    next_cursor: NextCursor


def profile_row(profile: Profile, funds: Funds) -> ProfileRow:
    return ProfileRow(
        id=profile.id,
        name=profile.name,
        state=profile.state,  # type: ignore[arg-type]  # the column holds no other
        created_at=iso(profile.created_at),
        balance=json_number(funds.balance),
        credits=json_number(funds.credits),
        held=json_number(funds.held),
    )


def posting_body(posting: Posting) -> BookedBody:
    row = posting.row
    return BookedBody(
        data=BookedData(
            id=row.id,
            profile_id=row.profile_id,
            kind=row.kind,
            tokens=json_number(row.tokens),
            balance_after=json_number(row.balance_after),
            request_id=row.request_id,
            reference=row.reference,
            repeated=posting.is_repeated,
        )
    )


def audit_row(row: AuditEntry) -> AuditRow:
    return AuditRow(**row_content(row), hash=row.hash)


def consent_row(row: ConsentRecord) -> ConsentRow:
    names = set(ConsentRow.model_fields) - {"created_at"}
    return ConsentRow(created_at=iso(row.created_at), **{name: getattr(row, name) for name in names})
