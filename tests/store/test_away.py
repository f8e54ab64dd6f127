"""What does a reader hear from a database that is away? That it may be there a moment later."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from store import settings
from store.database import open_store
from store.tx import PASSING
from tests.store.server import new_database, programs, served


@asynccontextmanager
async def starting_up(address: str) -> AsyncIterator[None]:
    """A PostgreSQL that takes connections and nothing else yet (its error 57P03), at the place of another."""
    fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"E" + struct.pack("!i", len(fields) + 4) + fields)
        await writer.drain()
        writer.close()

    folder = address.rpartition("host=")[2]
    place = Path(folder) / ".s.PGSQL.5432"
    place.unlink(missing_ok=True)  # what a killed server leaves
    server = await asyncio.start_unix_server(refuse, place)
    try:
        yield
    finally:
        server.close()
        place.unlink(missing_ok=True)


async def test_a_reader_is_told_that_the_database_is_away_and_reads_when_it_is_back(tmp_path: Path) -> None:
    """Issue 5, recovery: whoever reads again and again goes on by himself; a connection that was lost is no surprise."""
    place = programs()
    if place is None:
        pytest.skip("no PostgreSQL on this machine: `make postgresql` gets one")
    with served(place) as server:
        async with open_store(await new_database(server.address), tmp_path) as store:
            assert await store.read(settings.standing_alarms) == ()
            await asyncio.to_thread(server.kill)
            for _ in range(3):  # its connections are lost one by one
                with pytest.raises(PASSING):
                    await store.read(settings.standing_alarms)
            async with starting_up(server.address):
                with pytest.raises(PASSING, match="starting up"):
                    await store.read(settings.standing_alarms)
            await asyncio.to_thread(server.start)
            assert await store.read(settings.standing_alarms) == ()


async def test_who_writes_or_reads_after_a_restart_does_not_notice_it(tmp_path: Path) -> None:
    """Issue 5, recovery: a connection that was lost while nobody used it is replaced, not tried."""
    place = programs()
    if place is None:
        pytest.skip("no PostgreSQL on this machine: `make postgresql` gets one")
    with served(place) as server:
        async with open_store(await new_database(server.address), tmp_path) as store:
            await store.write(lambda tx: settings.put(tx, "n", 1))
            await store.read(settings.standing_alarms)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await store.write(lambda tx: settings.put(tx, "n", 2))
            assert await store.read(lambda tx: settings.get(tx, "n")) == 2


async def test_what_the_function_itself_cannot_read_is_its_own_error(tmp_path: Path, postgres: str) -> None:
    """R15: a list that is missing does not pass by itself."""

    def missing(tx: object) -> None:
        raise FileNotFoundError("lists/dnc")

    async with open_store(await new_database(postgres), tmp_path) as store:
        with pytest.raises(FileNotFoundError):
            await store.read(missing)
