"""How does the memory end? Every night what is too old is removed; `mai forget` takes one number out at once."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any

from core.numbers import masked
from core.written import VIETNAM
from runtime.app import App
from runtime.logs import log
from runtime.shown import as_table, out
from runtime.worker import on_duty
from store import forget, lists, retention, settings
from store.tx import Tx

logger = log("house")

#: When the house is kept, by the decision clock: no window of any class is open then.
NIGHT = time(2, 30)
#: Rows removed in one transaction: the writer is never held for long.
_BATCH = 200
#: Until it is looked again whether another process has kept the house.
_ELSEWHERE = timedelta(minutes=1)
_KEPT_AT = "house_kept_at"


async def keep_house(app: App, stopping: asyncio.Event) -> None:
    """Remove what is too old, every night, and at once when a night was missed, until told to stop."""
    while not stopping.is_set():
        last = await app.store.read(lambda tx: settings.get(tx, name=_KEPT_AT))
        wait = next_night(datetime.fromisoformat(last) if last else None, app.now()) - app.now()
        if wait <= timedelta(0) and not await on_duty(app, "house"):
            wait = _ELSEWHERE  # another process is at it
        if wait > timedelta(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait.total_seconds())
            continue
        await remove_expired(app, stopping)
        kept_at = app.now().isoformat()
        await app.store.write(partial(settings.put, name=_KEPT_AT, value=kept_at))


def next_night(last: datetime | None, now: datetime) -> datetime:
    """When the house is to be kept next; at or before `now`: at once. Never kept: at once."""
    if last is None:
        return now
    local = last.astimezone(VIETNAM)
    tonight = datetime.combine(local.date(), NIGHT, VIETNAM)
    return tonight if tonight > local else tonight + timedelta(days=1)


async def remove_expired(
    app: App, stopping: asyncio.Event | None = None, *, batch: int = _BATCH
) -> dict[str, int]:
    """Remove every row whose time is over, in batches; returns how many went, by table."""
    now = app.now()
    kept_for = app.installation.law.at(now).keep_logs
    gone: dict[str, int] = {}
    for table in retention.KEEP:
        look = partial(retention.expired, table=table, now=now, kept_for=kept_for, limit=batch)
        while not (stopping and stopping.is_set()) and (ids := await app.store.read(look)):
            gone[table] = gone.get(table, 0) + await app.store.write(
                partial(retention.remove, table=table, ids=ids)
            )
    while not (stopping and stopping.is_set()) and (
        old := await app.store.read(partial(retention.forgotten_numbers, limit=batch))
    ):
        gone["numbers"] = gone.get("numbers", 0) + await app.store.write(
            partial(retention.remove_numbers, gone=old)
        )
    gone |= await app.store.write(partial(retention.remove_leftovers, now=now))
    logger.info("removed what is too old", rows=gone)
    return gone


async def forget_number(app: App, *, number: str, by: str) -> dict[str, Any]:
    """`mai forget NUMBER` (E.164): what no longer names it, and what was kept and why."""
    now = app.now()

    def work(tx: Tx) -> dict[str, Any]:
        done = forget.forget(tx, number=number, by=by, now=now)
        kept = [asdict(each) for each in done.kept] + _in_lists(tx, number)
        return {"number": number, "changed": done.changed, "kept": kept}

    return await app.store.write(work)


def _in_lists(tx: Tx, number: str) -> list[dict[str, Any]]:
    """Lists are copies of other systems' files: a number is taken out there, and goes with the next import."""
    return [
        {
            "table": f"list of {each.kind}" + (f" of {each.programme}" if each.programme else ""),
            "rows": 1,
            "why": "comes from another system: delete it there, it goes with the next import",
        }
        for each in lists.in_force(tx).values()
        if each.kind != "targets" and lists.look_up(tx, each, number=number) is not None
    ]


def show(found: Mapping[str, Any]) -> None:
    """The report for people."""
    rows = sum(found["changed"].values())
    out.print(f"{masked(found['number'])}: {rows} rows no longer name it", highlight=False)
    as_table(
        "forgotten", [{"what": name, "rows": count} for name, count in found["changed"].items() if count]
    )
    as_table(
        "kept, and why",
        [{"what": each["table"], "rows": each["rows"], "why": each["why"]} for each in found["kept"]],
    )
    out.print("Copies in backups go with the backups. To be called no more: `mai refuse`.", highlight=False)
