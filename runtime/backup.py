"""`mai backup FILE` and `mai restore FILE`: what does a person see while the store is copied?

All it needs is config.yaml: a mistake in another file keeps nobody from a backup.
"""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from core.config import Config
from store import backup as copies
from store import backup_postgres as grown


async def backup(config: Config, folder: Path, file: Path) -> int:
    """Copy the store into `file` while the system runs; returns its octets. Raises StoreError, OSError."""
    url, whole = config.store.url, file.resolve()
    database = copies.database_of(url, folder)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("backup", total=None)

        def told(done: int, of: int) -> None:
            progress.update(bar, completed=done, total=of)

        if database is None:
            return await grown.backup(url, folder, whole, told)
        return await asyncio.to_thread(copies.backup, database, whole, told)


async def restore(config: Config, folder: Path, file: Path) -> str:
    """Put a backup where the configured store is to be; returns that place. Raises StoreError, OSError."""
    url = config.store.url
    database = copies.database_of(url, folder)
    if database is None:
        await grown.restore(url, folder, file.resolve())
        return grown.shown(url)
    await asyncio.to_thread(copies.restore, file.resolve(), database)
    return str(database)
