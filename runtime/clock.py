"""What time is it for decisions? One object, handed in; nothing else reads the time of day (DESIGN.md §5).

`clock.now` of config.yaml is the decision time at the store's first start. It runs at real speed, and its
offset is kept in the store, so that restarts and commands continue it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.written import VIETNAM
from store import settings
from store.database import Store
from store.tx import Tx

_OFFSET = "clock_offset_us"
#: `clock.now` at the first start as it was written; empty: it was not.
_FIRST = "clock_first"


@dataclass(frozen=True)
class Clock:
    """The decision clock: host time plus an offset; answers in Vietnamese time (R16)."""

    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        return (datetime.now(UTC) + self.offset).astimezone(VIETNAM)


def wall() -> datetime:
    """The host's own UTC time, kept beside the decision time in the log of calls."""
    return datetime.now(UTC)


async def clock_of(store: Store, first: datetime | None, *, readonly: bool = False) -> Clock:
    """The clock of this store; at its first start it is set to `first` (None: the host's time).

    A reader of a store that was never started sees the clock as it would be set now.
    """
    offset = (first - wall()) if first else timedelta(0)

    def keep(tx: Tx) -> int:
        kept = settings.get(tx, name=_OFFSET)
        if kept is None:
            kept = offset // timedelta(microseconds=1)
            settings.put(tx, name=_OFFSET, value=kept)
            settings.put(tx, name=_FIRST, value=first.isoformat() if first else "")
        return int(kept)

    known = await store.read(lambda tx: settings.get(tx, name=_OFFSET))
    if known is None and not readonly:
        known = await store.write(keep)
    return Clock(offset if known is None else timedelta(microseconds=int(known)))


async def not_heeded(store: Store, first: datetime | None) -> str | None:
    """Why `clock.now` of config.yaml changes nothing here, in a sentence for people; None: it is what began this store."""
    if first is None:
        return None

    def look(tx: Tx) -> tuple[int | None, str | None]:
        return settings.get(tx, name=_OFFSET), settings.get(tx, name=_FIRST)

    offset, began = await store.read(look)
    if offset is None or began == first.isoformat():
        return None
    how = f"began with {began}" if began else "began with the host's time"
    now = Clock(timedelta(microseconds=int(offset))).now().isoformat(timespec="seconds")
    return (
        f"clock.now: {first.isoformat()} is not used: this store's clock {how} and it is {now} there; "
        "name a new store, or delete the line"
    )
