"""Who writes this SQLite file? One process: it holds a lock beside it until it ends, however it ends."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.errors import StoreLocked


@contextmanager
def only_writer(database: Path) -> Iterator[None]:
    """Hold `<database>.lock`. Raises StoreLocked naming who has it. The kernel frees it when we die."""
    place = database.with_name(database.name + ".lock")
    handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"
            raise StoreLocked(f"{database} is written by {holder}; only one process may write it") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} ({Path(sys.argv[0]).name or 'python'})\n".encode(), 0)
        yield
    finally:
        os.close(handle)
