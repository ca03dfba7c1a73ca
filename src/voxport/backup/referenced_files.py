"""Lists the files that the database references."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, text

REFERENCED_FOLDERS = ("uploads", "audio", "samples", "voices", "jobs")
"""Storage folders whose files are referenced by the tables below. Other folders are backed up whole."""
_KEYS = (
    "SELECT key FROM media WHERE uploaded_at IS NOT NULL",
    "SELECT sample_key FROM voices WHERE deleted_at IS NULL AND sample_key <> ''",
    "SELECT file_key FROM voice_bindings JOIN voices ON voices.id = voice_bindings.voice_id "
    "WHERE file_key IS NOT NULL AND voices.deleted_at IS NULL",
)
_EXPECTED = "SELECT key FROM media WHERE uploaded_at IS NULL AND kind = 'upload'"
_OPEN_JOBS = "SELECT id, subject FROM jobs WHERE status IN ('queued', 'processing')"


@dataclass
class ReferencedFiles:
    """Storage keys to back up. `keys` must exist. `expected` are uploads that the gateway has not seen, which a client
    may have sent past it, and `folders` hold the intermediate files of open jobs: they are taken if they exist."""

    keys: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def referenced_files(connection: Connection) -> ReferencedFiles:
    keys = [key for query in _KEYS for (key,) in connection.execute(text(query))]
    expected = [key for (key,) in connection.execute(text(_EXPECTED))]
    folders = []
    for job_id, subject in connection.execute(text(_OPEN_JOBS)):
        folders.append(f"jobs/{job_id}")
        if "/" not in subject:  # a clone's voice id; for speech, the subject is the key of a file written at the end
            folders += [f"samples/{subject}", f"voices/{subject}"]
    return ReferencedFiles(keys, expected, folders)
