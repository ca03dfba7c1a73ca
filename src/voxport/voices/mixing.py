"""Mixes stock voices and own clones into a voice of its own, free of charge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from voxport.accounts.service import Principal, lock_profile
from voxport.audit.service import Actor, record
from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.service import Billing
from voxport.catalog import ServiceName
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, ProviderFailed
from voxport.providers.base import ClonedVoice, Provider, VoiceDesign, VoiceRef
from voxport.providers.registry import Registry
from voxport.storage.base import Storage
from voxport.voices import repository
from voxport.voices.entries import VoiceEntry, entries_of
from voxport.voices.models import MixSource, Voice, VoiceBinding
from voxport.voices.service import ResolvedVoice, VoiceService
from voxport.voices.storage_keys import voice_key

MAX_MIXES: Final = 100
"""Mixes of one profile: they are free, and each has a file of 13 to 90 kB."""
PROVIDER: Final = "local"
"""The provider that mixes. The voices of the others are files that only they have."""
_SERVICE: Final[ServiceName] = "core-tts-voices"
"""The free service under which the answer of a call with an Idempotency-Key is stored."""


@dataclass(frozen=True)
class MixPart:
    voice_id: str
    weight: float


@dataclass(frozen=True)
class MixRequest:
    name: str
    parts: Sequence[MixPart]
    design: VoiceDesign
    description: str = ""

    def recipe(self) -> dict[str, Any]:
        return {
            "mix": [{"voice_id": part.voice_id, "weight": part.weight} for part in self.parts],
            "pitch": self.design.pitch,
            "rate": self.design.rate,
            "tone": self.design.tone,
        }


class VoiceMixing:
    """`languages` returns the code of a language as the engine has it, or None."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        providers: Registry,
        voices: VoiceService,
        billing: Billing,
        languages: Callable[[str], str | None],
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._storage = storage
        self._providers = providers
        self._voices = voices
        self._billing = billing
        self._languages = languages
        self._clock = clock

    def check(self, profile_id: str, request: MixRequest) -> None:
        """Check all that is known before the work. Raises Invalid, Conflict (too many mixes), ProviderUnavailable."""
        self._language(request)
        self._resolve(profile_id, request)
        with self._database.snapshot() as tx:
            _require_quota(tx, profile_id)
        self._providers.require_available(PROVIDER)

    def create(self, caller: Principal, request: MixRequest, *, request_id: str, claim: Claim = NO_CLAIM) -> VoiceEntry:
        """Make the mix and add it to the library. Raises as `check` does, and ProviderError.

        The row is hidden until the file is stored, so that a kill in between leaves what the sweep of deleted voices
        removes.
        """
        voices = self._resolve(caller.profile_id, request)
        parts = [(self._reference(voice), part.weight) for voice, part in zip(voices, request.parts, strict=True)]
        design = VoiceDesign(request.design.pitch, request.design.rate, request.design.tone, self._language(request))
        voice_id = self._voices.new_voice_id()
        mixed = self._provider().mix_voices(parts, design, voice_id=voice_id)
        if mixed.file is None:
            raise ProviderFailed(f"The provider {PROVIDER} made no voice of these. Nothing was stored; try again.")
        key, moment = voice_key(voice_id, PROVIDER), self._clock()
        own = [voice.voice_id for voice in voices if voice.generation is not None]
        with self._database.transaction() as tx:
            self._add_hidden(tx, caller.profile_id, request, mixed, key, _pace(voices, request), moment, own)
        try:
            self._storage.put(key, mixed.file)
            return self._publish(caller, voice_id, own, request_id, claim)
        except BaseException:
            # If the commit was only not answered, the voice is there and keeps its file.
            with self._database.snapshot() as tx:
                is_there = repository.owned(tx, caller.profile_id, voice_id) is not None
            if not is_there:
                self._storage.delete(key)
            raise

    def _add_hidden(
        self,
        tx: Session,
        profile_id: str,
        request: MixRequest,
        mixed: ClonedVoice,
        key: str,
        pace: float,
        moment: datetime,
        own: Sequence[str],
    ) -> None:
        if lock_profile(tx, profile_id) != "active":
            raise Forbidden("The profile takes no new voices now.")
        _require_quota(tx, profile_id)
        voice_id = mixed.provider_voice_id
        voice = Voice(
            id=voice_id,
            profile_id=profile_id,
            name=request.name,
            description=request.description,
            tags=[],
            language=mixed.language,
            sample_key="",
            created_at=moment,
            deleted_at=moment,
            recipe=request.recipe(),
            pace_thousandths=round(1000 * pace),
        )
        voice.bindings.append(
            VoiceBinding(
                voice_id=voice_id,
                provider=PROVIDER,
                provider_voice_id=voice_id,
                file_key=key,
                remote_name=voice_id,
                generation=0,
                exists_remotely=True,
                used_at=moment,
                alive_at=moment,
            )
        )
        tx.add(voice)
        tx.flush()
        clones = {one for one in own if not repository.is_mix(tx, one)} | repository.clones_in(tx, own)
        tx.add_all(MixSource(mix_id=voice_id, clone_id=clone) for clone in sorted(clones))

    def _publish(
        self, caller: Principal, voice_id: str, own: Sequence[str], request_id: str, claim: Claim
    ) -> VoiceEntry:
        """Show the mix, unless one of its voices was deleted meanwhile, and store the call's answer."""
        with self._database.transaction() as tx:
            needed = {*own, *repository.clones_in(tx, [voice_id])}
            gone = needed - repository.lock_present(tx, needed)
            if gone or not repository.unhide(tx, voice_id):
                raise Conflict("A voice of the mix was deleted meanwhile. Nothing was stored.", code="voice_deleted")
            actor = Actor(caller.key_id, request_id)
            record(tx, "voice.mix", actor=actor, profile_id=caller.profile_id, subject=voice_id)
            voice = repository.owned(tx, caller.profile_id, voice_id)
            assert voice is not None
            (entry,) = entries_of(voice)
            if claim is not NO_CLAIM:
                self._store_answer(tx, caller, voice_id, entry, request_id, claim)
        return entry

    def _store_answer(
        self, tx: Session, caller: Principal, voice_id: str, entry: VoiceEntry, request_id: str, claim: Claim
    ) -> None:
        """Store the answer for the call's Idempotency-Key, whose row refers to a hold: one of nothing, released at
        once."""
        hold_id = self._billing.hold(
            tx,
            profile_id=caller.profile_id,
            service=_SERVICE,
            amount=0,
            request_id=request_id,
            key_id=caller.key_id,
            voice_id=voice_id,
        )
        self._billing.release(tx, hold_id)
        claim.open(tx, hold_id)
        claim.save(tx, entry)

    def _language(self, request: MixRequest) -> str | None:
        wanted = request.design.language
        if wanted is None:
            return None
        code = self._languages(wanted)
        if code is None:
            spoken = self._provider().capabilities().languages
            raise Invalid(
                f"The language {wanted!r} is not spoken by {PROVIDER}. Spoken are: {', '.join(spoken)}.",
                location=("body", "language"),
                details={"spoken": list(spoken)},
            )
        return code

    def _resolve(self, profile_id: str, request: MixRequest) -> list[ResolvedVoice]:
        """Return the voices at the mixing provider. Raises Invalid, with the number of the part."""
        found: list[ResolvedVoice] = []
        for number, part in enumerate(request.parts):
            location = ("body", "mix", str(number), "voice_id")
            if part.voice_id in [voice.voice_id for voice in found]:
                raise Invalid(f"The voice {part.voice_id} is in the mix twice. Add its weights.", location=location)
            try:
                found += self._voices.resolve(profile_id, part.voice_id, PROVIDER)
            except NotFound:
                raise Invalid(
                    f"There is no voice {part.voice_id} for you. GET /v1/proxy/core-tts-voices lists yours and the "
                    "stock voices.",
                    location=location,
                ) from None
            except BadRequest as error:
                raise Invalid(
                    f"{error.message} Only voices of {PROVIDER} can be mixed.", location=location, details=error.details
                ) from None
        return found

    def _reference(self, voice: ResolvedVoice) -> VoiceRef:
        """Raises Invalid if the voice was deleted meanwhile."""
        try:
            return self._voices.reference(voice)
        except NotFound:
            raise Invalid(f"The voice {voice.voice_id} was deleted.", location=("body", "mix")) from None

    def _provider(self) -> Provider:
        return self._providers.get(PROVIDER)


def _require_quota(tx: Session, profile_id: str) -> None:
    if repository.count_mixes(tx, profile_id) >= MAX_MIXES:
        raise Conflict(
            f"You have {MAX_MIXES} mixes, and no more are kept. Delete one that you do not use.", code="too_many_mixes"
        )


def _pace(voices: Sequence[ResolvedVoice], request: MixRequest) -> float:
    """Return the rate of the mix beside its parts' own, as the engine mixes it: the weighted geometric mean."""
    total = sum(part.weight for part in request.parts)
    pace = request.design.rate
    for voice, part in zip(voices, request.parts, strict=True):
        pace *= voice.pace ** (part.weight / total)
    return pace
