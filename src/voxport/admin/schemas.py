"""Bodies of the operator's endpoints."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from voxport.accounts.models import Profile
from voxport.audit.models import AuditEntry
from voxport.audit.service import content
from voxport.billing.money import json_number, parse_tokens
from voxport.billing.service import Booked, Funds
from voxport.clock import iso
from voxport.consent.models import ConsentRecord
from voxport.web.schemas import RequestBody


def _micro(value: object) -> int:
    """Micro-tokens of a JSON number or a text. A float is read digit by digit, as it was written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("give tokens as a number or as text")
    return parse_tokens(value if isinstance(value, str) else format(Decimal(repr(value)), "f"))


_LINE = r"^[^\x00-\x1f\x7f]*$"


def _tokens(sign: str, **number: object) -> WithJsonSchema:
    text = {"type": "string", "pattern": rf"^{sign}[0-9]{{1,9}}(\.[0-9]{{1,6}})?$"}
    return WithJsonSchema(
        {"anyOf": [{"type": "number", **number}, text], "description": 'Tokens, to six places: 2.5 or "2.5".'}
    )


# Both arrive as micro-tokens.
Given = Annotated[int, BeforeValidator(_micro), _tokens("", exclusiveMinimum=0)]
GivenOrTaken = Annotated[int, BeforeValidator(_micro), _tokens("[+-]?")]
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=_LINE)]
Reference = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
_REFERENCE = Field(description="Your own id of this booking. The same one twice for a profile is booked once.")


class NewProfile(RequestBody):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_LINE)]


class Credit(RequestBody):
    amount: Given
    reference: Reference = _REFERENCE
    note: Note | None = None


class Adjustment(RequestBody):
    """A negative amount takes credits."""

    amount: GivenOrTaken
    reference: Reference = _REFERENCE
    note: Note = Field(description="Why; it stays in the ledger.")


class Refund(RequestBody):
    """Of a call, by its request id or by the id of its charge in the ledger. Without `amount`, all that is left."""

    request_id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_LINE)] | None = None
    ledger_id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_LINE)] | None = None
    amount: Given | None = None
    reference: Reference = _REFERENCE
    note: Note | None = None


class ProfileRow(BaseModel):
    id: str
    name: str
    state: Literal["active", "suspended", "erasing", "erased"]
    created_at: str
    balance: float
    credits: float
    held: float


class ProfileBody(BaseModel):
    status: Literal["success"] = "success"
    data: ProfileRow


class ProfileList(BaseModel):
    status: Literal["success"] = "success"
    data: list[ProfileRow]
    next_cursor: str | None


class BookedData(BaseModel):
    """`repeated`: the reference had been booked before, and this is what was booked then."""

    id: str
    profile_id: str
    kind: str
    tokens: float
    balance_after: float
    request_id: str | None
    reference: str | None
    repeated: bool


class BookedBody(BaseModel):
    status: Literal["success"] = "success"
    data: BookedData


class ErasedData(BaseModel):
    """`left` names what could not be removed yet; the worker goes on with it, and so does another DELETE."""

    profile_id: str
    erased: bool
    left: list[str]


class ErasedBody(BaseModel):
    status: Literal["success"] = "success"
    data: ErasedData


class StoredRow(BaseModel):
    profile_id: str
    uploads: int
    upload_bytes: int
    speech: int
    speech_bytes: int
    voices: int
    voice_bytes: int


class StoredList(BaseModel):
    status: Literal["success"] = "success"
    data: list[StoredRow]
    next_cursor: str | None


class AuditRow(BaseModel):
    sequence: int
    at: str
    actor: str
    action: str
    profile_id: str | None
    subject: str | None
    request_id: str | None
    details: dict[str, Any]
    previous: str
    hash: str


class AuditList(BaseModel):
    status: Literal["success"] = "success"
    data: list[AuditRow]
    next_cursor: str | None


class ConsentRow(BaseModel):
    """`voice_id` is null for an instant clone: none was kept."""

    id: str
    created_at: str
    profile_id: str
    key_id: str
    service: str
    request_id: str
    job_id: str | None
    voice_id: str | None
    speaker: str
    words: str | None


class ConsentList(BaseModel):
    status: Literal["success"] = "success"
    data: list[ConsentRow]
    next_cursor: str | None


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


def booked_body(booked: Booked) -> BookedBody:
    row = booked.row
    return BookedBody(
        data=BookedData(
            id=row.id,
            profile_id=row.profile_id,
            kind=row.kind,
            tokens=json_number(row.tokens),
            balance_after=json_number(row.balance_after),
            request_id=row.request_id,
            reference=row.reference,
            repeated=booked.is_repeated,
        )
    )


def audit_row(row: AuditEntry) -> AuditRow:
    return AuditRow(**content(row), hash=row.hash)


def consent_row(row: ConsentRecord) -> ConsentRow:
    names = set(ConsentRow.model_fields) - {"created_at"}
    return ConsentRow(created_at=iso(row.created_at), **{name: getattr(row, name) for name in names})
