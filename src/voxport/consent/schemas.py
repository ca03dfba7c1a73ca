"""The field `consent` of a request."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from voxport.consent.service import Consent
from voxport.web.schemas import RequestBody

_TEXT = r"^[^\x00]*$"  # Postgres takes no NUL
Speaker = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_TEXT)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=_TEXT)]


class ConsentBody(RequestBody):
    """That the speaker agreed to the clone. It is recorded, with the time and the key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"granted": True, "speaker": "Maria Lopez"}]})

    granted: bool = Field(description="Whether the speaker agreed.")
    speaker: Speaker = Field(description="Who the speaker is: a name, or your own id of the person.")
    words: Words | None = Field(default=None, description="What the speaker agreed to, in the words that were used.")


def said(body: ConsentBody | None) -> Consent | None:
    return None if body is None else Consent(body.granted, body.speaker, body.words)
