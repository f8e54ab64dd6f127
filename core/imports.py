"""What does one row of an imported file say? One function per kind of list (DESIGN.md §5, files of `mai import`).

A row comes as texts by column name; an empty text is unknown. A bad row raises BadRow, which names the column and
what would be right; it does not stop the others.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from core.numbers import BadNumber, subscriber_number

Row = Mapping[str, str]


class BadRow(ValueError):
    """A row that cannot be taken; the message names the column, the value and what would be right."""


_MONTHS = ("1", "2", "3")
SUBSCRIBER_COLUMNS = (
    "number", "payment", "device", "region", "status", "vlr", "segment", "tariff", "activated_on",
    *(f"arpu_{m}" for m in _MONTHS), *(f"arpu_data_{m}" for m in _MONTHS), *(f"arpu_voice_{m}" for m in _MONTHS),
    "balance", "packages", "flags", "consent",
)  # fmt: skip
FLAGS = frozenset({"vip", "internal", "duty", "test", "mdt", "fastconnect", "gold", "diamond"})


def _number(row: Row) -> str:
    text = row.get("number", "")
    if not text:
        raise BadRow("number: is empty; write it like 0901234567")
    try:
        return subscriber_number(text)
    except BadNumber as error:
        raise BadRow(f"number: {error}") from error


def _one_of(row: Row, column: str, words: tuple[str, ...]) -> str | None:
    text = row.get(column, "")
    if text and text not in words:
        raise BadRow(f"{column}: {text!r} is not one of {', '.join(words)}")
    return text or None


def _dong(row: Row, column: str) -> int | None:
    text = row.get(column, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise BadRow(f"{column}: {text!r} is not an amount in đồng; write digits only, like 90000")
    return int(text)


def _flag(row: Row, column: str) -> bool | None:
    text = row.get(column, "")
    if text not in ("", "0", "1"):
        raise BadRow(f"{column}: {text!r} is neither 0 nor 1")
    return None if text == "" else text == "1"


def _day(row: Row, column: str) -> str | None:
    text = row.get(column, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise BadRow(f"{column}: {text!r} is not a day; write it like 2024-03-31") from error


def _words(row: Row, column: str) -> list[str] | None:
    """None: the file has no such column, so it is not known; an empty cell says that there are none."""
    if column not in row:
        return None
    return sorted({word.strip() for word in row.get(column, "").split(";") if word.strip()})


def subscriber_row(row: Row) -> dict[str, Any]:
    """A row of the subscribers base, as the list file keeps it. Only `number` is required."""
    flags, packages = _words(row, "flags"), _words(row, "packages")
    if strange := sorted(set(flags or ()) - FLAGS):
        raise BadRow(f"flags: {strange[0]!r} is not one of {', '.join(sorted(FLAGS))}")
    return {
        "number": _number(row),
        "payment": _one_of(row, "payment", ("prepaid", "postpaid")),
        "device": _one_of(row, "device", ("smartphone", "featurephone")),
        "region": row.get("region") or None,
        "status": _one_of(row, "status", ("two_way", "one_way", "off")),
        "vlr": _flag(row, "vlr"),
        "segment": row.get("segment") or None,
        "tariff": row.get("tariff") or None,
        "activated_on": _day(row, "activated_on"),
        **{
            f"arpu{kind}_{m}": _dong(row, f"arpu{kind}_{m}")
            for kind in ("", "_data", "_voice")
            for m in _MONTHS
        },
        "balance": _dong(row, "balance"),
        "packages": None if packages is None else ";".join(packages),
        "flags": None if flags is None else ";".join(flags),
        "consent": row.get("consent") or None,
    }


def dnc_row(row: Row) -> dict[str, Any]:
    """A row of the DoNotCall register; `channel` voice, sms or both (R2)."""
    channel = _one_of(row, "channel", ("voice", "sms", "both"))
    if channel is None:
        raise BadRow("channel: is empty; write voice, sms or both")
    return {"number": _number(row), "channel": channel}


def exclusion_row(row: Row) -> dict[str, Any]:
    """A number that is not contacted, and why (O3)."""
    if not row.get("reason"):
        raise BadRow("reason: is empty; say why this number is excluded")
    return {"number": _number(row), "reason": row["reason"]}


def target_row(row: Row) -> dict[str, Any]:
    """A number to call (B1)."""
    return {"number": _number(row)}


#: KIND of `mai import` -> the columns it knows, those it needs, and its row function.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[Row], dict[str, Any]]]] = {
    "subscribers": (SUBSCRIBER_COLUMNS, ("number",), subscriber_row),
    "dnc": (("number", "channel"), ("number", "channel"), dnc_row),
    "exclusions": (("number", "reason"), ("number", "reason"), exclusion_row),
    "targets": (("number",), ("number",), target_row),
}
