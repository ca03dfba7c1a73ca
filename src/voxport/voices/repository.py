"""SQL of cloned voices and mixes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from voxport.db.prepared import Prepared, Runner
from voxport.db.session import update_one
from voxport.voices.models import MixSource, Voice, VoiceBinding


class BoundVoice(NamedTuple):
    """A voice at one provider."""

    voice_id: str
    language: str
    provider: str
    provider_voice_id: str
    file_key: str | None
    generation: int
    exists_remotely: bool
    used_at: datetime | None
    pace_thousandths: int
    pronunciations: list[str] | None


_BOUND = Prepared(
    select(
        Voice.id,
        Voice.language,
        VoiceBinding.provider,
        VoiceBinding.provider_voice_id,
        VoiceBinding.file_key,
        VoiceBinding.generation,
        VoiceBinding.exists_remotely,
        VoiceBinding.used_at,
        Voice.pace_thousandths,
        Voice.pronunciations,
    )
    .join(VoiceBinding, VoiceBinding.voice_id == Voice.id)
    .where(Voice.profile_id == bindparam("profile_id"), Voice.id == bindparam("voice_id"), Voice.deleted_at.is_(None))
    .order_by(VoiceBinding.sequence)
)


def bound(tx: Runner, profile_id: str, voice_id: str) -> list[BoundVoice]:
    """Return a profile's voice at each of its providers, the first one first; none for other voices."""
    return [BoundVoice(*row) for row in _BOUND.all(tx, profile_id=profile_id, voice_id=voice_id)]


def owned(tx: Session, profile_id: str, voice_id: str) -> Voice | None:
    return tx.scalar(
        select(Voice).where(Voice.profile_id == profile_id, Voice.id == voice_id, Voice.deleted_at.is_(None))
    )


def get_for_update(tx: Session, voice_id: str) -> Voice | None:
    """Return a voice of any profile, locked so that it can't be deleted before the transaction ends."""
    query = select(Voice).where(Voice.id == voice_id, Voice.deleted_at.is_(None))
    return tx.scalar(query.with_for_update(key_share=True).execution_options(populate_existing=True))


def get_any(tx: Session, voice_id: str) -> Voice | None:
    return tx.scalar(select(Voice).where(Voice.id == voice_id))


def list_owned(tx: Session, profile_id: str) -> Sequence[Voice]:
    query = select(Voice).where(Voice.profile_id == profile_id, Voice.deleted_at.is_(None))
    return tx.scalars(query.order_by(Voice.sequence.desc())).all()


def mark_deleted(tx: Session, profile_id: str, voice_id: str, moment: datetime) -> bool:
    return update_one(
        tx,
        update(Voice)
        .where(Voice.profile_id == profile_id, Voice.id == voice_id, Voice.deleted_at.is_(None))
        .values(deleted_at=moment),
    )


def mark_all_deleted(tx: Session, profile_id: str, moment: datetime) -> None:
    """Hide all voices of a profile, and clear the texts that a person wrote."""
    own = Voice.profile_id == profile_id
    tx.execute(update(Voice).where(own, Voice.deleted_at.is_(None)).values(deleted_at=moment))
    tx.execute(update(Voice).where(own).values(name="", description="", tags=[], pronunciations=[]))


def list_any(tx: Session, profile_id: str) -> Sequence[Voice]:
    return tx.scalars(select(Voice).where(Voice.profile_id == profile_id)).all()


def list_deleted(tx: Session) -> Sequence[Voice]:
    return tx.scalars(select(Voice).where(Voice.deleted_at.is_not(None))).all()


def remove(tx: Session, voice_id: str) -> None:
    tx.execute(delete(VoiceBinding).where(VoiceBinding.voice_id == voice_id))
    tx.execute(delete(MixSource).where(MixSource.mix_id == voice_id))
    tx.execute(delete(Voice).where(Voice.id == voice_id))


def count_mixes(tx: Session, profile_id: str) -> int:
    """Count a profile's mixes, those included that are being made or deleted."""
    query = select(func.count()).select_from(Voice)
    return tx.scalar(query.where(Voice.profile_id == profile_id, Voice.recipe.is_not(None))) or 0


def is_mix(tx: Session, voice_id: str) -> bool:
    return tx.scalar(select(Voice.sequence).where(Voice.id == voice_id, Voice.recipe.is_not(None))) is not None


def clones_in(tx: Session, mix_ids: Collection[str]) -> set[str]:
    """Return the ids of all clones that are in these mixes."""
    return set(tx.scalars(select(MixSource.clone_id).where(MixSource.mix_id.in_(mix_ids))))


def mixes_with(tx: Session, clone_id: str) -> Sequence[Voice]:
    """Return the mixes that a clone is in, by itself or in a mix of them."""
    query = select(Voice).join(MixSource, MixSource.mix_id == Voice.id)
    return tx.scalars(query.where(MixSource.clone_id == clone_id, Voice.deleted_at.is_(None))).all()


def lock_present(tx: Session, voice_ids: Collection[str]) -> set[str]:
    """Lock those of the voices that are not deleted, so that they can't be before the transaction ends, and return
    their ids."""
    query = select(Voice.id).where(Voice.id.in_(voice_ids), Voice.deleted_at.is_(None))
    return set(tx.scalars(query.order_by(Voice.sequence).with_for_update(key_share=True)))


def unhide(tx: Session, voice_id: str) -> bool:
    """Show a mix whose file is stored. Returns False if its row was removed."""
    return update_one(tx, update(Voice).where(Voice.id == voice_id).values(deleted_at=None))


def existing_at(tx: Session, provider: str, voice_ids: Collection[str]) -> Sequence[VoiceBinding]:
    """Return the bindings of those of the voices that exist at the provider now."""
    query = select(VoiceBinding).where(VoiceBinding.provider == provider, VoiceBinding.exists_remotely)
    return tx.scalars(query.where(VoiceBinding.voice_id.in_(voice_ids))).all()


def binding(tx: Session, voice_id: str, provider: str) -> tuple[VoiceBinding, str, str] | None:
    """Return the binding of a voice that is not deleted, with the voice's sample key and profile."""
    query = (
        select(VoiceBinding, Voice.sample_key, Voice.profile_id)
        .join(Voice, Voice.id == VoiceBinding.voice_id)
        .where(Voice.id == voice_id, VoiceBinding.provider == provider, Voice.deleted_at.is_(None))
    )
    row = tx.execute(query).first()
    return None if row is None else (row[0], row[1], row[2])


def change_binding(
    tx: Session, binding: VoiceBinding, *, generation: int, next_generation: int | None = None, **values: Any
) -> bool:
    """Set columns of a binding if its generation is still `generation`. Returns False if it was rebuilt or deleted. The
    row is found by voice and provider, because SQLite may reuse the primary key of a deleted row."""
    if next_generation is not None:
        values["generation"] = next_generation
    return update_one(
        tx,
        update(VoiceBinding)
        .where(VoiceBinding.voice_id == binding.voice_id, VoiceBinding.provider == binding.provider)
        .where(VoiceBinding.generation == generation)
        .values(**values),
    )


def has_remote_id(tx: Session, provider: str, provider_voice_id: str, *, except_name: str) -> bool:
    """Whether the provider has a voice with this id whose remote name is not `except_name`. Earlier generations of the
    same voice don't count."""
    query = select(VoiceBinding.sequence).where(
        VoiceBinding.provider == provider,
        VoiceBinding.provider_voice_id == provider_voice_id,
        VoiceBinding.exists_remotely,
        VoiceBinding.remote_name != except_name,
    )
    return tx.scalar(query.limit(1)) is not None


def touch(tx: Session, voice_id: str, provider: str, moment: datetime) -> None:
    tx.execute(
        update(VoiceBinding)
        .where(VoiceBinding.voice_id == voice_id, VoiceBinding.provider == provider)
        .values(used_at=moment, alive_at=moment)
    )


def idle(tx: Session, provider: str, *, alive_before: datetime, used_after: datetime) -> Sequence[VoiceBinding]:
    """Return existing voices last used by anybody before `alive_before`, and by a customer after `used_after`."""
    query = (
        select(VoiceBinding)
        .join(Voice, Voice.id == VoiceBinding.voice_id)
        .where(VoiceBinding.provider == provider, VoiceBinding.exists_remotely, Voice.deleted_at.is_(None))
        .where(func.coalesce(VoiceBinding.alive_at, Voice.created_at) < alive_before)
        .where(func.coalesce(VoiceBinding.used_at, Voice.created_at) > used_after)
    )
    return tx.scalars(query).all()


def least_recently_used(tx: Session, provider: str, busy: Collection[str]) -> tuple[VoiceBinding, str] | None:
    """Return the existing voice with the oldest use by a customer, except those in `busy`, with its profile."""
    query = (
        select(VoiceBinding, Voice.profile_id)
        .join(Voice, Voice.id == VoiceBinding.voice_id)
        .where(VoiceBinding.provider == provider, VoiceBinding.exists_remotely, Voice.deleted_at.is_(None))
        .where(VoiceBinding.voice_id.not_in(busy))
        .order_by(func.coalesce(VoiceBinding.used_at, Voice.created_at))
    )
    row = tx.execute(query.limit(1)).first()
    return None if row is None else (row[0], row[1])
