"""The bytes that each profile stores, kept by triggers: the quota of a call need not add up all files."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None

_NEW = "COALESCE(NEW.size_bytes, NEW.reserved_bytes)"
_OLD = "COALESCE(OLD.size_bytes, OLD.reserved_bytes)"
_CHANGES = {
    "INSERT": f"INSERT INTO media_totals (profile_id, bytes) VALUES (NEW.profile_id, {_NEW}) "  # noqa: S608  # constants
    "ON CONFLICT (profile_id) DO UPDATE SET bytes = media_totals.bytes + excluded.bytes",
    "UPDATE": f"UPDATE media_totals SET bytes = bytes + {_NEW} - {_OLD} WHERE profile_id = NEW.profile_id",  # noqa: S608
    "DELETE": f"UPDATE media_totals SET bytes = bytes - {_OLD} WHERE profile_id = OLD.profile_id",  # noqa: S608
}


def upgrade() -> None:
    op.create_table(
        "media_totals",
        sa.Column("profile_id", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("profile_id", name=op.f("pk_media_totals")),
    )
    # Triggers, so that files which an older version adds and removes beside this one are counted too.
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for event, change in _CHANGES.items():
        name = f"media_totals_on_{event.lower()}"
        of = " OF size_bytes, reserved_bytes" if event == "UPDATE" else ""
        if is_postgres:
            op.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {change}; RETURN NULL; END $$"
            )
            # At the commit: calls change the total and the balance, each in an order of its own. A total that was
            # locked by the first change would let them deadlock.
            op.execute(
                f"CREATE CONSTRAINT TRIGGER {name} AFTER {event}{of} ON media DEFERRABLE INITIALLY DEFERRED "
                f"FOR EACH ROW EXECUTE FUNCTION {name}()"
            )
        else:
            op.execute(f"CREATE TRIGGER {name} AFTER {event}{of} ON media BEGIN {change}; END")
    op.execute(
        "INSERT INTO media_totals (profile_id, bytes) "
        "SELECT profile_id, SUM(COALESCE(size_bytes, reserved_bytes)) FROM media GROUP BY profile_id"
    )


def downgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for event in _CHANGES:
        name = f"media_totals_on_{event.lower()}"
        op.execute(f"DROP TRIGGER {name}" + (" ON media" if is_postgres else ""))
        if is_postgres:
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("media_totals")
