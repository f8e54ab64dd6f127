"""References of messages in parts, and the parts of long messages from subscribers.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("reference", sa.Integer(), nullable=True))
    op.add_column("received", sa.Column("reference", sa.Integer(), nullable=True))
    op.create_table(
        "part_references",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "destination"),
    )
    op.create_table(
        "received_parts",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("reference", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("octets", sa.Text(), nullable=False),
        sa.Column("data_coding", sa.Integer(), nullable=False),
        sa.Column("bind", sa.Text(), nullable=True),
        sa.Column("joined", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", "to", "method", "reference", "total", "part"),
    )
    op.create_index(op.f("ix_received_parts_at"), "received_parts", ["at"], unique=False)
