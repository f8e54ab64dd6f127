"""`mai import`: how does a person see a file become a list? A progress bar, a report, and one switch at the end."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from core.imports import KINDS
from runtime.app import Installation
from runtime.asking import carry_out, who
from runtime.failed import CommandFailed, WrongUsage
from runtime.imports import Report, RowsBeside, gathered, opened
from runtime.loading import load, open_app
from runtime.named import known_programme
from runtime.shown import as_json
from runtime.transcribing import SHEETS
from store import lists
from store.building import Gathered
from store.database import lists_folder
from store.errors import NoStore
from store.lists import Built, ListKind

#: Forms that are read: by the engine, by calamine, by the engine.
FORMS = (".csv", ".txt", ".tsv", *SHEETS, ".parquet")
NAMES = {
    "subscribers": "subscribers base",
    "dnc": "DoNotCall list",
    "exclusions": "exclusion list",
    "targets": "target list",
}


async def import_list(
    config: Path, kind: str, file: Path, programme: str | None, *, force: bool, json: bool
) -> int:
    """Read the file, build the list beside the store, put it in force. Returns the exit status."""
    if kind not in KINDS:
        raise WrongUsage(f"{kind!r} is not a kind of list: one of {', '.join(KINDS)}")
    installation = load(config)
    whose = _checked(installation, kind, file, programme)
    report = Report()
    refused = RowsBeside(file, "refused", report.refuse)
    changed = RowsBeside(file, "changed", report.change)
    folder = lists_folder(installation.config.store.url, installation.folder)
    before, most = await _in_force(installation, kind, whose)
    with _progress() as progress:
        bar = progress.add_task(f"{kind} from {file.name}", total=file.stat().st_size)
        try:
            built = await asyncio.to_thread(
                _build, folder, cast(ListKind, kind), whose, file, report, refused, changed,
                lambda share: progress.update(bar, completed=share * file.stat().st_size),
                before.state.version if before else 0,
            )  # fmt: skip
        finally:
            refused.close()
            changed.close()
    _show(kind, report, refused, changed, sys.stderr if json else sys.stdout)
    try:
        if report.accepted == 0:
            raise CommandFailed(f"{file}: has no row that can be taken; the list in force stays")
        difference = await asyncio.to_thread(_compared, folder, before, built, most, force)
        report.difference = asdict(difference) if difference else None
        source = f"{file.name} ({who()})"
        state = await carry_out(
            config, "switch_list", built=asdict(built), source=source, accept_shrink=force
        )
    except BaseException:
        (folder / built.file).unlink(missing_ok=True)
        raise
    _show_state(kind, whose, report, state, json=json)
    return 0


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip


def _checked(installation: Installation, kind: str, file: Path, programme: str | None) -> str:
    if kind == "targets" and programme is None:
        raise WrongUsage("targets belong to a programme: add --programme NAME")
    if programme is not None and kind in ("subscribers", "dnc"):
        raise WrongUsage(f"{kind} hold for every programme: leave out --programme")
    if programme is not None:
        known_programme(installation, programme)
    chosen = installation.programmes.get(programme or "")
    if kind == "targets" and chosen is not None and chosen.campaign.trigger.kind != "list":
        raise WrongUsage(
            f"{programme} is started by {chosen.campaign.trigger.kind} events, nobody would look at its list: "
            "write trigger: {kind: list} in its file, or name another programme"
        )
    if not file.exists():
        raise CommandFailed(f"{file}: is not there")
    if not file.is_file():
        raise CommandFailed(f"{file}: is not a file")
    if file.suffix.lower() not in FORMS:
        raise CommandFailed(f"{file}: is none of {', '.join(FORMS)}; save it as one of them")
    return programme or ""


def _build(
    folder: Path,
    kind: ListKind,
    programme: str,
    file: Path,
    report: Report,
    refused: RowsBeside,
    changed: RowsBeside,
    at: Callable[[float], None],
    after: int,
) -> Built:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lists.remove_left(folder)
    # beside the list: it may grow as large as the file
    with lists.working_in(folder) as place, ExitStack() as held:
        found = opened(file, kind, place, report)

        def gather() -> Gathered:
            return gathered(found, kind, place, report, refused.add, changed.add, at, held)

        return lists.build_from(folder, kind, gather, programme=programme, after=after)


def _show(kind: str, report: Report, refused: RowsBeside, changed: RowsBeside, out: TextIO) -> None:
    said = [f"{refused.file}: read as {report.read_as}"] if report.read_as else []
    said.append(f"{kind}: {report.accepted:,} rows accepted, {report.refused:,} refused")
    if report.changed:
        said.append(f"  {report.changed:,} of them were changed to be on the safe side: {changed.path}")
    said += [f"  {refused.file}:{line}: {reason}" for line, reason in report.shown]
    if report.refused > len(report.first_refused):
        said.append(f"  … and {report.refused - len(report.first_refused):,} more")
    if report.refused:
        said.append(f"  all refused rows: {refused.path}")
    print("\n".join(said), file=out)


def _show_state(kind: str, whose: str, report: Report, state: dict[str, Any], *, json: bool) -> None:
    if json:
        row = {
            "kind": kind,
            "programme": whose or None,
            "accepted": report.accepted,
            "refused": report.refused,
            "mended": report.changed,
        }
        if report.difference is not None:
            row |= report.difference
        as_json([row | state])
        return
    if report.difference is not None:
        counts = ", ".join(f"{count:,} {what}" for what, count in report.difference.items())
        print(f"{kind}: {counts}, against the version before")
    before = "" if state["rows_before"] is None else f" (before: {state['rows_before']:,})"
    twice = report.accepted - state["rows"]
    again = f"; {twice:,} rows repeat a number" if twice else ""
    print(f"{kind}: {state['rows']:,} numbers in force{before}, version {state['version']}{again}")


async def _in_force(installation: Installation, kind: str, whose: str) -> tuple[lists.InForce | None, float]:
    """The version in force (None: there is none), and how much of a list may go at once (R2)."""
    try:
        async with open_app(installation, readonly=True) as app:
            found = (await app.store.read(lists.in_force)).get((kind, whose))
            return found, installation.law.at(app.now()).dnc_max_shrink
    except NoStore:
        return None, 0.0


def _compared(
    folder: Path, found: lists.InForce | None, built: Built, limit: float, force: bool
) -> lists.Difference | None:
    """What differs from the version in force; None: there is none, or its file is not here. Blocking.

    R2: a list that shrank by more than the limit is not taken without a person's word, whatever its kind; nor is
    a DoNotCall register in which others stand now, though they are as many.
    """
    if found is None:
        return None
    name, rows = NAMES[built.kind], found.state.rows
    right = "If that is right, import it again with --force"
    if not force and built.rows < rows * (1 - limit):
        raise CommandFailed(
            f"the {name} has {built.rows:,} numbers, the one in force {rows:,}: it shrank by more than {limit:.0%}. "
            f"{right}"
        )
    difference = lists.difference(folder, found.file, built.file)
    gone = difference.gone if difference else 0
    if not force and built.kind == "dnc" and gone > rows * limit:
        raise CommandFailed(
            f"{gone:,} of the {rows:,} numbers of the {name} in force are not in this one: more than {limit:.0%} "
            f"are gone. {right}"
        )
    return difference
