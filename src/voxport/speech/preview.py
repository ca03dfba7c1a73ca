"""POST /v1/text/preview: how a text will be read, before it is paid for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from voxport.accounts.authentication import AuthenticatedRoute, Caller
from voxport.billing.money import json_number, to_micro
from voxport.catalog import Catalog, Service
from voxport.speech.preparation import SpeechRequest
from voxport.speech.schemas import EstimateData, ReadBody, UsedDictionaryBody, Warnings
from voxport.speech.service import SERVICE, Estimate, Preview, SpeechService
from voxport.web.dependencies import Injected
from voxport.web.schemas import Success

previews = APIRouter(tags=["speech"], route_class=AuthenticatedRoute)


class PreviewRequest(ReadBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "Dr. Ng paid $3.50 at 7:30.", "voice_id": "af_heart", "provider": "local"}]
        }
    )


Phonemes = Annotated[str | None, Field(description="Its sounds in IPA; null where only the provider knows them.")]


class SentenceBody(BaseModel):
    text: str = Field(description="The sentence as it was written, without markup.")
    spoken: str = Field(description="What is read: numbers, abbreviations and symbols in words.")
    phonemes: Phonemes


class PreviewData(BaseModel):
    spoken: str = Field(description="What is read: the sentences, one a line. Of a hosted provider, what it is sent.")
    phonemes: Phonemes
    sentences: list[SentenceBody] = Field(description="The same, sentence by sentence.")
    provider: str = Field(description="The provider that would speak.")
    voice_id: str = Field(description="The voice that would speak.")
    language: str = Field(description="The language it is read in.")
    warnings: Warnings = []
    pronunciations: Annotated[
        list[UsedDictionaryBody],
        Field(exclude_if=lambda value: not value, description="The dictionaries that are used."),
    ] = []
    estimate: EstimateData = Field(description="What `/v1/estimate` answers for the call.")


class PreviewBody(BaseModel):
    status: Success = "success"
    data: PreviewData = Field(description="How the text will be read.")


@previews.post("/v1/text/preview", summary="How a text will be read; it costs nothing to ask")
def preview(
    body: PreviewRequest, caller: Caller, speech: Injected[SpeechService], catalog: Injected[Catalog]
) -> PreviewBody:
    request = SpeechRequest(
        text=body.text,
        voice_id=body.voice_id,
        provider=body.provider,
        language=body.language,
        voice_settings=body.voice_settings.sent() if body.voice_settings is not None else {},
        markup=body.markup,
        pronunciations=None if body.pronunciations is None else tuple(body.pronunciations),
        is_preview=True,
    )
    return _preview_body(speech.preview(caller, request), catalog.services[SERVICE])


def estimate_data(found: Estimate, service: Service) -> EstimateData:
    return EstimateData(
        unit_type=service.unit_type,
        unit_price=json_number(to_micro(service.unit_price)),
        units=float(found.units),
        tokens=json_number(found.tokens),
        held=json_number(found.held),
        language=found.language,
        warnings=list(found.warnings),
    )


def _preview_body(found: Preview, service: Service) -> PreviewBody:
    prepared, sentences = found.prepared, found.sentences
    route = prepared.routes[0]
    phonemes = [one.phonemes for one in sentences if one.phonemes is not None]
    return PreviewBody(
        data=PreviewData(
            spoken="\n".join(one.spoken for one in sentences),
            phonemes="\n".join(phonemes) if len(phonemes) == len(sentences) else None,
            sentences=[SentenceBody(text=one.text, spoken=one.spoken, phonemes=one.phonemes) for one in sentences],
            provider=route.voice.provider.name,
            voice_id=prepared.request.voice_id,
            language=route.language,
            warnings=list(prepared.warnings),
            pronunciations=[UsedDictionaryBody(id=one.id, version=one.version) for one in prepared.dictionaries],
            estimate=estimate_data(found.estimate, service),
        )
    )
