"""Is this store's schema the one this program knows, and how does it get there? Alembic, run at open."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from store.errors import NoStore, StoreTooNew, StoreTooOld

_FOLDER = Path(__file__).with_name("migrations")
#: The newest revision; known here so that opening an up-to-date store does not load Alembic.
HEAD = "0006"
#: Every revision this program knows, oldest first.
KNOWN = ("0001", "0002", "0003", "0004", "0005", "0007", "0006")


def revision(connection: Connection) -> str | None:
    """The revision this store is at; None: nothing in it yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def check(connection: Connection) -> None:
    """Raise StoreTooNew or StoreTooOld when the store is not at the revision this program knows."""
    found = revision(connection)
    if found is not None and found not in KNOWN:
        raise StoreTooNew(f"the store is at revision {found}, newer than this program knows ({HEAD})")
    if found != HEAD:
        raise StoreTooOld(f"the store is at revision {found}, {HEAD} is wanted: start the system once")


def check_readable(connection: Connection) -> None:
    """What a reader of a database on a server asks first. Raises NoStore, StoreTooNew, StoreTooOld."""
    with connection.begin():
        if not inspect(connection).has_table("alembic_version"):
            raise NoStore("the database has no tables of this program: nothing has been stored yet")
        check(connection)


def bring_up_to_date(connection: Connection) -> None:
    """Run the missing revisions in one transaction. Raises StoreTooNew for a store of a newer program."""
    with connection.begin():
        if connection.dialect.name == "postgresql":  # programs that start together migrate once
            connection.execute(text("SELECT pg_advisory_xact_lock(6241)"))
        try:
            check(connection)
        except StoreTooOld:
            upgrade(connection)


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the missing revisions up to this one, in the transaction that the connection is in."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
