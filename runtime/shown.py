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
from runtime.masking import mask_numbers

#: Columns of the tables; --json and --csv carry everything.
COLUMNS: dict[str, tuple[str, ...]] = {
    "triggers": ("at", "number", "amount", "programme", "fate", "rule"),
    "calls": ("started_at", "direction", "number", "programme", "outcome", "keys", "offer", "text"),
    "sms": ("at", "number", "kind", "sender", "state", "parts", "text", "reason"),
    "registrations": ("at", "number", "package", "state", "reference", "reason"),
    "received": ("at", "number", "to", "understood", "text"),
}
#: The keys of DESIGN §5, in its order: the header of --csv, also of a log that is empty.
ALL_COLUMNS: dict[str, tuple[str, ...]] = {
    "triggers": (
        "id", "kind", "number", "amount", "at", "received_at", "fate", "rule", "programme", "call",
    ),
    "calls": (
        "id", "contact", "trigger", "programme", "unit", "number", "started_at", "answered_at", "ended_at", "outcome",
        "keys", "offer", "text", "prompt_version", "cause", "sip_code", "node", "trunk", "wall_at", "direction",
    ),
    "sms": (
        "id", "programme", "class", "kind", "number", "sender", "text", "parts", "state", "at", "accepted_at",
        "message_ids", "delivered_at", "reason",
    ),
    "registrations": ("id", "programme", "number", "package", "state", "at", "reference", "reason"),
    "received": ("id", "number", "to", "text", "bind", "state", "understood", "at"),
}  # fmt: skip
#: Sentences: on a narrow terminal they have lines of their own.
_LONG = frozenset({"text", "rule", "reason", "last_refused"})
_NARROW = 120
_MOMENTS = frozenset({"at", "started_at", "imported_at", "oldest_due_at", "since", "last_event_at"})


#: 160 columns in a file or a pipe.
out = Console(width=None if sys.stdout.isatty() else 160)


def grouped(count: int) -> str:
    """A count as it is written in Vietnam: 12.000.000."""
    return f"{count:,}".replace(",", ".")


def as_json(rows: Iterable[Mapping[str, Any]]) -> None:
    """One object a line, numbers in full, Vietnamese as it is."""
    for row in rows:
        sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """CSV with a header; lists joined by `;`. A cell that a spreadsheet would take for a formula is quoted by '."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(name, row[name]) for name in columns])


def _cell(name: str, value: Any) -> str:
    text = _words(value)
    risky = text.startswith(("=", "+", "-", "@", "\t", "\r")) and name != "number"
    return f"'{text}" if risky else text


def as_table(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """A table; numbers masked (R14): `--json` shows them in full. Narrow terminals get long texts on their own lines."""
    if not rows:
        print(f"{title}: nothing")
        return
    names = list(columns or rows[0])
    if out.width < _NARROW and _LONG & set(names):
        _as_lines(title, rows, names)
        return
    table = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_shown(name, row.get(name)).replace("[", r"\[") for name in names))
    out.print(table)


def _as_lines(title: str, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    short = [name for name in names if name not in _LONG]
    print(f"{title}: {', '.join(name.replace('_', ' ') for name in short)}")
    for row in rows:
        print("  ".join(text for name in short if (text := _shown(name, row.get(name)))))
        for name in names:
            if name in _LONG and (text := _shown(name, row.get(name))):
                print(f"    {text}")


def _shown(name: str, value: Any) -> str:
    if name == "number" and isinstance(value, str):
        return masked(value)
    if name in _MOMENTS and isinstance(value, str):
        return datetime.fromisoformat(value).strftime("%d/%m %H:%M:%S")
    return mask_numbers(_words(value))


def _words(value: Any) -> str:
    match value:
        case None:
            return ""
        case list():
            return ";".join(_words(item) for item in value)
        case {"key": key}:
            return str(key)
        case dict():
            return ", ".join(
                f"{name} {_words(item)}" for name, item in value.items() if item not in ("", None)
            )
        case True | False:
            return "yes" if value else "no"
        case _:
            return str(value)


def status(found: Mapping[str, Any]) -> None:
    """`mai status` for people."""
    print("running" if found["running"] else "nothing runs here")
    if found["now"]:
        print(f"decision time {found['now']}")
    parts: Mapping[str, Any] = found["parts"] or {}
    for name, says in parts.items():
        if name != "intake":  # a table of its own
            print(f"  {name}: {mask_numbers(_words(says))}")
    if sources := parts.get("intake", {}).get("sources"):
        as_table("sources", sources)
    if found["calls"] is not None:
        print(f"calls: dialing {found['calls']['dialing']}, up {found['calls']['up']}")
        print(f"events not planned yet: {found['triggers_new']}")
        _queues(found)
    if len(nodes := found["nodes"] or ()) > 1 or any(node["state"] != "dials" for node in nodes):
        as_table("nodes", nodes)
    _trunks(found["trunks"] or ())
    for alarm in found["alarms"] or ():
        print(f"alarm {alarm['name']} since {_shown('since', alarm['since'])}: {mask_numbers(alarm['text'])}")
    for name, why in found["held_back"].items():
        print(f"{name} does not start: {why}")
    for reason in found["why"]:
        print(f"why: {reason}")


def _trunks(rows: Sequence[Mapping[str, Any]]) -> None:
    """Columns that say something of some trunk."""
    as_table(
        "trunks",
        rows,
        [name for name in rows[0] if any(row[name] is not None for row in rows)] if rows else None,
    )


def _queues(found: Mapping[str, Any]) -> None:
    names = ("contacts", "registrations", "messages")
    as_table("waiting", [{"what": name, **found[name]} for name in names])
    if found["lists"]:
        as_table("lists in force", found["lists"], ("kind", "programme", "rows", "imported_at", "source"))
    if found["paused"]:
        as_table("paused", found["paused"])


def report(found: Mapping[str, Any]) -> None:
    """`mai report` for people, after where the programme stands (runtime/progress.py)."""
    tables = ("triggers", "refused_by", "contacts", "outcomes", "calls", "registrations")
    for title in tables:
        if counts := found[title]:
            rows = [{"what": name, "how many": count} for name, count in counts.items()]
            as_table(title.replace("_", " "), rows)
    messages = [
        {"message": kind, "state": state, "how many": count}
        for kind, states in found["messages"].items()
        for state, count in states.items()
    ]
    if messages:
        as_table("messages", messages)
    if not messages and not any(found[title] for title in tables):
        print("nothing has happened yet")
    ringing = found["topup_to_ringing_s"]
    if ringing["count"]:
        print(
            f"from top-up to ringing: p50 {ringing['p50']:.2f} s, p99 {ringing['p99']:.2f} s ({ringing['count']} calls)"
        )
