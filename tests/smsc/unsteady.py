"""A store that is away for a moment: some writes fail, before they were done or, so that nobody knows, after."""

from collections.abc import Callable
from typing import Any, TypeVar

from store.database import Store, Tx
from store.errors import CommitFailed

T = TypeVar("T")


class Unsteady:
    """The store itself, but writes that `fails` names are told as failed; `done`: although they were committed."""

    def __init__(self, store: Store, fails: Callable[[Any], bool], *, times: int, done: bool = False) -> None:
        self._store = store
        self._fails = fails
        self._done = done
        self.left = times  #: that will fail

    async def write(self, fn: Callable[[Tx], T], *, at_once: bool = False) -> T:
        if not (self.left and self._fails(getattr(fn, "func", fn))):
            return await self._store.write(fn)
        self.left -= 1
        if self._done:
            await self._store.write(fn)
        raise CommitFailed("not stored: the database is away")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
