"""Speaks with voices, and rebuilds those that are gone at their provider from the sample, under the same `voice_id`.

A hosted provider deletes unused voices (MiniMax, after a week) or limits their number (ElevenLabs). A lost or evicted
voice costs its next caller a few seconds and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from voxport.clock import now
from voxport.db.lease import Leases
from voxport.db.session import Database
from voxport.errors import OutcomeUnknown, ProviderBusy, ProviderFailed, ProviderUnavailable, SlotsFull, VoiceLost
from voxport.provider_calls.service import NewCall, ProviderCalls
from voxport.providers.base import (
    Audio,
    Checkpoint,
    ClonedVoice,
    Piece,
    ProgressCallback,
    Provider,
    RelayedAudio,
    RelayFormat,
    ResumeTokenInvalid,
    StockVoice,
    Utterance,
    VoiceRef,
)
from voxport.providers.ids import require_id
from voxport.providers.observed import observed_audio, observed_call, observed_speech
from voxport.providers.registry import Registry
from voxport.samples.loader import SampleLoader
from voxport.sweeps.service import Sweeps
from voxport.voices import repository
from voxport.voices.models import VoiceBinding
from voxport.voices.service import ResolvedVoice, VoiceService, voice_not_found

_LOCK_TIMEOUT: Final = 120.0  # seconds to wait for another call that rebuilds the voice or needs a slot
_SLOT_TIMEOUT: Final = 30.0  # seconds to wait for another call to release its slot
_MAX_EVICTIONS: Final = 3
"""Voices that are evicted for one clone. If the account is still full then, others fill it."""
_POLL_SECONDS: Final = 0.2  # seconds between two checks for a free slot
_MIN_TOUCH_INTERVAL: Final = timedelta(seconds=30)
"""The shortest interval between two updates of `used_at`. Calls in quick succession count as one use."""
_KEEP_ALIVE_TEXT: Final = "Hello."
"""A short text to speak."""
_KEEP_ALIVE_FRACTION: Final = 0.7
"""The fraction of `unused_days` after which a voice is kept alive. The rest is a margin for a gateway that is down."""
_log = logging.getLogger("voxport.voices")


class VoiceProvisioning:
    """`keep_alive`: how long after its last use by a customer a voice is kept alive."""

    def __init__(
        self,
        database: Database,
        voices: VoiceService,
        samples: SampleLoader,
        provider_calls: ProviderCalls,
        providers: Registry,
        leases: Leases,
        *,
        keep_alive: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._voices = voices
        self._samples = samples
        self._provider_calls = provider_calls
        self._providers = providers
        self._leases = leases
        self._keep_alive = keep_alive
        self._clock = clock
        self._sweeps = Sweeps(database, clock=clock)

    def speak(self, voice: ResolvedVoice, utterance: Utterance) -> Generator[Piece, None, None]:
        """Speak as `Provider.speak`, and rebuild the voice if it is gone. Raises NotFound if it was deleted."""
        provider = voice.provider
        reference, resume_from = self.reference(voice), utterance.resume_from
        for is_last in (False, True):
            try:
                for piece in observed_speech(provider, reference, replace(utterance, resume_from=resume_from)):
                    resume_from = piece.resume_token
                    yield piece
                return
            except VoiceLost:
                if is_last or voice.generation is None:
                    raise
                _log.info("a voice is gone and made again", extra={"provider": provider.name})
                reference = self._rebuild(voice, reference.provider_voice_id)
            except ResumeTokenInvalid:
                # The voice was lost inside a part, and speech can't resume there.
                if is_last:
                    raise ProviderFailed("The voice was lost in the middle of the speech. Send it again.") from None
                raise

    def relay(
        self, voice: ResolvedVoice, utterance: Utterance, audio_format: RelayFormat
    ) -> Generator[RelayedAudio, None, None] | None:
        """Speak as `Provider.relay`, and rebuild the voice if it is gone; None if the provider can't. Raises NotFound
        if it was deleted."""
        if not voice.provider.can_relay(utterance, audio_format):
            return None
        return self._relay(voice, utterance, audio_format)

    def _relay(
        self, voice: ResolvedVoice, utterance: Utterance, audio_format: RelayFormat
    ) -> Generator[RelayedAudio, None, None]:
        reference = self.reference(voice)
        try:
            yield from _observed_relay(voice.provider, reference, utterance, audio_format)
        except VoiceLost:
            if voice.generation is None:
                raise
            _log.info("a voice is gone and made again", extra={"provider": voice.provider.name})
            reference = self._rebuild(voice, reference.provider_voice_id)
            yield from _observed_relay(voice.provider, reference, utterance, audio_format)

    def clone(
        self,
        provider: Provider,
        sample: Audio,
        *,
        voice_id: str,
        instant: bool,
        on_progress: ProgressCallback = lambda _: None,
        checkpoint: Checkpoint | None = None,
    ) -> ClonedVoice:
        """Clone as `Provider.clone`. If the account is full, evicts the least recently used voice, and if all are in
        use, waits for one. Raises ProviderFailed if the id from the provider is invalid or belongs to another voice."""

        def attempt() -> ClonedVoice:
            with observed_call(provider, "instant_clone" if instant else "clone"):
                cloned = provider.clone(
                    sample, voice_id=voice_id, instant=instant, on_progress=on_progress, checkpoint=checkpoint
                )
            require_id(cloned.provider_voice_id, provider.name)
            self._require_unused_id(provider, cloned.provider_voice_id, voice_id)
            return cloned

        with contextlib.suppress(SlotsFull):
            return attempt()
        # One call at a time: else another waiting call could take the slot that this one frees.
        with self._slot_lock(provider):
            deadline, evictions = time.monotonic() + _SLOT_TIMEOUT, 0
            while True:
                try:
                    return attempt()
                except SlotsFull:
                    if evictions < _MAX_EVICTIONS and self._evict(provider):
                        evictions += 1
                    elif not self._wait_for_slot(provider, voice_id, deadline):
                        raise

    def _require_unused_id(self, provider: Provider, provider_voice_id: str, voice_id: str) -> None:
        """Raises ProviderFailed if the id belongs to another voice, which this clone would speak with and delete."""
        if not provider.capabilities().is_hosted:
            return
        with self._database.snapshot() as tx:
            is_taken = repository.has_remote_id(tx, provider.name, provider_voice_id, except_name=voice_id)
        stock: list[StockVoice] = []
        with contextlib.suppress(ProviderUnavailable):  # don't lose the voice because the list is unavailable
            stock = provider.list_voices()
        if is_taken or any(one.voice_id == provider_voice_id for one in stock):
            raise ProviderFailed(
                f"The provider {provider.name} gave the voice an id that is another's. Nothing was charged; try again."
            )

    def keep_alive(self) -> int:
        """Speak with the voices that their provider would delete soon. Returns how many were kept alive."""
        kept = 0
        for provider in self._providers.all():
            days = provider.capabilities().unused_days
            if days is None or provider.unavailable_reason() is not None:
                continue
            lease = self._leases.try_acquire(f"keep-alive-{provider.name}")
            if lease is None:
                continue
            with lease:
                kept += self._keep_alive_at(provider, timedelta(days=_KEEP_ALIVE_FRACTION * days))
        return kept

    def _keep_alive_at(self, provider: Provider, rest: timedelta) -> int:
        moment = self._clock()
        with self._database.snapshot() as tx:
            due = list(
                repository.idle(tx, provider.name, alive_before=moment - rest, used_after=moment - self._keep_alive)
            )
        utterance = Utterance(_KEEP_ALIVE_TEXT, provider.capabilities().clone_language)

        def speak(binding: VoiceBinding) -> None:
            try:
                for _ in provider.speak(VoiceRef(binding.provider_voice_id), utterance):
                    pass
            except VoiceLost:
                self._update_binding(binding, exists_remotely=False)
            except OutcomeUnknown:  # spoken or not, it is not repeated
                self._update_binding(binding, alive_at=self._clock())
            else:
                self._update_binding(binding, alive_at=self._clock())

        return self._sweeps.process("voices_kept_alive", due, lambda one: f"{one.voice_id} at {one.provider}", speak)

    def _update_binding(self, binding: VoiceBinding, **values: Any) -> None:
        with self._database.transaction() as tx:
            repository.change_binding(tx, binding, generation=binding.generation, **values)

    def reference(self, voice: ResolvedVoice) -> VoiceRef:
        """Return what the provider needs of a voice; a clone that is gone there is made again."""
        if voice.generation is None or not voice.provider.capabilities().is_hosted:
            return self._voices.reference(voice)
        if not voice.exists_remotely:
            return self._rebuild(voice, None)
        moment = self._clock()
        if voice.used_at is None or moment - voice.used_at > _MIN_TOUCH_INTERVAL:
            with self._database.transaction() as tx:
                repository.touch(tx, voice.voice_id, voice.provider.name, moment)
        return VoiceRef(voice.provider_voice_id)

    def _rebuild(self, voice: ResolvedVoice, lost_id: str | None) -> VoiceRef:
        """Create the voice again at the provider, unless another call just did. Returns the current voice. `lost_id` is
        the provider's id of the voice that is gone."""
        provider = voice.provider
        with self._rebuild_lock(voice.voice_id, provider.name):
            binding, sample_key, profile_id = self._binding(voice)
            if binding.exists_remotely and binding.provider_voice_id != lost_id:
                return VoiceRef(binding.provider_voice_id)
            generation = binding.generation + 1
            remote_name = f"{voice.voice_id}r{generation}"
            with self._database.transaction() as tx:
                repository.change_binding(
                    tx, binding, generation=binding.generation, exists_remotely=False, next_generation=generation
                )
                call_id = self._provider_calls.open(tx, NewCall("rebuild", provider.name, remote_name, profile_id))
                if binding.exists_remotely:  # delete it in case it exists after all
                    eviction = NewCall("room", provider.name, binding.remote_name, profile_id)
                    self._provider_calls.open(tx, eviction, state="removing")
            try:
                cloned = self.clone(provider, self._samples.load(sample_key), voice_id=remote_name, instant=False)
                with self._database.transaction() as tx:
                    moment = self._clock()
                    is_there = repository.get_for_update(tx, voice.voice_id) is not None and repository.change_binding(
                        tx,
                        binding,
                        generation=generation,
                        exists_remotely=True,
                        provider_voice_id=cloned.provider_voice_id,
                        remote_name=remote_name,
                        used_at=moment,
                        alive_at=moment,
                    )
                    if not is_there:
                        raise voice_not_found()
                    self._provider_calls.finish(tx, call_id)
            except BaseException as failure:
                self._provider_calls.abandon(call_id)
                if isinstance(failure, OutcomeUnknown):
                    # The caller's own call was not made, so its outcome is known.
                    raise ProviderFailed(f"{failure.message} Nothing was charged; try again.") from failure
                raise
            return VoiceRef(cloned.provider_voice_id)

    def _binding(self, voice: ResolvedVoice) -> tuple[VoiceBinding, str, str]:
        """Return the current binding, and the sample key and profile of its voice. Raises NotFound."""
        with self._database.snapshot() as tx:
            found = repository.binding(tx, voice.voice_id, voice.provider.name)
        if found is None:
            raise voice_not_found()
        return found

    @contextlib.contextmanager
    def _rebuild_lock(self, voice_id: str, provider: str) -> Iterator[None]:
        """Hold the lock to rebuild this voice at this provider, across all processes. Each voice has its own lock, else
        a caller that waits for a slot would block the caller that is using the voice in it. Raises ProviderBusy."""
        with contextlib.ExitStack() as stack:
            try:
                name = hashlib.sha256(f"{voice_id}@{provider}".encode()).hexdigest()[:32]
                stack.enter_context(self._leases.hold(f"voice-{name}", _LOCK_TIMEOUT))
            except TimeoutError:
                raise ProviderBusy(
                    "The voice is being made again. Nothing was charged; try again in 10 s.", retry_after_seconds=10
                ) from None
            yield

    @contextlib.contextmanager
    def _slot_lock(self, provider: Provider) -> Iterator[None]:
        """Hold the lock to free slots at this provider, across all processes. Raises SlotsFull."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._leases.hold(f"room-{provider.name}", _LOCK_TIMEOUT))
            except TimeoutError:
                raise SlotsFull(
                    f"Every voice of the gateway's account at {provider.name} is in use. Try again in 10 s."
                ) from None
            yield

    def _wait_for_slot(self, provider: Provider, voice_id: str, deadline: float) -> bool:
        """Wait until one of our calls at the provider ends and its slot or voice becomes available. Returns False if
        there is none, or none ends in time."""
        before = self._in_use(provider, voice_id)
        while before and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            if before - self._in_use(provider, voice_id):
                return True
        return False

    def _in_use(self, provider: Provider, voice_id: str) -> set[str]:
        """The voices, other than this one, that are being created at the provider or exist there and are speaking."""
        with self._database.snapshot() as tx:
            speaking = repository.existing_at(tx, provider.name, self._provider_calls.voices_in_use(tx, provider.name))
            return {*self._provider_calls.voices_being_made(tx, provider.name), *(one.voice_id for one in speaking)} - {
                voice_id
            }

    def _evict(self, provider: Provider) -> bool:
        """Delete the least recently used voice at the provider. Its next use rebuilds it. Returns False if all are in
        use, or the provider fails to delete it now."""
        with self._database.transaction() as tx:
            busy = self._provider_calls.voices_in_use(tx, provider.name)
            found = repository.least_recently_used(tx, provider.name, busy)
            if found is None:
                return False
            binding, profile_id = found
            repository.change_binding(tx, binding, generation=binding.generation, exists_remotely=False)
            call_id = self._provider_calls.open(
                tx, NewCall("room", provider.name, binding.remote_name, profile_id), state="removing"
            )
        _log.info("a voice is given back to make room", extra={"provider": provider.name})
        try:
            provider.delete(VoiceRef(binding.provider_voice_id))
        except Exception:
            _log.warning("a voice that makes room is removed later", extra={"provider": provider.name})
            return False
        with self._database.transaction() as tx:
            self._provider_calls.finish(tx, call_id)
        return True


def _observed_relay(
    provider: Provider, voice: VoiceRef, utterance: Utterance, audio_format: RelayFormat
) -> Generator[RelayedAudio, None, None]:
    return observed_audio(provider.name, provider.relay(voice, utterance, audio_format), lambda piece: piece.seconds)
