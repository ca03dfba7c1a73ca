"""Mixes of voices."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("voices", sa.Column("recipe", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("voices", sa.Column("pace_thousandths", sa.Integer(), server_default="1000", nullable=False))
    op.create_table(
        "voice_mix_sources",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mix_id", sa.String(length=64), nullable=False),
        sa.Column("clone_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["mix_id"], ["voices.id"], name=op.f("fk_voice_mix_sources_mix_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_voice_mix_sources")),
    )
    op.create_index("ix_voice_mix_sources_mix_id_clone_id", "voice_mix_sources", ["mix_id", "clone_id"], unique=True)
    op.create_index("ix_voice_mix_sources_clone_id", "voice_mix_sources", ["clone_id"], unique=False)


def downgrade() -> None:
    op.drop_table("voice_mix_sources")
    op.drop_column("voices", "pace_thousandths")
    op.drop_column("voices", "recipe")
