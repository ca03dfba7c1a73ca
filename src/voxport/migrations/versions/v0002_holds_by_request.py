"""What a request cost is looked up by its id."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_holds_request_id"), "holds", ["request_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_holds_request_id"), "holds")
