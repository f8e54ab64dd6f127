"""How is a PostgreSQL store written and read? One writing task with group commit; LISTEN and NOTIFY wake others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import URL

from store.database import Store
from store.errors import StoreError


@asynccontextmanager
async def open_postgres(url: URL, folder: Path, *, readonly: bool) -> AsyncIterator[Store]:
    raise StoreError(f"{url.get_backend_name()} is not built yet: use sqlite:///mai.db in {folder}")
    yield
