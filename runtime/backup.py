"""`mai backup FILE` and `mai restore FILE`: what does a person see while the store is copied?"""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from runtime.app import Installation
from store import backup as copies


async def backup(installation: Installation, file: Path) -> int:
    """Copy the store into `file` while the system runs; returns its octets. Raises StoreError, OSError."""
    database = copies.database_of(installation.config.store.url, installation.folder)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("backup", total=None)
        return await asyncio.to_thread(
            copies.backup,
            database,
            file.resolve(),
            lambda done, of: progress.update(bar, completed=done, total=of),
        )


async def restore(installation: Installation, file: Path) -> Path:
    """Put a backup where the configured store is to be; returns that place. Raises StoreError, OSError."""
    database = copies.database_of(installation.config.store.url, installation.folder)
    await asyncio.to_thread(copies.restore, file.resolve(), database)
    return database
