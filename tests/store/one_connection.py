"""Where does a test look at many examples fast? Straight on one connection to SQLite, each of them rolled back."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from store import migrate
from store.sqlite import _private, _writing_engine


@contextmanager
def one_connection() -> Iterator[tuple[Connection, Path]]:
    """A connection to a new store, and the folder of its lists."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "mai.db"
        _private(database)
        engine = _writing_engine(database)
        with engine.connect() as connection:
            migrate.bring_up_to_date(connection)
            yield connection, Path(folder) / "lists"
        engine.dispose()
