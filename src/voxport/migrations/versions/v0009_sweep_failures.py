"""Items that a sweep could not finish."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "sweep_failures",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("task", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=512), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_sweep_failures")),
    )
    op.create_index("ix_sweep_failures_task_item", "sweep_failures", ["task", "item"], unique=True)


def downgrade() -> None:
    op.drop_table("sweep_failures")
