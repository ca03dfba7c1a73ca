"""What storage and database say of each other: files that belong to nothing, and rows whose file is not there."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from voxport.db.session import Database

_KEYS = (
    "SELECT key FROM media",
    "SELECT sample_key FROM voices",
    "SELECT file_key FROM voice_bindings WHERE file_key IS NOT NULL",
    "SELECT file_key FROM kept_answers WHERE state = 'answered' AND body IS NULL",
)


def leftovers(database: Database, folder: Path) -> list[str]:
    """A line for each; `folder` is the one of the stored files. Files whose row was written beforehand, and the pieces
    of jobs that have not ended, are none."""
    with database.snapshot() as tx:
        named = {row[0] for query in _KEYS for row in tx.execute(text(query))}
        open_jobs = {row[0] for row in tx.execute(text("SELECT id FROM jobs WHERE status IN ('queued', 'processing')"))}
        # Known from before it is written; what a call that died left of it is swept a day later.
        reserved = {row[0] for row in tx.execute(text("SELECT key FROM media WHERE uploaded_at IS NULL"))}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    there = {key for key in there if not key.startswith(".incoming/")}
    stray = {key for key in there - named if not any(job_id in key for job_id in open_jobs)}
    return [
        *(f"no row for {key}" for key in sorted(stray)),
        *(f"no file for {key}" for key in sorted(named - there - reserved)),
    ]
