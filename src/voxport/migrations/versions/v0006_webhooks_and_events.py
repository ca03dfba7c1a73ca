"""Webhooks, the alert of low credits, and the events of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("webhook_url", sa.String(length=2048), nullable=True))
    op.create_table(
        "job_events",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_events_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_job_events")),
    )
    op.create_index("ix_job_events_job_id_sequence", "job_events", ["job_id", "sequence"], unique=False)
    op.create_index(op.f("ix_job_events_created_at"), "job_events", ["created_at"], unique=False)
    _create_deliveries()
    op.create_table(
        "webhook_secrets",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_webhook_secrets_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_webhook_secrets")),
    )
    op.create_index(op.f("ix_webhook_secrets_profile_id"), "webhook_secrets", ["profile_id"], unique=False)
    op.create_index(op.f("ix_webhook_secrets_expires_at"), "webhook_secrets", ["expires_at"], unique=False)
    current = sa.text("expires_at IS NULL")
    op.create_index(
        "ix_webhook_secrets_current",
        "webhook_secrets",
        ["profile_id"],
        unique=True,
        sqlite_where=current,
        postgresql_where=current,
    )
    op.create_table(
        "balance_alerts",
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("below", sa.BigInteger(), nullable=False),
        sa.Column("webhook_url", sa.String(length=2048), nullable=False),
        sa.Column("is_armed", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_balance_alerts_profile_id")),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_balance_alerts")),
    )


def downgrade() -> None:
    for table in ("balance_alerts", "webhook_secrets", "webhook_attempts", "webhook_deliveries", "job_events"):
        op.drop_table(table)
    op.drop_column("jobs", "webhook_url")


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_webhook_deliveries_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name=op.f("fk_webhook_deliveries_profile_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("id", name=op.f("uq_webhook_deliveries_id")),
    )
    op.create_index(op.f("ix_webhook_deliveries_job_id"), "webhook_deliveries", ["job_id"], unique=False)
    op.create_index("ix_webhook_deliveries_state_next_at", "webhook_deliveries", ["state", "next_at"], unique=False)
    op.create_index(
        "ix_webhook_deliveries_profile_id_sequence", "webhook_deliveries", ["profile_id", "sequence"], unique=False
    )
    op.create_table(
        "webhook_attempts",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("delivery_id", sa.String(length=64), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["webhook_deliveries.id"],
            name=op.f("fk_webhook_attempts_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_webhook_attempts")),
    )
    op.create_index(op.f("ix_webhook_attempts_delivery_id"), "webhook_attempts", ["delivery_id"], unique=False)
