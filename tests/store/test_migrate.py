"""Is a store brought to the schema of this program, and left alone when it is newer?"""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from store import migrate, settings
from store.database import Store, Tx, open_store
from store.errors import StoreError, StoreTooNew, StoreTooOld
from store.schema import metadata


async def test_the_migrated_store_is_the_schema(store: Store) -> None:
    def differences(tx: Tx) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(tx.connection), metadata))

    assert await store.read(differences) == []


def test_the_known_revisions_are_those_of_the_folder() -> None:
    """A revision that is written and not named would never be run."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    found = [each.revision for each in script.walk_revisions()]
    assert (script.get_current_head(), tuple(reversed(found))) == (migrate.HEAD, migrate.KNOWN)


async def test_a_store_of_a_newer_program_is_refused(url: str, tmp_path: Path) -> None:
    async with open_store(url, tmp_path) as store:
        await store.write(
            lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None
        )
    for readonly in (False, True):
        with pytest.raises(StoreTooNew, match="revision 9999, newer than this program knows"):
            async with open_store(url, tmp_path, readonly=readonly):
                pass


async def test_an_older_store_is_not_read_before_it_is_migrated(url: str, tmp_path: Path) -> None:
    async with open_store(url, tmp_path) as store:
        await store.write(lambda tx: tx.execute(text("DELETE FROM alembic_version")) and None)
    with pytest.raises(StoreTooOld, match="start the system once"):
        async with open_store(url, tmp_path, readonly=True):
            pass


async def test_what_is_stored_is_there_when_it_is_opened_again(url: str, tmp_path: Path) -> None:
    def one_more(tx: Tx) -> int:
        count = settings.get(tx, "opened") or 0
        settings.put(tx, "opened", count + 1)
        return int(count)

    for before in range(3):
        async with open_store(url, tmp_path) as store:
            assert await store.write(one_more) == before


@pytest.mark.parametrize("readonly", [False, True])
async def test_a_file_that_is_no_store_is_told_in_a_sentence(tmp_path: Path, readonly: bool) -> None:
    """A wrong store.url, or a wrong word of `mai store copy`: never a traceback."""
    (tmp_path / "config.yaml").write_text("store: {url: sqlite:///config.yaml}\n" * 99, "utf-8")
    with pytest.raises(
        StoreError, match=r"^the store sqlite:///config.yaml cannot be used: file is not a database$"
    ):
        async with open_store("sqlite:///config.yaml", tmp_path, readonly=readonly):
            raise AssertionError("it was opened")
