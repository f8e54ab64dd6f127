"""What do the tests of both kinds of backup put into a store, and into a file that is none?"""

import tarfile
from io import BytesIO
from pathlib import Path

from store import lists, settings
from store.database import Store
from store.tx import Tx
from tests.store.sample import AN, NOW


def put_pair(tx: Tx, count: int) -> None:
    """Two rows that are only true together."""
    settings.put(tx, name="left", value=count)
    settings.put(tx, name="right", value=count)


async def import_dnc(store: Store) -> None:
    """A DoNotCall list with AN in it."""
    built = lists.build(store.lists, "dnc", [{"number": AN, "channel": "both"}])
    await store.write(lambda tx: lists.switch(tx, built, source="test", now=NOW))


def read_back(tx: Tx) -> tuple[int, int, bool]:
    """The pair, and whether AN is on the list."""
    found = lists.in_force(tx).get(("dnc", ""))
    listed = found is not None and lists.look_up(tx, found, number=AN) is not None
    return settings.get(tx, name="left"), settings.get(tx, name="right"), listed


def tar_of(file: Path, **members: bytes) -> Path:
    """An archive with these files."""
    with tarfile.open(file, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, BytesIO(content))
    return file
