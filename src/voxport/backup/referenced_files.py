"""Which files the database names at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, text

REFERENCED_FOLDERS = ("uploads", "audio", "samples", "voices", "jobs")
"""Folders of storage whose files are named by the tables below. What lies in another one is taken whole."""
_KEYS = (
    "SELECT key FROM media WHERE uploaded_at IS NOT NULL",
    "SELECT sample_key FROM voices WHERE deleted_at IS NULL",
    "SELECT file_key FROM voice_bindings JOIN voices ON voices.id = voice_bindings.voice_id "
    "WHERE file_key IS NOT NULL AND voices.deleted_at IS NULL",
)
_OPEN_JOBS = "SELECT id, subject FROM jobs WHERE status IN ('queued', 'processing')"


@dataclass
class ReferencedFiles:
    """`keys` must be there. `folders` hold what jobs made that are not finished: it is taken where it is there."""

    keys: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def referenced_files(connection: Connection) -> ReferencedFiles:
    keys = [key for query in _KEYS for (key,) in connection.execute(text(query))]
    folders = []
    for job_id, subject in connection.execute(text(_OPEN_JOBS)):
        folders.append(f"jobs/{job_id}")
        if "/" not in subject:  # a clone's; that of speech is the key of a file that is made at the very end
            folders += [f"samples/{subject}", f"voices/{subject}"]
    return ReferencedFiles(keys, folders)
