"""Claims: does it take longer to claim the next 100 contacts when twelve million rows are done or due?

Two stores of the same schema on the same disk, a thousand times apart in size, are asked in turn, so that what
disturbs one disturbs both: the functions that the dialer, the planner and the house use, the commit included.
"""

import asyncio
import gc
import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

from bench._contacts import LIST, NOW, TOPUP, Mix, fill
from bench._results import machine, write_section
from runtime import progress
from store import contacts, numbers, reports, retention
from store.database import Store, open_store
from store.tx import Tx

ROWS = int(os.environ.get("BENCH_ROWS", "12000000"))
ROWS_PG = int(os.environ.get("BENCH_ROWS_PG", "1200000"))
SMALL = 12_000
ROUNDS, ASKED = 60, 200
_EACH = 100


def claim_next(tx: Tx) -> int:
    """As a controller does it: the numbers locked in their order, then each claimed."""
    found = contacts.due(tx, programme=LIST, now=NOW, limit=_EACH, list_exhausted=False)
    numbers.lock(tx, *(contact.number for contact in found))
    return sum(
        contacts.claim(
            tx, contact.id, contacts.NewCall(f"call-{uuid4().hex}", NOW, node="a", trunk="t"), now=NOW
        )
        for contact in found
    )


def _report(tx: Tx) -> tuple[Any, ...]:
    return reports.report(tx, programme=LIST, of_events=False), progress.seen(tx, programme=LIST)


def _expired(tx: Tx) -> list[str]:
    return retention.expired(tx, "contacts", now=NOW, kept_for=timedelta(days=731), limit=200)


#: What else the dialer and the planner ask of the contacts, again and again.
QUESTIONS: dict[str, Callable[[Tx], Any]] = {
    "the next 100 that are due": lambda tx: contacts.due(tx, programme=LIST, now=NOW, limit=_EACH),
    "enough planned ahead?": lambda tx: contacts.waiting(tx, programme=LIST, now=NOW, most=250),
    "past their freshness limit": lambda tx: contacts.stale(tx, programme=TOPUP, now=NOW, limit=50),
    "when is the last due": lambda tx: contacts.last_due_at(tx, programme=LIST),
    "which programmes wait": contacts.programmes_waiting,
    "what mai report says of a list": _report,
}
#: Once a night, beside the calls, by a reader: it looks at every row.
_NIGHT = "what is too old"


async def _timed(work: Callable[[], Awaitable[Any]], wanted: Any = None) -> float:
    begun = perf_counter()
    found = await work()
    took = (perf_counter() - begun) * 1000
    if wanted is not None and found != wanted:
        raise RuntimeError(f"{found} where {wanted} were to be claimed")
    return took


def mixes(rows: int) -> tuple[Mix, Mix]:
    """A twelfth is due now, a twelfth waits for the second pass; of the small one as many as will be claimed."""
    claimed = ROUNDS * _EACH
    return Mix(SMALL, claimed + _EACH, 1_000, 200), Mix(
        rows, max(rows // 12, claimed), rows // 12, rows // 60
    )


async def compare(
    urls: Sequence[str], folders: Sequence[Path], sizes: Sequence[Mix]
) -> dict[str, list[list[float]]]:
    """Milliseconds of every work by store: claims in turn, then each question."""
    for url, folder, mix in zip(urls, folders, sizes, strict=True):
        begun = perf_counter()
        await fill(url, folder, mix)
        print(f"  {mix.rows:,} contacts in {perf_counter() - begun:.0f} s", flush=True)
    found: dict[str, list[list[float]]] = {}
    async with AsyncExitStack() as stack:
        stores: list[Store] = [
            await stack.enter_async_context(open_store(url, folder))
            for url, folder in zip(urls, folders, strict=True)
        ]
        gc.freeze()
        times: list[list[float]] = [[] for _ in stores]
        for _ in range(ROUNDS):
            for store, taken in zip(stores, times, strict=True):
                taken.append(await _timed(lambda s=store: s.write(claim_next), _EACH))  # type: ignore[misc]
        found["claim the next 100, committed"] = times
        for name, ask in QUESTIONS.items():
            times = [[] for _ in stores]
            while len(times[-1]) < ASKED and sum(times[-1]) < 10_000:
                for store, taken in zip(stores, times, strict=True):
                    taken.append(await _timed(lambda s=store, a=ask: s.read(a)))  # type: ignore[misc]
            found[name] = times
        found[_NIGHT] = [[await _timed(lambda s=store: s.read(_expired))] for store in stores]  # type: ignore[misc]
        gc.unfreeze()
    return found


def _rank(times: Sequence[float], percent: int) -> float:
    return sorted(times)[-(-len(times) * percent // 100) - 1]


def table(found: dict[str, list[list[float]]], sizes: Sequence[Mix]) -> list[str]:
    """A row for each work."""
    small, big = (f"{mix.rows:,}" for mix in sizes)
    lines = [f"| what | {small}: ms, p99 | {big}: ms, p99 | ratio | of p99 |", "|---" * 5 + "|"]
    for name, (few, many) in found.items():
        if name == _NIGHT:
            continue
        middle, worst = [_rank(each, 50) for each in (few, many)], [_rank(each, 99) for each in (few, many)]
        lines.append(
            f"| {name} | {middle[0]:.2f}, {worst[0]:.2f} | {middle[1]:.2f}, {worst[1]:.2f} "
            f"| {middle[1] / middle[0]:.2f} | {worst[1] / worst[0]:.2f} |"
        )
    once = [times[0] for times in found[_NIGHT]]
    return [
        *lines,
        "",
        f"Once a night, by a reader: {_NIGHT} of them, {once[0]:.0f} ms and {once[1]:.0f} ms.",
    ]


def _on_sqlite() -> list[str]:
    sizes = mixes(ROWS)
    with tempfile.TemporaryDirectory(prefix="bench-claims-") as name:
        folders = [Path(name) / each for each in ("few", "many")]
        for folder in folders:
            folder.mkdir()
        found = asyncio.run(compare(["sqlite:///mai.db"] * 2, folders, sizes))
        size = (folders[1] / "mai.db").stat().st_size / 1e9
    return [f"SQLite ({size:.1f} GB the larger file):", "", *table(found, sizes)]


def _on_postgres() -> list[str]:
    from tests.store import server

    place, sizes = server.programs(), mixes(ROWS_PG)
    if place is None:
        return ["No PostgreSQL on this machine."]
    with ExitStack() as stack:
        address = stack.enter_context(server.running(place))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-claims-")))

        async def both() -> dict[str, list[list[float]]]:
            urls = [await server.new_database(address) for _ in sizes]
            return await compare(urls, [scratch, scratch], sizes)

        return ["PostgreSQL (fsync off, our own server):", "", *table(asyncio.run(both()), sizes)]


def main() -> None:
    sqlite, postgres = _on_sqlite(), _on_postgres()
    section = [
        "## Claims beside many rows",
        "",
        f"`BENCH_ROWS={ROWS} python -m bench claims`, {machine()}",
        "Nine in ten contacts are done, each with its call; a twelfth is due, a twelfth waits for the second pass.",
        f"Asked for: claiming the next 100 takes at most twice as long. {ROUNDS} claims of {_EACH}, in turn.",
        "",
        *sqlite,
        "",
        *postgres,
    ]
    print("\n".join(section))
    write_section("claims", section)
