"""Scripts: jobs, their lines, and the audio of lines."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "script_jobs",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("cast_members", sa.JSON(), nullable=False),
        sa.Column("cover", sa.LargeBinary(), nullable=True),
        sa.Column("cover_type", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_script_jobs_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_script_jobs_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_script_jobs")),
    )
    op.create_index(op.f("ix_script_jobs_job_id"), "script_jobs", ["job_id"], unique=False)
    op.create_index(op.f("ix_script_jobs_profile_id"), "script_jobs", ["profile_id"], unique=False)
    op.create_table(
        "script_lines",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.String(length=64), nullable=False),
        sa.Column("character", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("markup", sa.String(length=8), nullable=False),
        sa.Column("chapter", sa.Integer(), nullable=False),
        sa.Column("pause_samples", sa.Integer(), nullable=False),
        sa.Column("begins_paragraph", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=32), nullable=False),
        sa.Column("voice_settings", sa.JSON(), nullable=False),
        sa.Column("expected_milliseconds", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=True),
        sa.Column("start_sample", sa.Integer(), nullable=True),
        sa.Column("is_charged", sa.Boolean(), nullable=True),
        sa.Column("findings", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_script_lines_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_script_lines")),
    )
    op.create_table(
        "line_audio",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("voice_ids", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("is_paid", sa.Boolean(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_line_audio_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_line_audio")),
    )
    op.create_index("ix_line_audio_profile_id_digest", "line_audio", ["profile_id", "digest"], unique=True)
    op.create_index("ix_line_audio_used_at", "line_audio", ["used_at"], unique=False)


def downgrade() -> None:
    op.drop_table("line_audio")
    op.drop_table("script_lines")
    op.drop_table("script_jobs")
