"""How does a person read what `mai explain` found? One table of rules for each programme, then what happened."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from core.numbers import masked
from runtime.masking import mask_numbers
from runtime.shown import out

Found = Mapping[str, Any]

#: What happened, by kind: the moment it is told at, and what is said of it.
_HAPPENED: dict[str, tuple[str, tuple[str, ...]]] = {
    "triggers": ("received_at", ("kind", "amount", "fate", "rule")),
    "planned": ("created_at", ("state", "outcome", "due_at", "reason")),
    "called": ("started_at", ("direction", "outcome", "offer", "text")),
    "sent": ("at", ("kind", "sender", "state", "text", "reason")),
    "registered": ("at", ("package", "state", "reference", "reason")),
}


def explained(lines: Sequence[Found]) -> None:
    """Print everything, numbers masked (R14)."""
    if not lines:
        return
    out.print(f"[bold]{masked(lines[0]['number'])}[/bold] at {lines[0]['at']}", highlight=False)
    for line in lines:
        if line["programme"] is not None:
            _programme(line)
    for entry in lines[0]["journal"]:
        said = " ".join(str(entry[name]) for name in ("did", "by", "reason") if entry[name])
        out.print(f"  {_when(entry['at'])}  {_plain(said)}", highlight=False)
    rows = sorted(_happened(lines))
    if not rows:
        out.print("[dim]nothing has happened to this number[/dim]")
        return
    table = Table(title="what happened", title_justify="left", header_style="bold")
    for name in ("when", "programme", "what", "details"):
        table.add_column(name, overflow="fold")
    for at, programme, kind, said in rows:
        table.add_row(_when(at), _plain(programme), kind, _plain(said))
    out.print(table)


def _programme(line: Found) -> None:
    answer = "[green]may be called[/green]" if line["allowed"] else "[red]is not called[/red]"
    why = "" if line["allowed"] else f": {line['rule']}: {_plain(line['reason'])}"
    out.print(
        f"\n[bold]{line['programme']}[/bold] ({line['class']}, version {line['version']}) {answer}", end=""
    )
    out.print(why, highlight=False)
    event = line["event"]
    told = f"event {event['id']} at {_when(event['at'])}" if event else "no event that is still fresh"
    offers = ", ".join(line["offers"]) or "none"
    out.print(f"  {_plain(told)}; offers left: {offers}", highlight=False)
    table = Table(header_style="bold")
    for name in ("rule", "value", "limit", "verdict", "reason"):
        table.add_column(name, overflow="fold")
    for verdict in line["verdicts"]:
        yes = "[green]yes[/green]" if verdict["allowed"] else "[red]no[/red]"
        again = f" (again at {_when(verdict['again'])})" if verdict["again"] else ""
        reason = (verdict["reason"] or "") + again
        table.add_row(verdict["rule"], _plain(verdict["seen"]), _plain(verdict["limit"]), yes, _plain(reason))
    out.print(table)
    for message in line["messages"]:
        may = "may be sent" if message["allowed"] else f"not now: {message['rule']}: {message['reason']}"
        names = ", ".join(message["messages"])
        out.print(
            f"  SMS {names} ({message['class']}, {_plain(message['sender'])}): {_plain(may)}", highlight=False
        )
    for doubt in line["doubts"]:
        out.print(f"  [yellow]{_plain(doubt)}[/yellow]", highlight=False)


def _happened(lines: Sequence[Found]) -> list[tuple[str, str, str, str]]:
    """Every event, plan, call, message and registration as (when, programme, what, details)."""
    return [
        (
            row[at],
            row["programme"] or "",
            kind,
            "; ".join(_said(name, row[name]) for name in names if row[name]),
        )
        for line in lines
        for kind, (at, names) in _HAPPENED.items()
        for row in line[kind]
    ]


def _said(name: str, value: Any) -> str:
    if name.endswith("_at"):
        return f"{name.removesuffix('_at')} {_when(value)}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _when(at: str) -> str:
    """The ISO moment of a log, in Vietnamese time, as people read it."""
    return f"{at[8:10]}/{at[5:7]}/{at[:4]} {at[11:19]}"


def _plain(text: str) -> str:
    """R14: numbers masked, and nothing in it taken for markup."""
    return escape(mask_numbers(text))
