"""Does a prepared statement say what SQLAlchemy's own execution says, on both engines?"""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Integer, bindparam, delete, literal_column, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, MultipleResultsFound, NoResultFound

from store import direct
from store.database import Store, Tx
from store.prepared import Prepared, Rows, among, pairs
from store.schema import contacts, pauses, received_parts
from store.schema import settings as remembered

_ADD = Prepared(remembered.insert(), ("name", "value"))
_VALUE = Prepared(select(remembered.c.value).where(remembered.c.name == bindparam("name")))
_PAUSE = Prepared(pauses.insert(), ("programme", "by", "at"))


def _pause(tx: Tx, *names: str) -> Rows:
    return tx.execute(_PAUSE, [{"programme": name, "by": "An", "at": 1} for name in names])


@pytest.mark.parametrize("value", [None, 0, "Tết", ["a", {"b": [1.5, True, None]}], {}])
async def test_json_comes_back_as_it_was_given(store: Store, value: Any) -> None:
    """Issue 4, 3: what a statement stores does not depend on the way in which it was run."""

    def run(tx: Tx) -> tuple[Any, Any]:
        tx.execute(_ADD, {"name": "x", "value": value})
        own = tx.execute(select(remembered.c.value).where(remembered.c.name == "x")).scalar_one()
        return tx.execute(_VALUE, {"name": "x"}).scalar_one(), own

    assert await store.write(run) == (value, value)


async def test_a_boolean_is_a_boolean_and_null_is_none(store: Store) -> None:
    """As the columns' types say."""
    table = received_parts.c
    keys = [
        "number",
        "to",
        "method",
        "reference",
        "total",
        "part",
        "hash",
        "octets",
        "data_coding",
        "bind",
        "joined",
        "at",
    ]
    add = Prepared(received_parts.insert(), keys)
    joined = Prepared(
        select(table.joined, table.bind).where(table.joined == bindparam("is")).order_by(table.part)
    )

    def run(tx: Tx) -> list[tuple[bool, str | None]]:
        rows = [
            ("n", "t", "sar", 1, 2, part, "h", "00", 8, bind, bool(bind), 1)
            for part, bind in ((1, "b"), (2, None))
        ]
        tx.execute(add, [dict(zip(keys, row, strict=True)) for row in rows])
        return [
            (row.joined, row.bind) for known in (True, False) for row in tx.execute(joined, {"is": known})
        ]

    found = await store.write(run)
    assert found == [(True, "b"), (False, None)]
    assert [type(known) for known, _ in found] == [bool, bool]


@given(
    there=st.sets(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=5),
    asked=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=5),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_among_finds_what_in_finds(store: Store, there: set[str], asked: list[str]) -> None:
    """Lists of any length and any text, quotes and brackets too, in a statement whose text stays the same."""

    def run(tx: Tx) -> tuple[list[str], list[str]]:
        tx.execute(delete(pauses))
        _pause(tx, *there)
        mine = Prepared(select(pauses.c.programme).where(among(pauses.c.programme, "names")))
        own = tx.execute(select(pauses.c.programme).where(pauses.c.programme.in_(asked))).scalars().all()
        return sorted(tx.execute(mine, {"names": asked}).scalars()), sorted(own)

    mine, own = await store.write(run)
    assert mine == own == sorted(there & set(asked))


async def test_pairs_gives_each_row_its_own_value(store: Store) -> None:
    """One statement for a window of answers."""
    given_ = pairs("new")
    change = Prepared(
        update(pauses)
        .where(pauses.c.programme == given_.c.key, pauses.c.by == "An")
        .values(by=given_.c.value)
    )

    def run(tx: Tx) -> tuple[int, dict[str, str]]:
        _pause(tx, "a", "b", "c")
        count = tx.execute(change, {"new": {"a": "1", "b": 'ô"[', "away": "x"}}).rowcount
        return count, {row.programme: row.by for row in tx.execute(select(pauses))}

    assert await store.write(run) == (2, {"a": "1", "b": 'ô"[', "c": "An"})


async def test_pairs_can_be_inserted(store: Store) -> None:
    """One statement for the parts of a window."""
    given_ = pairs("new")
    rows = select(given_.c.key, given_.c.value, bindparam("at", type_=Integer()))
    add = Prepared(pauses.insert().from_select(["programme", "by", "at"], rows))

    def run(tx: Tx) -> tuple[int, int]:
        count = tx.execute(add, {"new": {"a": "1", "b": "2"}, "at": 7}).rowcount
        return count, len(tx.execute(select(pauses).where(pauses.c.at == 7)).all())

    assert await store.write(run) == (2, 2)


async def test_many_rows_are_written_by_one_call_and_counted(store: Store) -> None:
    """executemany; `rowcount` of updates and deletes is what the database says."""
    change = Prepared(update(pauses).where(pauses.c.by == bindparam("b_by")), ("at",))

    def run(tx: Tx) -> list[int]:
        _pause(tx, "a", "b", "c")
        seen = [tx.execute(change, {"b_by": who, "at": 5}).rowcount for who in ("An", "nobody")]
        gone = Prepared(delete(pauses).where(pauses.c.programme == bindparam("name")))
        return [*seen, tx.execute(gone, {"name": "a"}).rowcount, len(tx.execute(select(pauses)).all())]

    assert await store.write(run) == [3, 0, 1, 2]


async def test_a_word_of_the_statement_stays_and_a_default_is_written(store: Store) -> None:
    """Values that stand in the statement need not be given; a statement of none gives none."""
    fixed = Prepared(
        select(literal_column("1").label("one"), (pauses.c.at + 41).label("sum")).where(pauses.c.by == "An")
    )

    def run(tx: Tx) -> tuple[list[Any], list[Any]]:
        before = tx.execute(fixed).all()
        _pause(tx, "a")
        return before, [(row.one, row.sum) for row in tx.execute(fixed)]

    assert await store.write(run) == ([], [(1, 42)])


async def test_errors_are_those_of_sqlalchemy_and_undo_their_function_alone(store: Store) -> None:
    """The writer's callers see the same errors whichever way a statement runs."""
    await store.write(lambda tx: _pause(tx, "a"))
    for twice in ({"programme": "a", "by": "B", "at": 2}, [{"programme": "a", "by": "B", "at": 2}]):
        with pytest.raises(IntegrityError) as caught:
            await store.write(lambda tx, values=twice: tx.execute(_PAUSE, values))  # type: ignore[misc]
        assert "An" not in str(caught.value)
    broken = Prepared(select(literal_column("no_such_column")).select_from(pauses))
    with pytest.raises(DBAPIError):
        await store.write(lambda tx: tx.execute(broken))
    assert await store.read(lambda tx: tx.execute(select(pauses.c.by)).scalars().all()) == ["An"]


async def test_one_row_is_one_row(store: Store) -> None:
    """As the results of SQLAlchemy; a keyword of Python gets an underscore."""
    all_ = Prepared(select(pauses.c.programme).order_by(pauses.c.programme))

    def run(tx: Tx) -> list[Any]:
        empty = tx.execute(all_)
        with pytest.raises(NoResultFound):
            empty.one()
        seen = [empty.first(), empty.scalar(), empty.one_or_none(), empty.scalar_one_or_none()]
        _pause(tx, "a")
        seen += [tx.execute(all_).scalar_one(), tx.execute(all_).one().programme]
        _pause(tx, "b")
        with pytest.raises(MultipleResultsFound):
            tx.execute(all_).one_or_none()
        none: list[Any] = tx.execute(Prepared(select(contacts.c["class"]))).all()
        return [*seen, tx.execute(all_).first().programme, tx.execute(all_).scalars(), none]

    assert await store.write(run) == [None, None, None, None, "a", "a", "a", ["a", "b"], []]


async def test_a_row_can_become_something_of_ours(store: Store) -> None:
    """`row`: what is made of a row's values."""
    ours = Prepared(select(pauses.c.programme, pauses.c.at), row=lambda row: dict([row]))

    def run(tx: Tx) -> list[Any]:
        _pause(tx, "a")
        return tx.execute(ours).all()

    assert await store.write(run) == [{"a": 1}]


async def test_a_list_that_changes_the_text_is_refused(store: Store) -> None:
    """`in_` grows with its list: `among` is to be used."""
    grows = Prepared(select(pauses.c.by).where(pauses.c.programme.in_(["a", "b"])))
    with pytest.raises(TypeError, match="among"):
        await store.write(lambda tx: tx.execute(grows))


async def test_rows_for_update_can_be_taken_on_both_engines(store: Store) -> None:
    """FOR UPDATE is a word of PostgreSQL only."""
    taken = Prepared(select(pauses.c.by).with_for_update(skip_locked=True))

    def run(tx: Tx) -> list[Any]:
        _pause(tx, "a")
        return tx.execute(taken).scalars()

    assert await store.write(run) == ["An"]


async def test_what_is_written_to_postgresql_goes_directly(store: Store) -> None:
    """Issue 5: store/direct.py looks at a name of SQLAlchemy's own; an upgrade that renames it would only be slower."""
    on_postgres, begun = await store.write(lambda tx: (tx.on_postgres, direct.has_begun(tx.connection)))
    assert begun is on_postgres
