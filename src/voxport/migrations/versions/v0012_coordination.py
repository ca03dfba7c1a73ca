"""What processes on several hosts share: slots at providers, and tokens of rate limits."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shared_states",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_shared_states")),
    )
    # A crash of the server may empty the buckets: each caller then has its burst once more.
    is_postgres = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "rate_limit_buckets",
        sa.Column("name", sa.String(length=128), nullable=False),
        *(sa.Column(name, sa.Float(53), nullable=False) for name in ("full_at", "rate", "burst", "spent", "granted")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rate_limit_buckets")),
        prefixes=["UNLOGGED"] if is_postgres else [],
    )


def downgrade() -> None:
    op.drop_table("rate_limit_buckets")
    op.drop_table("shared_states")
