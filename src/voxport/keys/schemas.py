"""Bodies of the key endpoints, the customer's and the operator's."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from voxport.accounts.models import ApiKey
from voxport.clock import iso
from voxport.web.schemas import RequestBody

KeyName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NewKey(RequestBody):
    name: KeyName = Field(default="", description="A note for yourself, such as where the key is used.")


class Rotation(RequestBody):
    revoke_at_once: bool = Field(default=False, description="Refuse the old key from now on.")


class KeyRow(BaseModel):
    """`starts` are the key's first letters. `expires_at`: it was rotated, and works until then."""

    id: str
    name: str
    starts: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class KeyList(BaseModel):
    status: Literal["success"] = "success"
    data: list[KeyRow]
    next_cursor: None = None


class MadeKey(KeyRow):
    key: str = Field(description="The key itself; it is shown this once.")


class MadeKeyBody(BaseModel):
    status: Literal["success"] = "success"
    data: MadeKey


class RotatedKey(MadeKey):
    old_key_id: str
    old_works_until: str


class RotatedKeyBody(BaseModel):
    status: Literal["success"] = "success"
    data: RotatedKey


class RevokedData(BaseModel):
    id: str
    revoked: Literal[True] = True


class RevokedBody(BaseModel):
    status: Literal["success"] = "success"
    data: RevokedData


def key_row(row: ApiKey) -> KeyRow:
    return KeyRow(
        id=row.id,
        name=row.name,
        starts=row.hint,
        created_at=iso(row.created_at),
        expires_at=iso(row.expires_at) if row.expires_at else None,
        revoked_at=iso(row.revoked_at) if row.revoked_at else None,
    )


def made_key(row: ApiKey, key: str) -> MadeKey:
    return MadeKey(**key_row(row).model_dump(), key=key)
