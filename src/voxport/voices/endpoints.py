"""GET /v1/proxy/core-tts-voices, and GET, PATCH and DELETE /v1/voices/{voice_id}."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from voxport.accounts.authentication import AuthenticatedRoute, Caller, CustomerActor
from voxport.clock import iso
from voxport.pronunciations.service import Pronunciations
from voxport.providers.base import Provider
from voxport.providers.names import ProviderName
from voxport.providers.registry import Registry
from voxport.voices.entries import VoiceEntry
from voxport.voices.schemas import (
    DeletedBody,
    DeletedData,
    ProviderBody,
    SampleLimits,
    VoiceBody,
    VoiceDetail,
    VoiceDetailBody,
    VoicePatch,
    VoicesBody,
    VoicesData,
)
from voxport.voices.service import VoiceChange, VoiceService
from voxport.web.dependencies import Injected
from voxport.web.provider_threads import ProviderThreadsDep

router = APIRouter(tags=["voices"], route_class=AuthenticatedRoute)


VoicesDep = Injected[VoiceService]


@router.get("/v1/proxy/core-tts-voices", summary="The voices, and what each provider can do")
def list_voices(
    caller: Caller,
    voices: VoicesDep,
    providers: Injected[Registry],
    provider: Annotated[ProviderName | None, Query(description="Only the voices of this provider.")] = None,
    language: Annotated[
        str | None, Query(max_length=16, description="Only the voices of this language: `en` includes `en-us`.")
    ] = None,
    cloned: Annotated[bool | None, Query(description="Only voices of yours, or only stock voices.")] = None,
) -> VoicesBody:
    entries, warnings = voices.find(caller.profile_id, provider=provider, language=language, cloned=cloned)
    default = providers.default_name()
    return VoicesBody(
        data=VoicesData(
            providers=[_provider(one, is_default=one.name == default) for one in providers.all()],
            voices=[VoiceBody(**_values(entry)) for entry in entries],
            warnings=warnings,
        )
    )


@router.get("/v1/voices/{voice_id}", summary="One voice")
def get_voice(voice_id: str, caller: Caller, voices: VoicesDep) -> VoiceDetailBody:
    return detail_body(voices.get(caller.profile_id, voice_id))


@router.patch("/v1/voices/{voice_id}", summary="Rename, describe or tag a voice of yours, or give it pronunciations")
def change_voice(
    voice_id: str, body: VoicePatch, caller: Caller, voices: VoicesDep, pronunciations: Injected[Pronunciations]
) -> VoiceDetailBody:
    if body.pronunciations:
        voices.get(caller.profile_id, voice_id)  # the voice is looked for first
        pronunciations.rules_of(caller.profile_id, body.pronunciations)
    return detail_body(voices.change(caller.profile_id, voice_id, VoiceChange(**body.model_dump())))


@router.delete("/v1/voices/{voice_id}", summary="Delete a voice of yours, here and at its provider")
async def delete_voice(
    voice_id: str,
    caller: Caller,
    actor: CustomerActor,
    voices: VoicesDep,
    provider_threads: ProviderThreadsDep,
    with_mixes: Annotated[
        bool, Query(description="Delete the mixes that the clone is in too; without it they are a 409.")
    ] = False,
) -> DeletedBody:
    providers = await run_in_threadpool(voices.providers_of, caller.profile_id, voice_id)
    delete = partial(voices.delete, caller.profile_id, voice_id, actor=actor, with_mixes=with_mixes)
    left = await provider_threads.run(providers, delete)
    return DeletedBody(data=DeletedData(voice_id=voice_id, left=left))


def _provider(provider: Provider, *, is_default: bool) -> ProviderBody:
    capabilities = provider.capabilities()
    reason = provider.unavailable_reason()
    return ProviderBody(
        provider=provider.name,
        available=reason is None,
        default=is_default,
        reason=reason,
        supports_voice_cloning=capabilities.supports_voice_cloning,
        supports_instant_clone=capabilities.supports_instant_clone,
        supports_streaming=capabilities.supports_streaming,
        languages=list(capabilities.languages),
        max_text_length=capabilities.max_text_length,
        voice_settings=list(capabilities.voice_settings),
        markup_tags=list(capabilities.markup_tags),
        supports_timestamps=capabilities.supports_timestamps,
        sample=SampleLimits(min_seconds=capabilities.sample_min_seconds, max_seconds=capabilities.sample_max_seconds),
    )


def detail_body(entry: VoiceEntry) -> VoiceDetailBody:
    return VoiceDetailBody(data=VoiceDetail(**_values(entry)))


def _values(entry: VoiceEntry) -> dict[str, Any]:
    created_at = iso(entry.created_at) if entry.created_at else None
    return {**asdict(entry), "preview_url": None, "created_at": created_at}
