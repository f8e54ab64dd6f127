"""What does the complaint desk get? A workbook with everything about one number, in order, with the words (O16).

Every cell is written as text: what a subscriber wrote never becomes a formula. The file holds a subscriber's data:
it is readable to its owner alone, and who asked for it stands in the journal.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook

from runtime.app import App
from runtime.failed import CommandFailed
from store import explain as past
from store import facts, journal, logs
from store.tx import Tx

Row = Mapping[str, Any]
#: A cell of XLSX holds no more.
_MOST_LETTERS = 32_767
_HISTORY = ("when", "what", "programme", "version", "result", "text", "details", "id")
_WIDTHS = {
    "when": 26,
    "what": 14,
    "programme": 22,
    "result": 18,
    "text": 90,
    "details": 60,
    "content": 120,
    "value": 80,
}
#: Each log: what one of its rows is called, when it was, and which columns say the result and the words.
_KINDS: Mapping[str, tuple[str, str, str, str]] = {
    "triggers": ("event", "received_at", "fate", ""),
    "planned": ("planned", "created_at", "state", ""),
    "called": ("call", "started_at", "outcome", "text"),
    "sent": ("SMS to", "at", "state", "text"),
    "received": ("SMS from", "at", "", "text"),
    "registered": ("registration", "at", "state", ""),
    "journal": ("journal", "at", "did", "reason"),
}
_TOLD_APART = {"id", "number", "programme", "version", "prompt_version"}


@dataclass(frozen=True)
class Everything:
    """All that the store knows of a number."""

    number: str
    rows: Mapping[str, Sequence[Row]]  #: by kind of _KINDS
    contents: Sequence[Row]  #: the programmes' files, as they were
    known: Row  #: the subscriber's row of the base


async def everything(app: App, number: str) -> Everything:
    """Read it in one snapshot; `number` is E.164."""
    return await app.store.read(partial(_everything, number=number))


def _everything(tx: Tx, *, number: str) -> Everything:
    planned, calls = past.planned(tx, number=number), [*logs.calls(tx, number=number)]
    rows: dict[str, Sequence[Row]] = {
        "triggers": [*logs.triggers(tx, number=number)],
        "planned": planned,
        "called": calls,
        "sent": [*logs.sms(tx, number=number)],
        "received": past.received_from(tx, number=number),
        "registered": [*logs.registrations(tx, number=number)],
        "journal": [
            {
                "at": each.at.isoformat(),
                "by": each.by,
                "did": each.did,
                "reason": each.reason,
                "ref": each.ref,
            }
            for each in journal.of_number(tx, number=number)
        ],
    }
    versions = {row["version"] for row in planned} | {row["prompt_version"] for row in calls}
    who = facts.subscriber(tx, number=number)
    known = {"number": number} if who is None else facts.row_of(who)
    return Everything(number, rows, past.contents(tx, of=versions - {None}), known)


def history(found: Everything) -> list[tuple[str, ...]]:
    """One line for everything that happened, in order, as `_HISTORY` names the columns."""
    lines = [
        (
            str(row[at]),
            what,
            _text(row.get("programme")),
            _text(row.get("prompt_version") or row.get("version")),
            _text(row.get(result)),
            _text(row.get(text)),
            _details(row, {at, result, text}),
            _text(row.get("id")),
        )
        for kind, (what, at, result, text) in _KINDS.items()
        for row in found.rows[kind]
    ]
    return sorted(lines, key=lambda line: line[0])


def _details(row: Row, told: set[str]) -> str:
    return "; ".join(f"{name} {_text(value)}" for name, value in row.items()
                     if value not in (None, [], "") and name not in told | _TOLD_APART)  # fmt: skip


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case list():
            return ", ".join(map(_text, value))
        case {"key": key, "at": at}:
            return f"{key} at {at}"
        case _:
            return str(value)


def write_workbook(found: Everything, made: Row, file: Path) -> None:
    """Write the workbook. Raises CommandFailed when the file is there already, OSError."""
    content = BytesIO()
    with Workbook(
        content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        about = [(name, _text(value)) for name, value in {**made, **found.known}.items()]
        _sheet(book, "About", ("what", "value"), about)
        _sheet(book, "History", _HISTORY, history(found))
        names = ("version", "programme", "loaded_at", "content")
        _sheet(book, "Programmes", names, ([_text(row[name]) for name in names] for row in found.contents))
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandFailed(f"{file} is there already: name a new file") from None
    with os.fdopen(handle, "wb") as written:
        written.write(content.getvalue())


def _sheet(book: Workbook, title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    sheet = book.add_worksheet(title)
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, bold)
        sheet.set_column(column, column, _WIDTHS.get(name, 16), wrapped)
    for line, row in enumerate(rows, start=1):
        for column, text in enumerate(row):
            sheet.write_string(line, column, text[:_MOST_LETTERS])
    sheet.freeze_panes(1, 0)
