"""Answers calls of core-tts with the file of an identical earlier call, where the operator has turned that on.

A hit names the very file of the earlier call, and only while that file is there: nothing is copied, and nothing that
was deleted comes back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final

from sqlalchemy.orm import Session

import voxport
from voxport.audio.loudness import CEILING_DBTP, TARGET_LUFS
from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.service import Billing
from voxport.catalog import ServiceName
from voxport.db.session import Database
from voxport.media.service import MediaService
from voxport.speech.preparation import PreparedSpeech, Route, SpeechRequest
from voxport.speech.provider_versions import ProviderVersions
from voxport.speech.result import SpeechResult
from voxport.speech_cache.models import CachedFile
from voxport.speech_cache.service import SpeechCache
from voxport.storage.base import Storage
from voxport.telemetry import metrics

_SPEECH_VERSION: Final = 2
"""Raise it when the same text and voice sound different, or their files differ, within one version of Voxport."""


class CachedAnswers:
    def __init__(
        self,
        database: Database,
        cache: SpeechCache,
        billing: Billing,
        media: MediaService,
        storage: Storage,
        provider_options: Callable[[str], Mapping[str, Any]],
        *,
        service: ServiceName,
    ) -> None:
        """`provider_options` returns the settings of the provider with this name."""
        self._database = database
        self._cache = cache
        self._billing = billing
        self._media = media
        self._storage = storage
        self._versions = ProviderVersions(provider_options)
        self._service = service

    def find(self, prepared: PreparedSpeech, *, request_id: str, claim: Claim) -> SpeechResult | None:
        """Return the result of an identical call by the first route, at no cost; None if there is none. Writes only
        for a call with an Idempotency-Key, whose answer is stored. Raises Conflict (the key), Forbidden."""
        if not _is_cacheable(prepared.request):
            return None
        profile_id, route = prepared.caller.profile_id, prepared.routes[0]
        digest = self._digest(prepared, route)
        with self._database.snapshot() as tx:
            file = self._cache.find(tx, profile_id, digest)
            balance = 0 if file is None else self._billing.funds(tx, profile_id).balance
        # Someone may have removed the file from the storage by hand.
        if file is None or self._storage.size(file.key) != file.size_bytes:
            metrics.on_speech_cache_lookup(is_hit=False)
            return None
        result = self._result(prepared, file, route, balance)
        if claim is not NO_CLAIM:
            result = self._store_answer(prepared, file, route, request_id, claim)
        metrics.on_speech_cache_lookup(is_hit=True)
        return result

    def add(self, tx: Session, prepared: PreparedSpeech, provider: str, key: str, seconds: Decimal) -> None:
        """Let the file of a call that `provider` spoke answer later calls, unless the request says that it is not to be
        cached."""
        if not _is_cacheable(prepared.request):
            return
        route = prepared.route_of(provider)
        self._cache.add(
            tx,
            profile_id=prepared.caller.profile_id,
            digest=self._digest(prepared, route),
            voice_id=route.voice.voice_id,
            file_key=key,
            seconds=seconds,
        )

    def _store_answer(
        self, prepared: PreparedSpeech, file: CachedFile, route: Route, request_id: str, claim: Claim
    ) -> SpeechResult:
        """Store the answer for the call's Idempotency-Key, whose row refers to a hold: one of nothing, released at
        once."""
        caller = prepared.caller
        with self._database.transaction() as tx:
            hold_id = self._billing.hold(
                tx,
                profile_id=caller.profile_id,
                service=self._service,
                amount=0,
                request_id=request_id,
                key_id=caller.key_id,
                voice_id=prepared.request.voice_id,
            )
            self._billing.release(tx, hold_id)
            result = self._result(prepared, file, route, self._billing.funds(tx, caller.profile_id).balance)
            claim.open(tx, hold_id)
            claim.save(tx, result)
        return result

    def _result(self, prepared: PreparedSpeech, file: CachedFile, route: Route, balance: int) -> SpeechResult:
        return SpeechResult(
            self._media.read_url(file.key, prepared.audio_format.content_type),
            file.key,
            route.voice.provider.name,
            Decimal(file.milliseconds) / 1000,
            cost=0,
            balance=balance,
            is_cached=True,
        )

    def _digest(self, prepared: PreparedSpeech, route: Route) -> str:
        """Return the SHA-256 of all that decides how the file sounds, and whose it is."""
        request, voice = prepared.request, route.voice
        facts = (
            *(_SPEECH_VERSION, voxport.__version__, TARGET_LUFS, CEILING_DBTP),
            prepared.caller.profile_id,
            *(
                request.text,
                request.markup,
                [asdict(rule) for rule in prepared.rules],
                route.language,
                sorted(request.voice_settings.items()),
                *(prepared.audio_format.name, prepared.audio_format.sample_rate),
            ),
            # A voice that is made again has another generation and id, and another file is another voice.
            *(voice.voice_id, voice.provider_voice_id, voice.generation, voice.file_key),
            *(voice.provider.name, self._versions.of(voice.provider)),
        )
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _is_cacheable(request: SpeechRequest) -> bool:
    return request.use_cache and not (request.is_stream or request.is_job or request.needs_words)
