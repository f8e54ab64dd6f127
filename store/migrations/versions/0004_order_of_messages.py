"""The index of due messages in the order in which they are taken.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("messages_due", table_name="messages")
    due = sa.text("state = 'due'")
    op.create_index(
        "messages_due",
        "messages",
        ["due_at", "at", "id"],
        unique=False,
        sqlite_where=due,
        postgresql_where=due,
    )
