"""Removes a deleted voice from its providers, then from storage, then from the database."""

from __future__ import annotations

import logging
from typing import Final

from voxport.db.session import Database
from voxport.errors import ProviderError
from voxport.providers.base import VoiceRef
from voxport.providers.ids import is_id
from voxport.providers.registry import Registry
from voxport.storage.base import Storage
from voxport.sweeps.service import Sweeps
from voxport.voices import repository
from voxport.voices.models import Voice

SWEEP: Final = "deleted_voices"
"""The name of the sweep that finishes deletions."""
_log = logging.getLogger("voxport.voices")


class VoiceRemoval:
    def __init__(self, database: Database, storage: Storage, providers: Registry, sweeps: Sweeps) -> None:
        self._database = database
        self._storage = storage
        self._providers = providers
        self._sweeps = sweeps

    def erase(self, voice: Voice) -> list[str]:
        """Remove a hidden voice at its providers, and its files. Returns a sentence for each part that remains."""
        left = []
        for binding in voice.bindings:
            try:
                provider = self._providers.get(binding.provider)
                is_hosted = provider.capabilities().is_hosted
                if binding.exists_remotely:
                    # A voice from before ids were checked may have an invalid one; it is deleted by its name.
                    if is_id(binding.provider_voice_id) or not is_hosted:
                        provider.delete(VoiceRef(binding.provider_voice_id))
                    if is_hosted:
                        # A creation that was repeated after a lost response may have left a duplicate.
                        provider.forget(binding.remote_name)
            except ProviderError as error:
                left.append(f"{binding.provider}: {error.message}")
                continue
            except Exception:
                _log.exception("a voice can't be removed at its provider", extra={"voice_id": voice.id})
                left.append(f"{binding.provider}: it can't be removed there now.")
                continue
            if binding.file_key is not None and not self._is_deleted(binding.file_key, voice):
                left.append(f"{binding.provider}: its file can't be removed now.")
        if voice.sample_key and not self._is_deleted(voice.sample_key, voice):
            left.append("the gateway: its sample can't be removed now.")
        if not left:
            with self._database.transaction() as tx:
                repository.remove(tx, voice.id)
                self._sweeps.clear(tx, SWEEP, voice.id)
        return left

    def _is_deleted(self, key: str, voice: Voice) -> bool:
        try:
            self._storage.delete(key)
        except (OSError, ValueError):
            _log.exception("a file of a voice can't be removed", extra={"voice_id": voice.id, "key": key})
            return False
        return True
