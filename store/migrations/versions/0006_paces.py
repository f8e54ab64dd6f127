"""Calls per second and channels of trunks and programmes, shared by all controllers.

Revision ID: 0006
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paces",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("calls", sa.Column("line", sa.Text(), nullable=True))
    op.execute("UPDATE calls SET line = trunk WHERE state IN ('dialing','up') AND direction = 'out'")
    held = sa.text("line IS NOT NULL")
    op.create_index(
        "calls_lines",
        "calls",
        ["line", "programme"],
        unique=False,
        sqlite_where=held,
        postgresql_where=held,
    )
    op.create_index("registrations_ended", "registrations", ["ended_at"], unique=False)
