"""What the limits on clones, open jobs and stored bytes count."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("media", sa.Column("reserved_bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(op.f("ix_jobs_profile_id_status"), "jobs", ["profile_id", "status"], unique=False)
    op.create_index(
        op.f("ix_holds_profile_id_service_created_at"), "holds", ["profile_id", "service", "created_at"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_holds_profile_id_service_created_at"), "holds")
    op.drop_index(op.f("ix_jobs_profile_id_status"), "jobs")
    op.drop_column("media", "reserved_bytes")
