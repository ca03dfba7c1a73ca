"""Bodies of the Studio's own calls, which are no part of the API."""

from __future__ import annotations

from pydantic import BaseModel, Field

from voxport.speech.schemas import SpeechBody
from voxport.web.schemas import RequestBody, Success


class SessionRequest(RequestBody):
    token: str = Field(max_length=200, description="The token of a link of `voxport studio`.")


class SessionData(BaseModel):
    key: str = Field(description="A key that expires.")
    expires_at: str = Field(description="Until when it is good, ISO 8601 in UTC.")


class SessionBody(BaseModel):
    status: Success = "success"
    data: SessionData


class ProfileData(BaseModel):
    id: str = Field(description="The id of the key's profile.")


class ProfileBody(BaseModel):
    status: Success = "success"
    data: ProfileData


class TicketData(BaseModel):
    ticket: str = Field(description="To be sent with the call.")
    path: str = Field(description="The path of the audio as it is made, below the gateway's address.")


class TicketBody(BaseModel):
    status: Success = "success"
    data: TicketData


class TakeRequest(RequestBody):
    ticket: str = Field(max_length=100, description="Where to copy the audio to while it is made.")
    speech: SpeechBody = Field(description="As core-tts takes it.")
