"""Which files of a folder are complete, and what becomes of them? `sources[].kind: folder`, looked at once a second.

A file is taken once its size stood still for `still` (0s: files are renamed into place, complete at once) or its marker
is there. Its rows are stored, then it moves to done/, with done/FILE.report.csv beside it if rows were refused; one that
cannot be read at all moves to refused/. After a crash it is still there and is read again: its rows have the same ids,
and repeat harmlessly.
"""

import asyncio
import csv
import fcntl
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from ari_app.sources.rows import BadFile, Row, Rows
from ari_app.sources.standing import BATCH, Became, Standing, Stopping, TakenElsewhere, Trouble
from core.sources import FolderSource
from runtime.logs import log
from runtime.topups import BadTopup

logger = log("intake")

DONE, REFUSED, REPORT = "done", "refused", ".report.csv"
_LOCK = ".mai-intake"
_EVERY_S = 1.0
_SWEEP_S = 3600.0
_SHOWN = 300


async def watch(source: FolderSource, standing: Standing) -> None:
    """Take the files as they become complete, until told to stop. Raises Trouble, TakenElsewhere, OSError."""
    folder = standing.app.installation.path(source.path)
    with _alone(folder):
        seen = Seen(folder, source)
        swept = float("-inf")
        while not standing.stopping.is_set():
            ready = await asyncio.to_thread(seen.complete, time.monotonic())
            await standing.well()
            for done, file in enumerate(ready):
                standing.lag = len(ready) - done + len(seen.growing)
                await _take(file, source, standing)
                if standing.stopping.is_set():
                    return
            standing.lag = len(seen.growing)
            standing.where = f"waits for {source.pattern}"
            if time.monotonic() - swept > _SWEEP_S:
                swept = time.monotonic()
                await asyncio.to_thread(_remove_old, folder, source.keep.total_seconds())
            await standing.told_to_stop(_EVERY_S)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process takes from a folder; a lock that a crash frees. Raises Trouble, TakenElsewhere."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Trouble(f"{folder} cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TakenElsewhere from error
        yield
    finally:
        os.close(lock)


@dataclass
class Seen:
    """How large each file was, and since when."""

    folder: Path
    source: FolderSource
    growing: dict[str, tuple[tuple[int, int, int], float]] = field(default_factory=dict)

    def complete(self, now: float) -> list[Path]:
        """The files that are complete, the oldest first; `now` monotonic. Raises Trouble."""
        found: dict[str, tuple[tuple[int, int, int], float]] = {}
        still = self.source.still.total_seconds()
        ready: list[tuple[int, str]] = []
        try:
            entries = [entry for entry in os.scandir(self.folder) if self._wanted(entry)]
            marked = self._marked()
            for entry in entries:
                info = entry.stat(follow_symlinks=False)
                size = (info.st_ino, info.st_size, info.st_mtime_ns)
                before, since = self.growing.get(entry.name, (None, now))
                since = since if before == size else now
                found[entry.name] = (size, since)
                if entry.name in marked or (self.source.marker is None and now - since >= still):
                    ready.append((info.st_mtime_ns, entry.name))
        except FileNotFoundError as error:
            if not self.folder.is_dir():
                raise Trouble(f"{self.folder} is not there") from error
            return []  # a file went while we looked
        except OSError as error:
            raise Trouble(f"{self.folder} cannot be read: {error.strerror}") from error
        taken = {name for _, name in ready}
        self.growing = {name: at for name, at in found.items() if name not in taken}
        return [self.folder / name for _, name in sorted(ready)]

    def _marked(self) -> set[str]:
        marker = self.source.marker
        if marker is None:
            return set()
        return {
            entry.name.removesuffix(marker)
            for entry in os.scandir(self.folder)
            if entry.name.endswith(marker)
        }

    def _wanted(self, entry: "os.DirEntry[str]") -> bool:
        name = entry.name
        return (
            not name.startswith(".")
            and not name.endswith(REPORT)
            and fnmatchcase(name.lower(), self.source.pattern.lower())  # Windows writes A.CSV
            and stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
        )


async def _take(file: Path, source: FolderSource, standing: Standing) -> None:
    """Store every row of a file and put it away. At the word to stop it stays, for the next start."""
    standing.where = f"opens {file.name}"
    try:
        rows = await asyncio.to_thread(Rows, file, source, standing.happened)
    except BadFile as error:
        logger.error("a file is refused", source=source.name, file=file.name, why=str(error))
        standing.last_refused = f"{file.name}: {error}"
        await asyncio.to_thread(_refuse, file, str(error), source.marker)
        return
    except FileNotFoundError:
        return  # its sender took it back
    report = _Report(file)
    with closing(rows), closing(report):
        if not await _store_rows(rows, report, standing, file.name):
            return
        if await asyncio.to_thread(rows.changed):
            logger.warning("a file was written while it was read", source=source.name, file=file.name)
            return  # taken again when it stands still; what was stored repeats
        await asyncio.to_thread(_put_away, file, report, source.marker)
    logger.info("a file is done", source=source.name, file=file.name, refused=report.refused)


async def _store_rows(rows: Rows, report: "_Report", standing: Standing, name: str) -> bool:
    """Batch after batch; False: told to stop before the end."""
    reading = partial(rows.next, BATCH)
    while batch := await asyncio.to_thread(reading):
        standing.where = f"{name}, line {batch[0].line}"
        try:
            became = await standing.take([row.arrived for row in batch])
        except Stopping:
            return False
        if wrong := _wrong(batch, became):
            await asyncio.to_thread(report.add, wrong)
        if standing.stopping.is_set():
            return False
    return True


def _wrong(batch: Sequence[Row], became: Sequence[Became]) -> list[tuple[Row, str]]:
    """The rows of which nothing was stored as an event, and why."""
    found = []
    for row, what in zip(batch, became, strict=True):
        if isinstance(what, BadTopup):
            found.append((row, str(what)))
        elif what == "conflict":
            found.append((row, "id: came before with other content, and that one stands"))
    return found


class _Report:
    """The refused rows of a file: written hidden beside where it will lie, shown when the file is done."""

    def __init__(self, file: Path) -> None:
        self.refused = 0
        self.hidden = file.parent / DONE / f".{file.name}{REPORT}"
        self._open: Any = None

    def add(self, wrong: Sequence[tuple[Row, str]]) -> None:
        if self._open is None:
            _folder_of(self.hidden)
            self._open = _private(self.hidden)
            csv.writer(self._open).writerow(["line", "reason", "row"])
        self.refused += len(wrong)
        csv.writer(self._open).writerows([row.line, why, _cell(row.text)] for row, why in wrong)

    def close(self) -> None:
        """A report of a file that was left off is written anew next time."""
        if self._open is not None:
            self._open.close()
            self.hidden.unlink(missing_ok=True)

    def show(self, path: Path) -> None:
        if self._open is not None:
            self._open.flush()
            self.hidden.rename(path)


def _cell(text: str) -> str:
    """A row as it stood, at most so much of it; a spreadsheet is not to take it for a formula."""
    shown = text[:_SHOWN]
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@", "\t", "\r")) else shown


def _private(path: Path) -> Any:
    """Open for writing, for nobody else: rows have numbers of subscribers (R14)."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    return os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="")


def _folder_of(path: Path) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)


def _put_away(file: Path, report: _Report, marker: str | None) -> None:
    """The report first: a crash between the two steps leaves the file to be read again."""
    target = _free(file.parent / DONE / file.name)
    _folder_of(target)
    report.show(target.with_name(target.name + REPORT))
    _move(file, target, marker)


def _refuse(file: Path, why: str, marker: str | None) -> None:
    target = _free(file.parent / REFUSED / file.name)
    _folder_of(target)
    with _private(target.with_name(target.name + REPORT)) as report:
        csv.writer(report).writerows([["line", "reason", "row"], [1, why, ""]])
    _move(file, target, marker)


def _move(file: Path, target: Path, marker: str | None) -> None:
    os.utime(file)  # `keep` counts from now
    file.rename(target)
    if marker is not None:
        file.with_name(file.name + marker).unlink(missing_ok=True)


def _free(path: Path) -> Path:
    """The path, or one with a number before its ending where a file of that name was done before."""
    found, number = path, 1
    while found.exists() or found.with_name(found.name + REPORT).exists():
        number += 1
        found = path.with_name(f"{path.stem}.{number}{path.suffix}")
    return found


def _remove_old(folder: Path, keep_s: float) -> None:
    """R13: files that were done, or refused, so long ago."""
    for place in (folder / DONE, folder / REFUSED):
        for entry in os.scandir(place) if place.is_dir() else ():
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(info.st_mode) and time.time() - info.st_mtime > keep_s:
                os.unlink(entry.path)
