"""Contacts past their freshness limit are found without looking at all that wait; what a programme adds up to.

The sums of what is there already are counted once.

Revision ID: 0007
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

#: What is summed, of which table: value, which rows.
_SUMS = (
    ("planned", "contacts", "''", "TRUE"),
    ("called", "contacts", "''", "attempts > 0"),
    ("waiting", "contacts", "CAST(pass_no AS TEXT)", "state = 'due'"),
    ("outcome", "contacts", "outcome", "outcome IS NOT NULL AND state NOT IN ('dialing', 'up')"),
    ("refused", "contacts", "{rule}", "attempts = 0 AND state = 'done'"),
    ("ended", "calls", "outcome", "outcome IS NOT NULL AND programme IS NOT NULL"),
)
_RULE = "CASE WHEN reason LIKE '_%:%' THEN substr(reason, 1, {colon}(reason, ':') - 1) ELSE 'other' END"


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
    op.create_table(
        "tallies",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("how_many", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("programme", "what", "value", "shard"),
    )
    for statement in counting(op.get_bind().dialect.name):
        op.execute(statement)


def counting(dialect: str) -> list[str]:
    """What counts the rows that are there, once."""
    rule = _RULE.format(colon="strpos" if dialect == "postgresql" else "instr")
    return [
        "INSERT INTO tallies (programme, what, value, shard, how_many) "
        f"SELECT programme, '{what}', {value.format(rule=rule)}, 0, count(*) FROM {table} WHERE {where} "
        "GROUP BY 1, 3"
        for what, table, value, where in _SUMS
    ]
