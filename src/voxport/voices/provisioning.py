"""Speech in a voice that may be gone at its provider: it is made again from its sample, under the same `voice_id`.

A hosted provider deletes a voice that nobody speaks with (MiniMax, after a week), or has room for so many only
(ElevenLabs): one that is given back, or gone, costs its next caller a few seconds and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from voxport.clock import now
from voxport.db.lease import Leases
from voxport.db.session import Database
from voxport.errors import OutcomeUnknown, ProviderBusy, ProviderFailed, ProviderUnavailable, SlotsFull, VoiceLost
from voxport.provider_calls.service import Intents, New
from voxport.providers.base import (
    NO_SETTINGS,
    Audio,
    ClonedVoice,
    Kept,
    Piece,
    Place,
    PlaceLost,
    Progress,
    Provider,
    StockVoice,
    VoiceRef,
    VoiceSettings,
)
from voxport.providers.ids import require_id
from voxport.providers.registry import Registry
from voxport.samples.loader import Samples
from voxport.sweeps.service import Sweeps
from voxport.voices import repository
from voxport.voices.models import VoiceBinding
from voxport.voices.service import Speaker, Voices, voice_not_found

_PATIENCE: Final = 120.0  # seconds for another call to make the voice, and for the calls before that need a slot too
_SLOT_PATIENCE: Final = 30.0  # seconds for another call to leave its slot
_MOST_ROOMS: Final = 3
"""Voices that give way to one: where the account is still full then, it is full of others'."""
_MOMENT: Final = 0.2  # seconds between two looks for a free slot
_USE_IS_TOLD: Final = timedelta(seconds=30)
"""So often a voice's use is written down: one call after the other is one use."""
_KEPT_ALIVE: Final = "Hello."
"""The shortest text that is speech."""
_WEEK_SHARE: Final = 0.7
"""Of the days after which a voice is deleted; the rest is for a gateway that is down for a while."""
_log = logging.getLogger("voxport.voices")


class Speaking:
    """`keep_alive`: how long a voice that no customer speaks with is kept alive."""

    def __init__(
        self,
        database: Database,
        voices: Voices,
        samples: Samples,
        intents: Intents,
        providers: Registry,
        *,
        keep_alive: timedelta,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._voices = voices
        self._samples = samples
        self._intents = intents
        self._providers = providers
        self._leases = Leases(database.url)
        self._keep_alive = keep_alive
        self._clock = clock
        self._sweeps = Sweeps(database, clock=clock)

    def speak(
        self,
        speaker: Speaker,
        text: str,
        *,
        language: str,
        settings: VoiceSettings = NO_SETTINGS,
        early: bool = False,
        after: Place | None = None,
        client: str = "",
    ) -> Iterator[Piece]:
        """`Provider.speak` with this voice, wherever it is by now. Raises NotFound where it was deleted meanwhile."""
        provider = speaker.provider
        reference = self._reference(speaker)
        for is_last in (False, True):
            try:
                for piece in provider.speak(
                    text, reference, language=language, settings=settings, early=early, after=after, client=client
                ):
                    after = piece.place
                    yield piece
                return
            except VoiceLost:
                if is_last or speaker.generation is None:
                    raise
                _log.info("a voice is gone and made again", extra={"provider": provider.name})
                reference = self._made_again(speaker, reference.provider_voice_id)
            except PlaceLost:
                # Behind a voice that was lost inside of a part there is nothing to go on from.
                if is_last:
                    raise ProviderFailed("The voice was lost in the middle of the speech. Send it again.") from None
                raise

    def clone(
        self,
        provider: Provider,
        sample: Audio,
        *,
        voice_id: str,
        quick: bool,
        progress: Progress = lambda _: None,
        kept: Kept | None = None,
    ) -> ClonedVoice:
        """`Provider.clone`; where the account is full, the voice that was longest not spoken with makes room, and where
        all are being spoken with, one is waited for. The id that the provider gives is checked here, whichever provider
        it is, and must be no other voice's: raises ProviderFailed."""

        def attempt() -> ClonedVoice:
            cloned = provider.clone(sample, voice_id=voice_id, quick=quick, progress=progress, kept=kept)
            require_id(cloned.provider_voice_id, provider.name)
            self._require_new(provider, cloned.provider_voice_id, voice_id)
            return cloned

        with contextlib.suppress(SlotsFull):
            return attempt()
        # One call after the other: else a slot that one call makes free is taken by another that waits too.
        with self._turn_for_a_slot(provider):
            until, rooms = time.monotonic() + _SLOT_PATIENCE, 0
            while True:
                try:
                    return attempt()
                except SlotsFull:
                    if rooms < _MOST_ROOMS and self._make_room(provider):
                        rooms += 1
                    elif not self._is_left(provider, voice_id, until):
                        raise

    def _require_new(self, provider: Provider, provider_voice_id: str, voice_id: str) -> None:
        """Raises ProviderFailed for the id of another voice: who got it would speak with that one, and delete it."""
        if not provider.capabilities().is_hosted:
            return
        with self._database.snapshot() as tx:
            is_taken = repository.has_remote_id(tx, provider.name, provider_voice_id, but=voice_id)
        stock: list[StockVoice] = []
        with contextlib.suppress(ProviderUnavailable):  # a list that can't be had now is no reason to lose the voice
            stock = provider.list_voices()
        if is_taken or any(one.voice_id == provider_voice_id for one in stock):
            raise ProviderFailed(
                f"The provider {provider.name} gave the voice an id that is another's. Nothing was charged; try again."
            )

    def keep_alive(self) -> int:
        """Speak with the voices that their provider would delete soon; how many were kept."""
        kept = 0
        for provider in self._providers.all():
            days = provider.capabilities().unused_days
            if days is None or provider.unavailable_reason() is not None:
                continue
            lease = self._leases.take(f"keep-alive-{provider.name}")
            if lease is None:
                continue
            with lease:
                kept += self._keep_alive_at(provider, timedelta(days=_WEEK_SHARE * days))
        return kept

    def _keep_alive_at(self, provider: Provider, rest: timedelta) -> int:
        moment = self._clock()
        with self._database.snapshot() as tx:
            due = list(
                repository.resting(tx, provider.name, alive_before=moment - rest, used_after=moment - self._keep_alive)
            )
        language = provider.capabilities().clone_language

        def speak(binding: VoiceBinding) -> None:
            try:
                for _ in provider.speak(_KEPT_ALIVE, VoiceRef(binding.provider_voice_id), language=language):
                    pass
            except VoiceLost:
                self._mark(binding, is_bound=False)
            except OutcomeUnknown:  # spoken or not, it is not said twice
                self._mark(binding, alive_at=self._clock())
            else:
                self._mark(binding, alive_at=self._clock())

        return self._sweeps.each("voices_kept_alive", due, lambda one: f"{one.voice_id} at {one.provider}", speak)

    def _mark(self, binding: VoiceBinding, **values: Any) -> None:
        with self._database.transaction() as tx:
            repository.change_binding(tx, binding, generation=binding.generation, **values)

    def _reference(self, speaker: Speaker) -> VoiceRef:
        if speaker.generation is None or not speaker.provider.capabilities().is_hosted:
            return self._voices.reference(speaker)
        if not speaker.is_bound:
            return self._made_again(speaker, None)
        moment = self._clock()
        if speaker.used_at is None or moment - speaker.used_at > _USE_IS_TOLD:
            with self._database.transaction() as tx:
                repository.touch(tx, speaker.voice_id, speaker.provider.name, moment)
        return VoiceRef(speaker.provider_voice_id)

    def _made_again(self, speaker: Speaker, gone: str | None) -> VoiceRef:
        """The voice as it is at the provider by now: made again, unless another call just did. `gone` is the provider's
        id of the one that is no longer there."""
        provider = speaker.provider
        with self._turn(speaker.voice_id, provider.name):
            binding, sample_key, profile_id = self._binding(speaker)
            if binding.is_bound and binding.provider_voice_id != gone:
                return VoiceRef(binding.provider_voice_id)
            generation = binding.generation + 1
            made_as = f"{speaker.voice_id}r{generation}"
            with self._database.transaction() as tx:
                repository.change_binding(
                    tx, binding, generation=binding.generation, is_bound=False, next_generation=generation
                )
                intent = self._intents.open(tx, New("rebuild", provider.name, made_as, profile_id))
                if binding.is_bound:  # should it be there after all, it must not stay
                    room = New("room", provider.name, binding.made_as, profile_id)
                    self._intents.open(tx, room, state="removing")
            try:
                made = self.clone(provider, self._samples.load(sample_key), voice_id=made_as, quick=False)
                with self._database.transaction() as tx:
                    moment = self._clock()
                    is_there = repository.alive(tx, speaker.voice_id) is not None and repository.change_binding(
                        tx,
                        binding,
                        generation=generation,
                        is_bound=True,
                        provider_voice_id=made.provider_voice_id,
                        made_as=made_as,
                        used_at=moment,
                        alive_at=moment,
                    )
                    if not is_there:
                        raise voice_not_found()
                    self._intents.finish(tx, intent)
            except BaseException as failure:
                self._intents.give_up(intent)
                if isinstance(failure, OutcomeUnknown):
                    # Of the caller's own call nothing is unknown: it was not made.
                    raise ProviderFailed(f"{failure.message} Nothing was charged; try again.") from failure
                raise
            return VoiceRef(made.provider_voice_id)

    def _binding(self, speaker: Speaker) -> tuple[VoiceBinding, str, str]:
        """The binding as it is now, its voice's sample and owner. Raises NotFound."""
        with self._database.snapshot() as tx:
            found = repository.binding(tx, speaker.voice_id, speaker.provider.name)
        if found is None:
            raise voice_not_found()
        return found

    @contextlib.contextmanager
    def _turn(self, voice_id: str, provider: str) -> Iterator[None]:
        """The right to make this voice there, over all processes. No two voices share one: a caller that waits for a
        slot would hold up the caller that speaks with the voice in it. Raises ProviderBusy."""
        with contextlib.ExitStack() as stack:
            try:
                name = hashlib.sha256(f"{voice_id}@{provider}".encode()).hexdigest()[:32]
                stack.enter_context(self._leases.turn(f"voice-{name}", _PATIENCE))
            except TimeoutError:
                raise ProviderBusy(
                    "The voice is being made again. Nothing was charged; try again in 10 s.", retry_after_seconds=10
                ) from None
            yield

    @contextlib.contextmanager
    def _turn_for_a_slot(self, provider: Provider) -> Iterator[None]:
        """The right to make room at this provider, over all processes. Raises SlotsFull."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._leases.turn(f"room-{provider.name}", _PATIENCE))
            except TimeoutError:
                raise SlotsFull(
                    f"Every voice of the gateway's account at {provider.name} is in use. Try again in 10 s."
                ) from None
            yield

    def _is_left(self, provider: Provider, voice_id: str, until: float) -> bool:
        """Wait until a call of ours at the provider ends, whose slot or voice may then be taken; False where there is
        none, or none ends in time."""
        before = self._in_use(provider, voice_id)
        while before and time.monotonic() < until:
            time.sleep(_MOMENT)
            if before - self._in_use(provider, voice_id):
                return True
        return False

    def _in_use(self, provider: Provider, voice_id: str) -> set[str]:
        """The voices that are being made at the provider, but this one, and those there that are spoken with."""
        with self._database.snapshot() as tx:
            speaking = repository.bound(tx, provider.name, self._intents.speaking(tx, provider.name))
            return {*self._intents.making(tx, provider.name), *(one.voice_id for one in speaking)} - {voice_id}

    def _make_room(self, provider: Provider) -> bool:
        """Give back the voice that was longest not spoken with; False where all are in use. It is made again when it
        is spoken with."""
        with self._database.transaction() as tx:
            busy = self._intents.speaking(tx, provider.name)
            found = repository.least_used(tx, provider.name, busy)
            if found is None:
                return False
            binding, profile_id = found
            repository.change_binding(tx, binding, generation=binding.generation, is_bound=False)
            intent = self._intents.open(tx, New("room", provider.name, binding.made_as, profile_id), state="removing")
        _log.info("a voice is given back to make room", extra={"provider": provider.name})
        try:
            provider.delete(VoiceRef(binding.provider_voice_id))
        except Exception:
            _log.warning("a voice that makes room is removed later", extra={"provider": provider.name})
            return False
        with self._database.transaction() as tx:
            self._intents.finish(tx, intent)
        return True
