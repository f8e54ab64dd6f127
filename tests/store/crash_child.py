"""What does the killed process of test_crash.py do? Many callers write for ever; each says what was acknowledged."""

import asyncio
import sys
from pathlib import Path

from store import settings
from store.database import Store, Tx, open_store


def _keep(tx: Tx, name: str) -> None:
    """Two rows that belong together, and a count that no one may lose."""
    settings.put(tx, f"a-{name}", name)
    settings.put(tx, "count", (settings.get(tx, "count") or 0) + 1)
    settings.put(tx, f"b-{name}", name)
    if name.endswith("3"):
        raise LookupError("this one fails after it has written")


async def _caller(store: Store, caller: int) -> None:
    number = 0
    while True:
        name = f"{caller}-{number}"
        try:
            await store.write(lambda tx, n=name: _keep(tx, n))  # type: ignore[misc]
        except LookupError:
            sys.stdout.write(f"failed {name}\n")
        else:
            sys.stdout.write(f"stored {name}\n")
        sys.stdout.flush()
        number += 1


async def main(url: str, folder: str) -> None:
    async with open_store(url, Path(folder)) as store, asyncio.TaskGroup() as callers:
        for caller in range(20):
            callers.create_task(_caller(store, caller))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
