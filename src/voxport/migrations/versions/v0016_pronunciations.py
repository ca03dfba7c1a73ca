"""Pronunciation dictionaries."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pronunciations",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_pronunciations_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_pronunciations")),
        sa.UniqueConstraint("id", name=op.f("uq_pronunciations_id")),
    )
    op.create_index(op.f("ix_pronunciations_profile_id"), "pronunciations", ["profile_id"], unique=False)


def downgrade() -> None:
    op.drop_table("pronunciations")
