"""Base classes and types that request and response bodies share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

_MAX_FIELDS = 64
_WHITESPACE = (
    " \t\r\n\v\f\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"
    + "".join(map(chr, range(0x2000, 0x2010)))
    + "\u2060"
)

# Characters that fit into a body of the default size. Services with lower limits refuse or cut longer texts.
MAX_TEXT_LENGTH = 1_048_576

Success = Annotated[Literal["success"], Field(description="`success`: the call was done.")]
NextCursor = Annotated[
    str | None, Field(description="Send it as `cursor` to get the next page; null where there is none.")
]


def _strip_whitespace(value: Any) -> Any:
    return value.strip(_WHITESPACE) if isinstance(value, str) else value


StripWhitespace = BeforeValidator(_strip_whitespace)
"""Strips whitespace and invisible characters from both ends of a URL that a person pasted. Inside they stay, and are
refused."""


class RequestBody(BaseModel):
    """A body that a client sends: an unknown field is an error, and no value is bent to another type."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _limit_fields(cls, value: Any) -> Any:
        """Limit the size of the error: each unknown field is listed, and 100,000 of them would make 10 MB."""
        if isinstance(value, dict) and len(value) > _MAX_FIELDS:
            raise ValueError(f"has more than {_MAX_FIELDS} fields")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _reject_surrogates(cls, value: Any) -> Any:
        """Refuse lone surrogates, which JSON can express but which can't be stored or spoken."""
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("holds half of a character (a lone surrogate)")
        return value


class ErrorObject(BaseModel):
    code: str = Field(description="The kind of error, for programs.")
    message: str = Field(description="What is wrong and what to do, for people.")
    request_id: str | None = Field(description="The id of this answer, for questions to the operator.")
    details: dict[str, Any] = Field(description="Numbers and names of the error, by kind.")


class ErrorBody(BaseModel):
    """The shape of every error."""

    status: Literal["error"] = Field(default="error", description="`error`: the call was not done.")
    error: ErrorObject = Field(description="What is wrong.")


class ValidationErrorBody(ErrorBody):
    """A 422: `detail` lists what is wrong, in the form that FastAPI gives."""

    detail: list[dict[str, Any]] = Field(
        description="Each mistake: `loc` says where, `msg` what, `input` what was sent."
    )
