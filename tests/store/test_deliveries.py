"""Do many receipts at once say what they say one after the other?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, select

from store import deliveries, messages, parts, schema
from store.database import Store
from store.deliveries import Came
from store.tx import Tx
from tests.store.one_connection import one_connection
from tests.store.sample import AN, BINH, NOW, later, message

#: Few, so that two parts may have the same one, or a receipt's other form may be another part's.
_IDS = st.sampled_from(("1", "10", "16"))
_NUMBERS = st.sampled_from((AN, AN, AN, BINH))
_ANSWERS = st.sampled_from(("yes", "yes", "yes", "no", "lost", "none"))
_SENT = st.lists(st.tuples(_NUMBERS, st.lists(st.tuples(_ANSWERS, _IDS), min_size=1, max_size=2)), max_size=5)
_CAME = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.lists(_IDS, max_size=2, unique=True),
        st.sampled_from(("delivered", "delivered", "failed", None)),
        _NUMBERS,
    ),
    max_size=6,
)


def _receipts(came: list[tuple[int, list[str], Any, str]]) -> list[Came]:
    return [
        Came(f"r{at}", "b", tuple(ids), state, number, "8989", "DELIVRD") for at, ids, state, number in came
    ]


def _send(tx: Tx, sent: list[tuple[str, list[tuple[str, str]]]]) -> None:
    for place, (number, answers) in enumerate(sent):
        messages.add(tx, message(f"offer:{place}", number=number), now=NOW)
        id_ = messages.id_of(f"offer:{place}")
        messages.mark_sending(tx, id=id_, parts=len(answers), bind="b", at=NOW)
        for part, (said, smsc_id) in enumerate(answers, start=1):
            # of two parts with the same id the last one is meant
            of: dict[str, Any] = {"message": id_, "part": part, "at": later(seconds=(place * 7) % 5)}
            if said == "yes":
                parts.accepted(tx, smsc_id=smsc_id, **of)
            elif said == "no":
                parts.failed(tx, status="no", **of)
            elif said == "lost":
                parts.unknown(tx, reason="no answer", **of)


def _rows(tx: Tx) -> dict[str, list[Any]]:
    tables: tuple[Table, ...] = (schema.messages, schema.message_parts, schema.received)
    return {table.name: sorted(map(repr, tx.execute(select(table)).mappings().all())) for table in tables}


@pytest.fixture(scope="module")
def on_sqlite() -> Iterator[Connection]:
    with one_connection() as (connection, _):
        yield connection


@given(sent=_SENT, came=_CAME)
@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_many_at_once_say_what_they_say_one_after_the_other(
    on_sqlite: Connection, sent: list[Any], came: list[Any]
) -> None:
    """Issue 4: whatever was sent and whichever receipts come, doubled ones too; every row is the same."""
    found = []
    for at_once in (False, True):
        with on_sqlite.begin() as transaction:
            tx = Tx(on_sqlite, Path())
            _send(tx, sent)
            if at_once:
                deliveries.take_receipts(tx, _receipts(came), at=later(minutes=1))
            else:
                for each in _receipts(came):
                    parts.receipt(tx, at=later(minutes=1), **each._asdict())
            found.append(_rows(tx))
            transaction.rollback()
    assert found[0] == found[1]


async def test_a_window_of_receipts_is_applied_on_either_engine(store: Store) -> None:
    """Issue 4, 5: delivered ones, a failed one, one that came before and one that fits nothing."""

    def send(tx: Tx) -> None:
        _send(tx, [(AN, [("yes", f"id{place}")]) for place in range(6)])

    await store.write(send)
    first = Came("r0", "b", ("id0",), "delivered", AN)
    await store.write(lambda tx: deliveries.take_receipts(tx, [first], at=NOW))
    came = [
        first,
        *(Came(f"r{place}", "b", (f"id{place}",), "delivered", AN) for place in range(1, 4)),
        Came("r4", "b", ("id4",), "failed", AN),
        Came("r9", "b", ("id9",), "delivered", AN),
    ]
    await store.write(lambda tx: deliveries.take_receipts(tx, came, at=later(minutes=1)))
    rows = await store.read(lambda tx: tx.execute(select(schema.messages.c.state)).scalars().all())
    assert sorted(rows) == ["accepted", *["delivered"] * 4, "failed"]
    kept = await store.read(
        lambda tx: tx.execute(select(schema.received.c.id, schema.received.c.state)).all()
    )
    assert sorted(map(tuple, kept)) == [(f"r{place}", "done") for place in range(5)] + [("r9", "unmatched")]
