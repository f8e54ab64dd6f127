"""`mai import`: how does a person see a file become a list? A progress bar, a report, and one switch at the end."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from core.imports import KINDS
from runtime.app import Installation
from runtime.control import CommandFailed
from runtime.imports import RefusedRows, Report, rows_of
from runtime.loading import open_app
from runtime.requests import carry_out, plain
from runtime.shown import out
from store import lists
from store.database import lists_folder
from store.errors import NoStore
from store.lists import Built, ListKind


async def import_list(
    installation: Installation, kind: str, file: Path, programme: str | None, *, force: bool
) -> int:
    """Read the file, build the list beside the store, put it in force. Returns the exit status."""
    whose = _checked(installation, kind, file, programme)
    report, refused = Report(), RefusedRows(file)
    folder = lists_folder(installation.config.store.url, installation.folder)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(), transient=True
    ) as progress:
        bar = progress.add_task(f"{kind} from {file.name}", total=file.stat().st_size)
        try:
            built = await asyncio.to_thread(
                _build, folder, cast(ListKind, kind), whose, file, report, refused,
                lambda at: progress.update(bar, completed=at),
            )  # fmt: skip
        finally:
            refused.close()
    _show(kind, report, refused)
    try:
        if report.accepted == 0:
            raise CommandFailed(f"{file}: has no row that can be taken; the list in force stays")
        await _refuse_shrunk(installation, built, force)
        state = await carry_out(
            installation,
            "switch_list",
            built=plain(built),
            source=f"{file.name} ({os.environ.get('USER', 'unknown')})",
            accept_shrink=force,
        )
    except BaseException:
        (folder / built.file).unlink(missing_ok=True)
        raise
    before = "" if state["rows_before"] is None else f" (before: {state['rows_before']:,})"
    out.print(
        f"{kind}: {state['rows']:,} numbers in force{before}, version {state['version']}", highlight=False
    )
    return 0


def _checked(installation: Installation, kind: str, file: Path, programme: str | None) -> str:
    if kind not in KINDS:
        raise CommandFailed(f"{kind!r} is not a kind of list: one of {', '.join(KINDS)}")
    if not file.is_file():
        raise CommandFailed(f"{file}: is not there")
    if file.suffix.lower() != ".csv":
        raise CommandFailed(f"{file}: only CSV files are read so far; save it as CSV (UTF-8)")
    if kind == "targets" and programme is None:
        raise CommandFailed("targets belong to a programme: add --programme NAME")
    if programme is not None and programme not in installation.programmes:
        raise CommandFailed(
            f"{programme!r} is not a programme: one of {', '.join(sorted(installation.programmes))}"
        )
    if programme is not None and kind in ("subscribers", "dnc"):
        raise CommandFailed(f"{kind} hold for every programme: leave out --programme")
    return programme or ""


def _build(
    folder: Path,
    kind: ListKind,
    programme: str,
    file: Path,
    report: Report,
    refused: RefusedRows,
    at: Callable[[int], None],
) -> Built:
    rows = rows_of(file, kind, report, refused.add, at)
    return lists.build(folder, kind, rows, programme=programme)


def _show(kind: str, report: Report, refused: RefusedRows) -> None:
    out.print(f"{kind}: {report.accepted:,} rows accepted, {report.refused:,} refused", highlight=False)
    for line, reason in report.first_refused:
        out.print(f"  {refused.file}:{line}: {reason}", markup=False, highlight=False, soft_wrap=True)
    if report.refused > len(report.first_refused):
        out.print(f"  … and {report.refused - len(report.first_refused):,} more", highlight=False)
    if report.refused:
        out.print(f"  all refused rows: {refused.path}", markup=False, highlight=False, soft_wrap=True)


async def _refuse_shrunk(installation: Installation, built: Built, force: bool) -> None:
    """R2: a DoNotCall register that shrank by more than the limit is not taken without a person's word."""
    if built.kind != "dnc" or force:
        return
    try:
        async with open_app(installation, readonly=True) as app:
            found = (await app.store.read(lists.in_force)).get(("dnc", ""))
    except NoStore:
        return
    limit = installation.law.dnc_max_shrink
    if found is not None and built.rows < found.state.rows * (1 - limit):
        raise CommandFailed(
            f"the DoNotCall list has {built.rows:,} numbers, the one in force {found.state.rows:,}: it shrank by more "
            f"than {limit:.0%}. If that is right, import it again with --force"
        )
