"""Whose call a hold is for and which voice, for reports of the usage."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("holds", sa.Column("key_id", sa.String(length=64), nullable=True))
    op.add_column("holds", sa.Column("voice_id", sa.String(length=128), nullable=True))
