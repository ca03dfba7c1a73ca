"""Whose call a hold is for and which voice, for reports of the usage; what the checks of the ledger found."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("holds", sa.Column("key_id", sa.String(length=64), nullable=True))
    op.add_column("holds", sa.Column("voice_id", sa.String(length=128), nullable=True))
    op.create_table(
        "ledger_checks",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("checked_at", MOMENT, nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("problems", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_ledger_checks")),
    )


def downgrade() -> None:
    op.drop_table("ledger_checks")
    op.drop_column("holds", "voice_id")
    op.drop_column("holds", "key_id")
