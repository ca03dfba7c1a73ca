"""Tables of scripts: what was sent, and its lines."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from voxport.db.base import Base, BigIntegerKey


class ScriptJob(Base):
    """What a job of core-tts-batch has besides its lines. `cast_members` maps each character to the voice that speaks
    it and how; `facts` has title, author, language, chapters and warnings."""

    __tablename__ = "script_jobs"

    sequence: Mapped[int] = mapped_column(BigIntegerKey, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    profile_id: Mapped[str] = mapped_column(ForeignKey("profiles.id"), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    cast_members: Mapped[dict[str, Any]] = mapped_column(JSON)
    cover: Mapped[bytes | None] = mapped_column(LargeBinary)
    cover_type: Mapped[str | None] = mapped_column(String(32))


class JobLine(Base):
    """A line of a job's script. `digest` is that of all that makes its sound; null in `samples` until it is spoken.
    `is_charged` says whether the job charged for it. `start_sample` counts from the beginning of the joined file."""

    __tablename__ = "script_lines"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    line_id: Mapped[str] = mapped_column(String(64))
    character: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    markup: Mapped[str] = mapped_column(String(8))
    chapter: Mapped[int] = mapped_column(Integer)
    pause_samples: Mapped[int] = mapped_column(Integer)
    begins_paragraph: Mapped[bool] = mapped_column(Boolean)
    language: Mapped[str] = mapped_column(String(32))
    voice_settings: Mapped[dict[str, float]] = mapped_column(JSON)
    expected_milliseconds: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))
    samples: Mapped[int | None] = mapped_column(Integer)
    start_sample: Mapped[int | None] = mapped_column(Integer)
    is_charged: Mapped[bool | None] = mapped_column(Boolean)
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
