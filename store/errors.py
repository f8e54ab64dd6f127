"""What can be wrong with the store itself? Each message is one sentence for the person who sees it."""


class StoreError(Exception):
    """Base of what goes wrong with the store as a whole, not with one function that it runs."""


class StoreLocked(StoreError):
    """Another process writes this store; the message says which."""


class StoreTooNew(StoreError):
    """The store was made by a newer version of this program."""


class StoreTooOld(StoreError):
    """The store is opened read-only and wants migrations that only a writing opener may run."""


class NoStore(StoreError):
    """There is no store to read at this place."""


class StoreClosed(StoreError):
    """The store was closed before this could be done."""


class CommitFailed(StoreError):
    """The transaction that held this function was not committed; nothing of it is in the store."""


class StoreAway(StoreError):
    """The store does not answer now; nothing was read."""
