"""Indexes for what would read more the longer a customer stays: usage, lists, files that never came."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UNFINISHED = sa.text("uploaded_at IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_ledger_transactions_profile_id_sequence", "ledger_transactions", ["profile_id", "sequence"], unique=False
    )
    op.create_index(
        "ix_ledger_transactions_profile_id_kind_created_at",
        "ledger_transactions",
        ["profile_id", "kind", "created_at"],
        unique=False,
    )
    op.drop_index(op.f("ix_ledger_transactions_profile_id"), "ledger_transactions")
    op.create_index("ix_jobs_profile_id_service_sequence", "jobs", ["profile_id", "service", "sequence"], unique=False)
    op.create_index("ix_media_profile_id_sequence", "media", ["profile_id", "sequence"], unique=False)
    op.drop_index(op.f("ix_media_profile_id"), "media")
    op.create_index(
        "ix_media_unfinished",
        "media",
        ["kind", "created_at"],
        unique=False,
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )
    # ix_holds_profile_id_service_created_at begins with the same column.
    op.drop_index(op.f("ix_holds_profile_id"), "holds")


def downgrade() -> None:
    op.create_index(op.f("ix_holds_profile_id"), "holds", ["profile_id"], unique=False)
    op.drop_index("ix_media_unfinished", "media")
    op.create_index(op.f("ix_media_profile_id"), "media", ["profile_id"], unique=False)
    op.drop_index("ix_media_profile_id_sequence", "media")
    op.drop_index("ix_jobs_profile_id_service_sequence", "jobs")
    op.create_index(op.f("ix_ledger_transactions_profile_id"), "ledger_transactions", ["profile_id"], unique=False)
    op.drop_index("ix_ledger_transactions_profile_id_kind_created_at", "ledger_transactions")
    op.drop_index("ix_ledger_transactions_profile_id_sequence", "ledger_transactions")
