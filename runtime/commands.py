"""What does each command of `mai` do? Coroutines that print what people see and return the exit status.

Heavy imports stand in the functions that need them: a command that only asks the running system is quick.
"""

import asyncio
import re
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.asking import ask_live, ask_running, carry_out, new_id, run_dir_of, who
from runtime.control import NobodyRuns, ask_to_stop
from runtime.failed import CommandFailed, WrongUsage

if TYPE_CHECKING:
    from runtime.loading import CostLines, HouseCostLines

#: How often a test call is looked at, and how long it may wait for a line before we say why it does not start.
_LOOK_S = 0.3
_LINE_S = 30.0
#: How long a system may take from its store to its control socket.
_START_S = 30.0
_AMOUNT = re.compile(r"-?[0-9]{1,15}\Z")

#: A moment, or so long ago.
When = datetime | timedelta | None


def when(text: str | None) -> When:
    """`2026-11-21T09:00`, `2026-11-21`, or a duration ago like `2h`; without an offset in Vietnamese time.

    Raises WrongUsage.
    """
    from core.written import VIETNAM, WrittenError, duration

    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=VIETNAM)
    except ValueError:
        try:
            return duration(text)
        except WrittenError:
            raise WrongUsage(f"{text!r} is not a time: write 2026-11-21T09:00, 2026-11-21 or 2h") from None


def _moment(at: When, now: Callable[[], datetime]) -> datetime | None:
    """Durations count from the decision clock."""
    try:
        return now() - at if isinstance(at, timedelta) else at
    except OverflowError:
        raise WrongUsage(
            "so long ago there was no calendar: write 2026-11-21T09:00, 2026-11-21 or 2h"
        ) from None


def subscriber(text: str) -> str:
    """The subscriber's number as E.164. Raises WrongUsage."""
    from core.numbers import BadNumber, subscriber_number

    try:
        return subscriber_number(text)
    except BadNumber as error:
        raise WrongUsage(f"number: {error}") from None


def check(config: Path, costs: "CostLines", house_costs: "HouseCostLines") -> int:
    """Every problem and finding of what people wrote, and what each SMS costs."""
    from runtime.loading import about_the_clock
    from runtime.loading import check as checked

    lines, status = checked(config, costs, house_costs)
    lines += asyncio.run(about_the_clock(config))
    print("\n".join(lines))
    return status


async def stop(config: Path) -> int:
    """Stop the running system, or what a killed one left."""
    from runtime.control import RunsHere
    from store.errors import StoreLocked

    until = asyncio.get_running_loop().time() + _START_S
    while True:
        try:
            await ask_to_stop(run_dir_of(config))
            print("stopped")
            return 0
        except NobodyRuns:
            try:
                left = await _stop_left(config)
            except (StoreLocked, RunsHere):  # one that is just starting, or ending, does not listen
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(_LOOK_S)
                continue
            print("nothing ran" + (", but its Asterisk did; it is stopped" if left else ""))
            return 0


async def _stop_left(config: Path) -> bool:
    """End the Asterisk that a killed system left. Store and run folder are held, so that nobody starts meanwhile."""
    from runtime.control import alone_in
    from runtime.loading import load, open_app
    from runtime.running import managed_nodes
    from store.errors import NoStore

    installation = load(config)
    try:
        async with open_app(installation, readonly=True):
            pass  # only whether there is one: asking to stop makes no store
    except NoStore:
        return False
    async with open_app(installation):
        with alone_in(installation.run_dir):
            return any([await node.stop() for node in managed_nodes(installation)])


async def status(config: Path, *, json: bool) -> int:
    """What is up and why nothing is dialled; 1 when nothing runs."""
    from runtime import shown

    try:
        found: dict[str, Any] = await ask_running(config, "status", timeout_s=10)
    except NobodyRuns:
        found = await _status_of_store(config)
    shown.as_json([found]) if json else shown.status(found)
    return 0 if found["running"] else 1


async def _status_of_store(config: Path) -> dict[str, Any]:
    """The same keys as of a running system; null where nothing is stored yet."""
    from runtime.loading import load, open_app
    from runtime.requests import nodes_of
    from runtime.trunks import trunks
    from runtime.why import why_idle
    from store import reports
    from store.errors import NoStore

    installation = load(config)
    found: dict[str, Any] = {"running": False, "parts": None}
    try:
        async with open_app(installation, readonly=True) as app:
            now = app.now()
            stored = await app.store.read(lambda tx: reports.status(tx, now=now))
            stored["nodes"] = await nodes_of(app)
            stored["trunks"] = await app.store.read(lambda tx: trunks(tx, app.config))
        why = why_idle(stored, None, installation, now)
        return found | {"now": now.isoformat(), **stored, "held_back": installation.held_back, "why": why}
    except NoStore:
        names = ("now", "calls", "triggers_new", "contacts", "registrations", "messages", "sending", "asked")
        nothing = dict.fromkeys((*names, "unknown", "paused", "alarms", "lists", "nodes", "trunks"))
        why = ["nothing runs here: start it with `mai run`", "nothing is stored yet"]
        return found | nothing | {"held_back": installation.held_back, "why": why}


async def call(config: Path, number: str, programme: str, *, json: bool) -> int:
    """One test call; returns when it has ended."""
    from core.numbers import masked
    from runtime import shown

    whom = subscriber(number)
    made = await ask_live(config, "call", number=whom, programme=programme)
    waited, told = 0.0, False
    while True:
        found = await ask_live(config, "fate", trigger=made["trigger"], number=whom)
        event, attempt = found["trigger"], found["call"]
        if attempt and attempt["outcome"]:
            break
        if event and event["fate"] not in (None, "called"):
            raise CommandFailed(f"not called: {event['rule']}")
        if attempt and not told:
            told = True
            print(f"dialling {masked(whom)} …", file=sys.stderr)
        if attempt is None and waited >= _LINE_S:
            why = (await ask_live(config, "status"))["why"]
            raise CommandFailed(f"not dialled within {_LINE_S:g} s, and still due. " + "; ".join(why))
        await asyncio.sleep(_LOOK_S)
        waited += _LOOK_S
    shown.as_json([attempt]) if json else shown.as_table("call", [attempt], shown.COLUMNS["calls"])
    return 0


async def topup(config: Path, number: str, amount: str, id: str | None, at: str | None, *, json: bool) -> int:
    """Store a top-up event."""
    if not _AMOUNT.match(amount):
        raise WrongUsage(f"amount: {amount!r} is not whole đồng: write digits only, like 50000")
    event = id or new_id("topup")
    fields: dict[str, Any] = {"id": event, "number": number, "amount": int(amount)}
    if at is not None:
        fields["at"] = at
    result = await carry_out(config, "topup", **fields)
    if result == "conflict":
        raise CommandFailed(f"{event}: came before with other content, and that one stands")
    if json:
        from runtime import shown

        shown.as_json([{"id": event, "result": result}])
    else:
        print(f"{event}: {result}")
    return 0


async def log(
    config: Path, kind: str, number: str | None, since: str | None, until: str | None,
    programme: str | None, *, csv: bool, json: bool,
) -> int:  # fmt: skip
    """One of the logs of O16, or of the events. --json and --csv are written row by row."""
    from runtime import shown
    from runtime.loading import load, open_app
    from runtime.revealing import reveal
    from store import logs
    from store.tx import Tx

    if kind not in logs.KINDS:
        raise WrongUsage(f"{kind!r} is not a log: one of {', '.join(logs.KINDS)}")
    if csv and json:
        raise WrongUsage("--csv or --json, not both")
    whom, first, last = subscriber(number) if number else None, when(since), when(until)
    async with open_app(load(config), readonly=True) as app:
        from_, to = _moment(first, app.now), _moment(last, app.now)

        def show(tx: Tx) -> None:
            rows = logs.KINDS[kind](tx, number=whom, since=from_, until=to, programme=programme)
            if json:
                shown.as_json(rows)
            elif csv:
                shown.as_csv(rows, shown.ALL_COLUMNS[kind])
            else:
                shown.as_table(kind, list(rows), shown.COLUMNS[kind])

        if json or csv:
            await reveal(config, app, what=f"log {kind}", number=whom)
        await app.store.read(show)
    return 0


async def report(config: Path, programme: str, *, json: bool) -> int:
    """The results of one programme."""
    from runtime import progress, shown
    from runtime.loading import load, open_app
    from runtime.named import known_programme
    from store import reports

    installation = load(config)
    known_programme(installation, programme)
    async with open_app(installation, readonly=True) as app:
        chosen, now = installation.programmes.get(programme), app.now()
        of_events = chosen is None or chosen.campaign.trigger.kind != "list"
        found, seen = await app.store.read(
            lambda tx: (
                reports.report(tx, programme=programme, of_events=of_events),
                progress.seen(tx, programme=programme),
            )
        )
    told = progress.progress(seen, chosen, installation, now)
    if json:
        shown.as_json([found | {"progress": told}])
        return 0
    print(programme)
    progress.show(told)
    shown.report(found)
    return 0


async def explain(config: Path, number: str, programme: str | None, at: str | None, *, json: bool) -> int:
    """Every rule for one number, with its value and verdict."""
    from runtime import shown
    from runtime.explain import explain as found
    from runtime.explained import explained
    from runtime.loading import load, open_app
    from runtime.revealing import reveal

    whom, then = subscriber(number), when(at)
    async with open_app(load(config), readonly=True) as app:
        lines = await found(app, number=whom, programme=programme, at=_moment(then, app.now))
        if json:
            await reveal(config, app, what="explain", number=whom)
    shown.as_json(lines) if json else explained(lines)
    return 0


def which(programme: str | None, everything: bool) -> str:
    """The programme that is paused or goes on; `*`: all. Raises WrongUsage."""
    if (programme is None) != everything:
        raise WrongUsage("name a programme, or say --all")
    return programme or "*"


async def pause(config: Path, programme: str | None, everything: bool) -> int:
    """Start no call, hold advertising SMS."""
    new = await carry_out(config, "pause", programme=which(programme, everything), by=who())
    print("paused" if new else "was paused already")
    return 0


async def resume(config: Path, programme: str | None, everything: bool) -> int:
    """Go on after a pause."""
    was = await carry_out(config, "resume", programme=which(programme, everything))
    print("goes on" if was else "was not paused")
    return 0


async def refuse(config: Path, number: str, undo: bool, reason: str | None) -> int:
    """Record or take back a refusal."""
    whom = subscriber(number)
    if undo and not (reason or "").strip():
        raise WrongUsage('taking a refusal back needs a reason: add --reason "…"')
    changed = await carry_out(config, "refuse", number=whom, undo=undo, by=who(), reason=reason)
    before = "there was no refusal" if undo else "was recorded before"
    print("recorded" if changed else before)
    return 0


async def say(config: Path, text: str, file: Path) -> int:
    """Make a prompt's sound, and show what is spoken."""
    from prompts.library import open_library
    from runtime.loading import load

    installation = load(config)
    library = open_library(installation.config.prompts, installation.catalogue, installation.folder)
    print(await asyncio.to_thread(library.say, text, file))
    return 0


async def dialplan(config: Path, folder: Path) -> int:
    """Write the files of every node."""
    from runtime.asterisk_files import ROOT, BadAsteriskConfig, installed, render, write
    from runtime.failed import BadInstallation
    from runtime.loading import load

    installation = load(config)
    for node in installation.config.asterisk.nodes:
        there = (folder / node.name).resolve()
        try:
            made = render(installation.config, node, there, installed(ROOT) if node.managed else None)
        except BadAsteriskConfig as error:
            raise BadInstallation([str(error)]) from error
        write(made, there)
        print(f"{len(made)} files in {there / 'etc'}")
    return 0
