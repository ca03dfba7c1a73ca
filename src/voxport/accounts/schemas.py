"""Request and response bodies of the key endpoints, for customers and the operator."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from voxport.accounts.models import ApiKey
from voxport.clock import iso
from voxport.web.schemas import RequestBody, Success

KeyName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NewKey(RequestBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Laptop"}]})

    name: KeyName = Field(default="", description="A note for yourself, such as where the key is used.")


class Rotation(RequestBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"revoke_at_once": False}]})

    revoke_at_once: bool = Field(default=False, description="Refuse the old key from now on.")


class KeyRow(BaseModel):
    """`starts` are the key's first letters. `expires_at`: it was rotated, signed a browser in, or was made with a key
    that expires, and works until then."""

    id: str = Field(description="The key's id, for rotating and revoking it.")
    name: str = Field(description="The note that was given with it.")
    starts: str = Field(description="The key's first letters.")
    created_at: str = Field(description="When the key was made, ISO 8601 in UTC.")
    expires_at: str | None = Field(
        description="Until when a key works that was rotated, that signed a browser in, or that was made with a key "
        "that expires, ISO 8601 in UTC; null of others."
    )
    revoked_at: str | None = Field(description="When the key was revoked, ISO 8601 in UTC; null while it is good.")


class KeyList(BaseModel):
    status: Success = "success"
    data: list[KeyRow] = Field(description="The keys.")
    next_cursor: None = Field(default=None, description="Always null: the list is whole.")


class MadeKey(KeyRow):
    key: str = Field(description="The key itself; it is shown this once.")


class MadeKeyBody(BaseModel):
    status: Success = "success"
    data: MadeKey = Field(description="What was asked for.")


class RotatedKey(MadeKey):
    old_key_id: str = Field(description="The id of the key that was replaced.")
    old_works_until: str = Field(description="Until when the old key works, ISO 8601 in UTC.")


class RotatedKeyBody(BaseModel):
    status: Success = "success"
    data: RotatedKey = Field(description="What was asked for.")


class RevokedData(BaseModel):
    id: str = Field(description="The key's id.")
    revoked: Literal[True] = Field(default=True, description="Always true.")


class RevokedBody(BaseModel):
    status: Success = "success"
    data: RevokedData = Field(description="What was asked for.")


def key_row(row: ApiKey) -> KeyRow:
    return KeyRow(
        id=row.id,
        name=row.name,
        starts=row.hint,
        created_at=iso(row.created_at),
        expires_at=iso(row.expires_at) if row.expires_at else None,
        revoked_at=iso(row.revoked_at) if row.revoked_at else None,
    )


def key_with_secret(row: ApiKey, key: str) -> MadeKey:
    return MadeKey(**key_row(row).model_dump(), key=key)
