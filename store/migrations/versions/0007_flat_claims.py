"""The contacts that are past their freshness limit are found without looking at all that wait.

Revision ID: 0007
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    waiting = sa.text("state = 'due' AND pass_no = 1 AND stale_at IS NOT NULL")
    op.create_index(
        "contacts_stale",
        "contacts",
        ["programme", "stale_at"],
        unique=False,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
