"""States of a profile, keys that expire, refunds, the audit log, consents."""

import sqlalchemy as sa
from alembic import op

from voxport.migrations.versions.v0001_first_tables import make_append_only

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    active = sa.Column("state", sa.String(length=16), server_default=sa.text("'active'"), nullable=False)
    op.add_column("profiles", active)
    op.add_column("api_keys", sa.Column("expires_at", MOMENT, nullable=True))
    # Written by hand: SQLite takes a check only with its column.
    op.execute(
        "ALTER TABLE holds ADD COLUMN refunded BIGINT DEFAULT 0 NOT NULL "
        "CONSTRAINT ck_holds_refunded_within_captured CHECK (refunded >= 0 AND refunded <= captured)"
    )
    op.add_column("ledger_transactions", sa.Column("reference", sa.String(length=100), nullable=True))
    op.add_column("ledger_transactions", sa.Column("refund_of", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_ledger_transactions_refund_of"), "ledger_transactions", ["refund_of"], unique=False)
    op.create_index(
        "ix_ledger_transactions_profile_id_reference", "ledger_transactions", ["profile_id", "reference"], unique=True
    )
    _audit()
    op.create_table(
        "consents",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=True),
        sa.Column("voice_id", sa.String(length=64), nullable=True),
        sa.Column("speaker", sa.String(length=200), nullable=False),
        sa.Column("words", sa.String(length=2000), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_consents_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_consents")),
        sa.UniqueConstraint("id", name=op.f("uq_consents_id")),
    )
    op.create_index(op.f("ix_consents_profile_id"), "consents", ["profile_id"], unique=False)
    op.create_index(op.f("ix_consents_voice_id"), "consents", ["voice_id"], unique=False)


def downgrade() -> None:
    for table in ("consents", "audit_head", "audit_log"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_append_only()")
    op.drop_index("ix_ledger_transactions_profile_id_reference", "ledger_transactions")
    op.drop_index(op.f("ix_ledger_transactions_refund_of"), "ledger_transactions")
    op.drop_column("ledger_transactions", "refund_of")
    op.drop_column("ledger_transactions", "reference")
    op.drop_column("holds", "refunded")
    op.drop_column("api_keys", "expires_at")
    op.drop_column("profiles", "state")


def _audit() -> None:
    op.create_table(
        "audit_log",
        sa.Column("sequence", SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=True),
        sa.Column("subject", sa.String(length=512), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_profile_id"), "audit_log", ["profile_id"], unique=False)
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.bulk_insert(head, [{"id": 1, "sequence": 0, "hash": "0" * 64}])
    make_append_only("audit_log")
