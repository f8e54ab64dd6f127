"""How do people read what the commands found? Tables for people, one JSON object a line for programs."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from core.numbers import masked

out = Console(width=None if sys.stdout.isatty() else 160)

#: Columns of the tables; --json and --csv carry everything.
COLUMNS: dict[str, tuple[str, ...]] = {
    "triggers": ("at", "number", "amount", "programme", "fate", "rule"),
    "calls": ("started_at", "direction", "number", "programme", "outcome", "keys", "offer", "text"),
    "sms": ("at", "number", "kind", "sender", "state", "parts", "text", "reason"),
    "registrations": ("at", "number", "package", "state", "reference", "reason"),
}


def as_json(rows: Iterable[Mapping[str, Any]]) -> None:
    """One object a line, numbers in full, Vietnamese as it is."""
    for row in rows:
        sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


def as_csv(rows: Iterable[Mapping[str, Any]]) -> None:
    """CSV with a header; lists joined by `;`. A cell that a spreadsheet would take for a formula is quoted by '."""
    writer: Any = None
    for row in rows:
        if writer is None:
            writer = csv.writer(sys.stdout)
            writer.writerow(row)
        writer.writerow([_cell(name, value) for name, value in row.items()])


def _cell(name: str, value: Any) -> str:
    text = _words(value)
    risky = text[:1] in "=+-@\t\r" and name != "number"
    return f"'{text}" if risky else text


def as_table(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """A table; numbers masked (R14): `--json` shows them in full."""
    if not rows:
        out.print(f"[dim]{title}: nothing[/dim]")
        return
    names = list(columns or rows[0])
    table = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_shown(name, row.get(name)) for name in names))
    out.print(table)


def _shown(name: str, value: Any) -> str:
    if name == "number" and isinstance(value, str):
        return masked(value)
    if name in ("at", "started_at") and isinstance(value, str):
        return datetime.fromisoformat(value).strftime("%d/%m %H:%M:%S")
    return _words(value).replace("[", r"\[")


def _words(value: Any) -> str:
    match value:
        case None:
            return ""
        case list():
            return ";".join(_words(item) for item in value)
        case {"key": key}:
            return str(key)
        case dict():
            return ", ".join(f"{name} {_words(item)}" for name, item in value.items())
        case _:
            return str(value)


def status(found: Mapping[str, Any]) -> None:
    """`mai status` for people."""
    running = found["running"]
    out.print(
        "[green]running[/green]" if running else "[red]nothing runs here[/red] (start it with `mai run`)"
    )
    if "now" in found:
        out.print(f"decision time {found['now']}", highlight=False)
    for name, says in (found["parts"] or {}).items():
        out.print(f"  [bold]{name}[/bold]: {_words(says)}", highlight=False)
    if "calls" in found:
        queues = [
            {"what": name, **found[name]}
            for name in ("contacts", "registrations", "messages")
            if name in found
        ]
        out.print(f"calls dialing {found['calls']['dialing']}, up {found['calls']['up']}", highlight=False)
        as_table("waiting", queues)
        as_table("lists in force", found["lists"], ("kind", "programme", "rows", "imported_at", "source"))
        as_table("paused", found["paused"])
        for alarm in found["alarms"]:
            out.print(f"[red]alarm[/red] {alarm['name']} since {alarm['since']}: ", end="", highlight=False)
            out.print(alarm["text"], markup=False, highlight=False)
    elif "store" in found:
        out.print(found["store"])
    for name, why in found["held_back"].items():
        out.print(f"[yellow]{name} does not start[/yellow]: ", end="")
        out.print(why, markup=False, highlight=False)


def report(found: Mapping[str, Any]) -> None:
    """`mai report` for people."""
    out.print(f"[bold]{found['programme']}[/bold]")
    for title in ("triggers", "refused_by", "contacts", "outcomes", "calls", "registrations"):
        counts = found[title]
        if counts:
            as_table(
                title.replace("_", " "), [{"what": name, "how many": count} for name, count in counts.items()]
            )
    messages = [
        {"message": kind, "state": state, "how many": count}
        for kind, states in found["messages"].items()
        for state, count in states.items()
    ]
    if messages:
        as_table("messages", messages)
    ringing = found["topup_to_ringing_s"]
    if ringing["count"]:
        out.print(
            f"from top-up to ringing: p50 {ringing['p50']:.2f} s, p99 {ringing['p99']:.2f} s ({ringing['count']} calls)",
            highlight=False,
        )
