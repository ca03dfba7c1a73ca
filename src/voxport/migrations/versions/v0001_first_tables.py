"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
APPEND_ONLY = ("ledger_transactions", "ledger_entries")


def upgrade() -> None:
    op.create_table(
        "profiles",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_profiles")),
        sa.UniqueConstraint("id", name=op.f("uq_profiles_id")),
    )
    op.create_table(
        "api_keys",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("hint", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_api_keys_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
        sa.UniqueConstraint("id", name=op.f("uq_api_keys_id")),
    )
    op.create_index(op.f("ix_api_keys_profile_id"), "api_keys", ["profile_id"], unique=False)
    op.create_table(
        "balances",
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("credits", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("credits >= held", name=op.f("ck_balances_never_below_zero")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_balances_held_not_negative")),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_balances_profile_id")),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_balances")),
    )
    op.create_table(
        "holds",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_holds_amount_not_negative")),
        sa.CheckConstraint("captured >= 0 AND captured <= amount", name=op.f("ck_holds_captured_within_amount")),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_holds_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_holds")),
        sa.UniqueConstraint("id", name=op.f("uq_holds_id")),
    )
    op.create_index("ix_holds_state_owner", "holds", ["state", "owner"], unique=False)
    op.create_index(op.f("ix_holds_profile_id"), "holds", ["profile_id"], unique=False)
    op.create_table(
        "media",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("key", sa.String(length=512), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("content_type", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("uploaded_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_media_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_media")),
        sa.UniqueConstraint("key", name=op.f("uq_media_key")),
    )
    op.create_index("ix_media_kind_created_at", "media", ["kind", "created_at"], unique=False)
    op.create_index(op.f("ix_media_profile_id"), "media", ["profile_id"], unique=False)
    op.create_table(
        "voices",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("sample_key", sa.String(length=512), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_voices_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_voices")),
        sa.UniqueConstraint("id", name=op.f("uq_voices_id")),
    )
    op.create_index(op.f("ix_voices_profile_id"), "voices", ["profile_id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("micro_units", sa.BigInteger(), nullable=False),
        sa.Column("token_cost", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_jobs_hold_id")),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_jobs_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_jobs_id")),
    )
    op.create_index("ix_jobs_profile_id_sequence", "jobs", ["profile_id", "sequence"], unique=False)
    op.create_index(op.f("ix_jobs_status"), "jobs", ["status"], unique=False)
    op.create_table(
        "ledger_transactions",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("job_id", sa.String(length=64), nullable=True),
        sa.Column("hold_id", sa.String(length=64), nullable=True),
        sa.Column("micro_units", sa.BigInteger(), nullable=True),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("fk_ledger_transactions_hold_id")),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_ledger_transactions_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_ledger_transactions")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_ledger_transactions_hold_id")),
        sa.UniqueConstraint("id", name=op.f("uq_ledger_transactions_id")),
    )
    op.create_index(op.f("ix_ledger_transactions_profile_id"), "ledger_transactions", ["profile_id"], unique=False)
    op.create_index(op.f("ix_ledger_transactions_request_id"), "ledger_transactions", ["request_id"], unique=False)
    op.create_table(
        "voice_bindings",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("voice_id", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("provider_voice_id", sa.String(length=128), nullable=False),
        sa.Column("file_key", sa.String(length=512), nullable=True),
        sa.ForeignKeyConstraint(["voice_id"], ["voices.id"], name=op.f("fk_voice_bindings_voice_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_voice_bindings")),
    )
    op.create_index(op.f("ix_voice_bindings_voice_id"), "voice_bindings", ["voice_id"], unique=False)
    op.create_table(
        "ledger_entries",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("transaction_id", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=128), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_ledger_entries_transaction_id")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_ledger_entries")),
    )
    op.create_index(op.f("ix_ledger_entries_account"), "ledger_entries", ["account"], unique=False)
    op.create_index(op.f("ix_ledger_entries_transaction_id"), "ledger_entries", ["transaction_id"], unique=False)
    for table in APPEND_ONLY:
        make_append_only(table)


def make_append_only(table: str) -> None:
    """Let the database itself refuse to change or remove what is written."""
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
    )
