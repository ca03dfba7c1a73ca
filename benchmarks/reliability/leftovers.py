"""Compares the file storage with the database: finds files without a row, and rows whose file is missing."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from tests.support.backend import folder_of_files
from voxport.db.session import Database

_KEYS = (
    "SELECT key FROM media",
    "SELECT sample_key FROM voices",
    "SELECT file_key FROM voice_bindings WHERE file_key IS NOT NULL",
    "SELECT file_key FROM kept_answers WHERE state = 'answered' AND body IS NULL",
    "SELECT key FROM line_audio",
)
_RESERVED = (
    "SELECT key FROM media WHERE uploaded_at IS NULL",
    "SELECT file_key FROM kept_answers WHERE state = 'open'",
)


def leftovers(database: Database, folder: Path) -> list[str]:
    """Return a line for each; `folder` is the folder of the stored files. Files whose row was written in advance, and
    pieces of jobs that have not ended, don't count."""
    folder = folder_of_files(folder)
    with database.snapshot() as tx:
        named = {row[0] for query in _KEYS for row in tx.execute(text(query))}
        open_jobs = {row[0] for row in tx.execute(text("SELECT id FROM jobs WHERE status IN ('queued', 'processing')"))}
        # Rows are written before their file. What a call that died left in the file is swept later.
        reserved = {row[0] for query in _RESERVED for row in tx.execute(text(query))}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    there = {key for key in there if not key.startswith(".")}  # the storage's own: writes under way, its probe
    stray = {key for key in there - named - reserved if not any(job_id in key for job_id in open_jobs)}
    return [
        *(f"no row for {key}" for key in sorted(stray)),
        *(f"no file for {key}" for key in sorted(named - there - reserved)),
    ]
