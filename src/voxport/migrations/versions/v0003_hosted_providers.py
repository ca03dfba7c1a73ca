"""Intents of paid calls; what a voice's binding needs to be given back and made again."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "intents",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("voice_id", sa.String(length=128), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("hold_id", sa.String(length=64), nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("released", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_intents_hold_id")),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_intents_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_intents")),
        sa.UniqueConstraint("id", name=op.f("uq_intents_id")),
    )
    op.create_index(op.f("ix_intents_job_id"), "intents", ["job_id"], unique=False)
    op.create_index(op.f("ix_intents_state"), "intents", ["state"], unique=False)
    nothing = sa.text("''")
    for column in (
        sa.Column("made_as", sa.String(length=80), server_default=nothing, nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_bound", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("alive_at", MOMENT, nullable=True),
    ):
        op.add_column("voice_bindings", column)
    op.execute("UPDATE voice_bindings SET made_as = voice_id")
    op.create_index(
        op.f("ix_voice_bindings_voice_id_provider"), "voice_bindings", ["voice_id", "provider"], unique=True
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_voice_bindings_voice_id_provider"), "voice_bindings")
    for column in ("alive_at", "used_at", "is_bound", "generation", "made_as"):
        op.drop_column("voice_bindings", column)
    op.drop_table("intents")
