"""Which stored file answers an identical call of core-tts."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "speech_cache",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("voice_id", sa.String(length=128), nullable=False),
        sa.Column("file_key", sa.String(length=512), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_speech_cache_profile_id")),
        sa.ForeignKeyConstraint(["file_key"], ["media.key"], name=op.f("fk_speech_cache_file_key"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_speech_cache")),
    )
    op.create_index("ix_speech_cache_digest_created_at", "speech_cache", ["digest", "created_at"])
    op.create_index("ix_speech_cache_file_key", "speech_cache", ["file_key"])
    op.create_index("ix_speech_cache_profile_id_voice_id", "speech_cache", ["profile_id", "voice_id"])
    op.create_index("ix_speech_cache_created_at", "speech_cache", ["created_at"])


def downgrade() -> None:
    op.drop_table("speech_cache")
