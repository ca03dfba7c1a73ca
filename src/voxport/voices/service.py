"""Lists voices, resolves those that a profile can use, and manages its library of clones and mixes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from voxport.audit.service import Actor, record
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import BadRequest, Conflict, Forbidden, NotFound, ProviderError, VoxportError
from voxport.ids import random_text
from voxport.providers.base import ClonedVoice, Provider, StockVoice, VoiceRef
from voxport.providers.ids import is_stock_id
from voxport.providers.names import AUTO
from voxport.providers.registry import Registry
from voxport.speech_cache.service import forget_profile, forget_voice
from voxport.spoken_lines.service import forget_voice as forget_lines_of_voice
from voxport.storage.base import Storage
from voxport.sweeps.service import SweepIncomplete, Sweeps
from voxport.voices import repository
from voxport.voices.entries import VoiceEntry, entries_of, matches_language, stock_entry, stock_voices_of
from voxport.voices.models import Voice, VoiceBinding
from voxport.voices.removal import SWEEP, VoiceRemoval

_MAX_NAMED = 5  # mixes in the message of an error


@dataclass(frozen=True)
class ResolvedVoice:
    """A voice that the caller may use, at one provider. `generation` counts how often a clone was rebuilt there; None
    for a stock voice. A clone with `exists_remotely` false has to be rebuilt first. `pace` is the rate of a mix."""

    voice_id: str
    provider: Provider
    provider_voice_id: str
    language: str
    file_key: str | None = None
    generation: int | None = None
    exists_remotely: bool = True
    used_at: datetime | None = None
    pace: float = 1.0
    pronunciations: Sequence[str] = ()
    """Ids of the dictionaries that speak where a call names none; one may be deleted since."""


@dataclass(frozen=True)
class VoiceChange:
    """Changes to a voice. None leaves a field unchanged."""

    name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    pronunciations: list[str] | None = None


class VoiceService:
    def __init__(
        self, database: Database, storage: Storage, providers: Registry, *, clock: Callable[[], datetime] = now
    ) -> None:
        self._clock = clock
        self._database = database
        self._storage = storage
        self._providers = providers
        self._sweeps = Sweeps(database, clock=clock)
        self._removal = VoiceRemoval(database, storage, providers, self._sweeps)

    def new_voice_id(self) -> str:
        """Return a new id, without a prefix, like those of hosted providers. Clients treat it as opaque."""
        return random_text(20)

    def find(
        self, profile_id: str, *, provider: str | None, language: str | None, cloned: bool | None
    ) -> tuple[list[VoiceEntry], list[str]]:
        """Return the voices that pass the filters, clones first, and a warning for each provider that could not be
        queried. `language` is a code (`en-us`) or its first part (`en`)."""
        entries: list[VoiceEntry] = []
        warnings: list[str] = []
        if cloned is not False:
            with self._database.snapshot() as tx:
                entries += [entry for voice in repository.list_owned(tx, profile_id) for entry in entries_of(voice)]
        if cloned is not True:
            for one in self._providers.all():
                if provider not in (None, one.name):
                    continue
                reason = one.unavailable_reason()
                if reason is None:
                    try:
                        entries += [stock_entry(one, voice) for voice in stock_voices_of(one)]
                    except ProviderError as error:
                        warnings.append(f"The voices of {one.name} are missing: {error.message}")
                elif one.circuit() is not None:  # no warning for a provider that is not set up
                    warnings.append(f"The voices of {one.name} are missing: {reason}.")
        kept = [
            entry
            for entry in entries
            if provider in (None, entry.provider) and matches_language(entry.language, language)
        ]
        return kept, warnings

    def get(self, profile_id: str, voice_id: str) -> VoiceEntry:
        """Raises NotFound."""
        with self._database.snapshot() as tx:
            voice = repository.owned(tx, profile_id, voice_id)
            if voice is not None:
                return entries_of(voice)[0]
        found = self._find_stock(voice_id)
        if found is None:
            raise voice_not_found()
        return stock_entry(*found)

    def resolve(self, profile_id: str, voice_id: str, choice: str | None) -> list[ResolvedVoice]:
        """Return the voice at the chosen provider, at its own if `choice` is None, or for `auto` at each that has it,
        in the operator's order. Raises NotFound if the profile can't use the voice, BadRequest if it is not there."""
        with self._database.statements() as tx:
            bindings = {one.provider: one for one in repository.bound(tx, profile_id, voice_id)}
        if not bindings:
            return [self._resolve_stock(voice_id, None if choice == AUTO else choice)]
        names = self._providers.candidates(choice) if choice is not None else list(bindings)[:1]
        found = [bindings[name] for name in names if name in bindings]
        if not found:
            raise _provider_mismatch(voice_id, choice, list(bindings))
        return [
            ResolvedVoice(
                one.voice_id,
                self._providers.get(one.provider),
                one.provider_voice_id,
                one.language,
                one.file_key,
                one.generation,
                one.exists_remotely,
                one.used_at,
                one.pace_thousandths / 1000,
                one.pronunciations or (),
            )
            for one in found
        ]

    def reference(self, voice: ResolvedVoice) -> VoiceRef:
        """Return what the provider needs to speak with the voice. Raises NotFound if it was deleted meanwhile."""
        try:
            file = self._storage.read(voice.file_key) if voice.file_key else None
        except FileNotFoundError:
            raise voice_not_found() from None
        return VoiceRef(voice.provider_voice_id, file)

    def register(
        self,
        tx: Session,
        *,
        profile_id: str,
        voice_id: str,
        name: str,
        description: str,
        provider: str,
        cloned: ClonedVoice,
        file_key: str | None,
        sample_key: str,
        remote_name: str,
    ) -> None:
        """Add a clone to the library."""
        voice = Voice(
            id=voice_id,
            profile_id=profile_id,
            name=name,
            description=description,
            tags=[],
            language=cloned.language,
            sample_key=sample_key,
            created_at=self._clock(),
            deleted_at=None,
        )
        voice.bindings.append(self._binding(voice_id, provider, cloned, file_key, remote_name))
        tx.add(voice)
        tx.flush()

    def providers_of(self, profile_id: str, voice_id: str) -> tuple[str, ...]:
        """The names of the providers that have a clone of the profile; empty for other voices."""
        with self._database.snapshot() as tx:
            voice = repository.owned(tx, profile_id, voice_id)
            return () if voice is None else tuple(sorted(binding.provider for binding in voice.bindings))

    def require_unbound(self, profile_id: str, voice_id: str, provider: str) -> None:
        """Raises NotFound, Forbidden (a stock voice), BadRequest (a mix), Conflict if that provider already has the
        clone."""
        with self._database.snapshot() as tx:
            voice = repository.owned(tx, profile_id, voice_id)
        if voice is None:
            raise self._not_owned_error(voice_id)
        if voice.recipe is not None:
            raise BadRequest(
                "This voice is a mix: it has no recording of which another provider could make it.",
                code="voice_not_clonable",
            )
        if provider in [binding.provider for binding in voice.bindings]:
            raise Conflict(
                f"The voice {voice_id} is at {provider} already: speak with it, provider: {provider}.",
                code="already_bound",
            )

    def bind(
        self, tx: Session, voice_id: str, *, provider: str, cloned: ClonedVoice, file_key: str | None, remote_name: str
    ) -> None:
        """Make a clone available at another provider. Raises NotFound if it was deleted meanwhile, Conflict if another
        job was first."""
        voice = repository.get_for_update(tx, voice_id)
        if voice is None:
            raise voice_not_found()
        if provider in [binding.provider for binding in voice.bindings]:
            raise Conflict(f"The voice {voice_id} is at {provider} already.", code="already_bound")
        voice.bindings.append(self._binding(voice_id, provider, cloned, file_key, remote_name))
        tx.flush()

    def change(self, profile_id: str, voice_id: str, change: VoiceChange) -> VoiceEntry:
        """Change a clone and return it. Raises NotFound, Forbidden (a stock voice)."""
        with self._database.transaction() as tx:
            voice = repository.owned(tx, profile_id, voice_id)
            if voice is not None:
                voice.name = voice.name if change.name is None else change.name
                voice.description = voice.description if change.description is None else change.description
                voice.tags = voice.tags if change.tags is None else change.tags
                if change.pronunciations is not None:
                    voice.pronunciations = change.pronunciations
        if voice is None:
            raise self._not_owned_error(voice_id)
        return self.get(profile_id, voice_id)

    def delete(self, profile_id: str, voice_id: str, *, actor: Actor, with_mixes: bool = False) -> list[str]:
        """Delete a clone or a mix here and at its providers, and `with_mixes` those that the clone is in. Returns what
        could not be removed. Raises NotFound, Forbidden, Conflict if the clone is in mixes that would stay."""
        deleted: list[Voice] = []
        with self._database.transaction() as tx:
            # Hide it first, so that no call can bind or mix it before its bindings and mixes are read.
            is_owned = repository.mark_deleted(tx, profile_id, voice_id, self._clock())
            mixes = list(repository.mixes_with(tx, voice_id)) if is_owned else []
            if mixes and not with_mixes:
                raise _in_mixes(voice_id, mixes)
            for one in [voice_id, *(mix.id for mix in mixes)] if is_owned else []:
                repository.mark_deleted(tx, profile_id, one, self._clock())
                forget_voice(tx, profile_id, one)
                forget_lines_of_voice(tx, profile_id, one)
                record(tx, "voice.delete", actor=actor, profile_id=profile_id, subject=one)
                if (voice := repository.get_any(tx, one)) is not None:
                    deleted.append(voice)
        if not is_owned:
            raise self._not_owned_error(voice_id)
        return [problem for voice in deleted for problem in self._removal.erase(voice)]

    def delete_all(self, profile_id: str, *, actor: Actor) -> list[str]:
        """Delete all clones of a profile that is erased, their texts at once. Returns what could not be removed."""
        with self._database.transaction() as tx:
            for voice in repository.list_owned(tx, profile_id):
                record(tx, "voice.delete", actor=actor, profile_id=profile_id, subject=voice.id)
            repository.mark_all_deleted(tx, profile_id, self._clock())
            forget_profile(tx, profile_id)
        with self._database.snapshot() as tx:
            voices = list(repository.list_any(tx, profile_id))
        return [f"voice {voice.id} at {problem}" for voice in voices for problem in self._removal.erase(voice)]

    def storage_usage(self, profile_id: str) -> tuple[int, int]:
        """Return the number of a profile's clones, and the bytes of their samples and files."""
        with self._database.snapshot() as tx:
            voices = list(repository.list_owned(tx, profile_id))
        keys = [voice.sample_key for voice in voices if voice.sample_key]
        keys += [one.file_key for voice in voices for one in voice.bindings if one.file_key is not None]
        return len(voices), sum(self._storage.size(key) or 0 for key in keys)

    def sweep_deleted(self) -> int:
        """Finish deletions that a kill or a provider's failure interrupted. Returns how many were finished."""
        with self._database.snapshot() as tx:
            voices = list(repository.list_deleted(tx))

        def finish(voice: Voice) -> None:
            if left := self._removal.erase(voice):
                raise SweepIncomplete("; ".join(left))

        return self._sweeps.process(SWEEP, voices, lambda voice: voice.id, finish)

    def _binding(
        self, voice_id: str, provider: str, cloned: ClonedVoice, file_key: str | None, remote_name: str
    ) -> VoiceBinding:
        moment = self._clock()
        return VoiceBinding(
            voice_id=voice_id,
            provider=provider,
            provider_voice_id=cloned.provider_voice_id,
            file_key=file_key,
            remote_name=remote_name,
            generation=0,
            exists_remotely=True,
            used_at=moment,
            alive_at=moment,
        )

    def _not_owned_error(self, voice_id: str) -> VoxportError:
        if self._find_stock(voice_id) is not None:
            return Forbidden("This is a stock voice: it can be spoken with, not changed or deleted.")
        return voice_not_found()

    def _find_stock(self, voice_id: str) -> tuple[Provider, StockVoice] | None:
        """Find a stock voice. Searches providers without a network first, so that their voices wait for none. Also
        finds voices of providers that can't be used now, so that the call is refused with that reason."""
        for provider in sorted(self._providers.all(), key=lambda one: one.circuit() is not None):
            try:
                listed = provider.list_voices()
            except ProviderError:
                continue
            for voice in listed:
                if voice.voice_id == voice_id and is_stock_id(voice_id):
                    return provider, voice
        return None

    def _unavailable_sentence(self, name: str | None) -> str:
        """Return a sentence on why the voices of a provider are unavailable; empty if they are available."""
        for provider in self._providers.all():
            if provider.name == name and (reason := provider.unavailable_reason()) is not None:
                return f"The voices of {name} can't be known: {reason}."
        return ""

    def _resolve_stock(self, voice_id: str, provider: str | None) -> ResolvedVoice:
        found = self._find_stock(voice_id)
        if found is None:
            raise voice_not_found(self._unavailable_sentence(provider))
        owner, voice = found
        if provider not in (None, owner.name):
            raise _provider_mismatch(voice_id, provider, [owner.name])
        return ResolvedVoice(voice.voice_id, owner, voice.voice_id, voice.language)


def voice_not_found(why: str = "") -> NotFound:
    """`why`: a sentence on a provider whose voices could not be searched."""
    return NotFound(
        "There is no such voice for you. "
        + (f"{why} " if why else "")
        + "GET /v1/proxy/core-tts-voices lists yours and the stock voices.",
        code="voice_not_found",
    )


def _in_mixes(voice_id: str, mixes: Sequence[Voice]) -> Conflict:
    names = ", ".join(f"{mix.name} ({mix.id})" for mix in mixes[:_MAX_NAMED])
    more = f" and {len(mixes) - _MAX_NAMED} more" if len(mixes) > _MAX_NAMED else ""
    return Conflict(
        f"The voice {voice_id} can be heard in mixes: {names}{more}. Delete them first, or send ?with_mixes=true to "
        "delete them with it. Nothing was deleted.",
        code="voice_in_mixes",
        details={"mixes": [mix.id for mix in mixes]},
    )


def _provider_mismatch(voice_id: str, provider: str | None, has: list[str]) -> BadRequest:
    names = " or ".join(has)
    return BadRequest(
        f"The voice {voice_id} is not at the provider {provider}: it is at {names}. Send provider: {names}.",
        code="voice_provider_mismatch",
        details={"providers": has},
    )
