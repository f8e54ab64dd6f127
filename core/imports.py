"""What does one cell of an imported file say? One function per column (DESIGN.md §5, files of `mai import`).

A row comes as texts by column name; an empty text is unknown. A bad cell raises BadRow, which names the column and
what would be right; it does not stop the other rows.
"""

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from core.headers import folded
from core.numbers import BadNumber, subscriber_number

Row = Mapping[str, str]
Value = str | int | None


class BadRow(ValueError):
    """A row that cannot be taken; the message names the column, the value and what would be right."""


FLAGS = frozenset({"vip", "internal", "duty", "test", "mdt", "fastconnect", "gold", "diamond"})
_FLOAT = re.compile(r"[0-9]{1,3}(\.[0-9]+)?[eE]\+?[0-9]{1,2}|[0-9]{9,12}\.0*")
_BARE = re.compile(r"[35789][0-9]{8}|1[0-9]{9}")
_AMOUNT = re.compile(r"([0-9]{1,12})(\.0)?")
_SLASHED = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
#: How files write what we call otherwise, folded.
_ALSO: dict[str, dict[str, str]] = {
    "payment": {"tra truoc": "prepaid", "tbtt": "prepaid", "tra sau": "postpaid", "ts": "postpaid"},
    "device": {"dien thoai thong minh": "smartphone", "feature phone": "featurephone", "co ban": "featurephone"},
    "status": {"hai chieu": "two_way", "2 chieu": "two_way", "mot chieu": "one_way", "1 chieu": "one_way",
               "two way": "two_way", "one way": "one_way", "khoa": "off", "cat": "off"},
    "channel": {"thoai": "voice", "goi": "voice", "tin nhan": "sms", "ca hai": "both"},
}  # fmt: skip
#: Octets that are no UTF-8 (as surrogateescape keeps them), and signs that no cell has.
_NOT_TEXT = re.compile("[\udc80-\udcff\x00]")
NOT_UTF8 = "is not UTF-8 text; save the file as CSV UTF-8"
_YES, _NO = ("1", "1.0", "true", "yes", "co"), ("0", "0.0", "false", "no", "khong")


def number(text: str) -> str:
    """A subscriber number: as people write it, and as spreadsheets do: 901234567.0, 9.01234567E8, no zero in front."""
    if not text:
        raise BadRow("number: is empty; write it like 0901234567")
    try:
        return subscriber_number(_unspoilt(text))
    except BadNumber as error:
        raise BadRow(f"number: {error}") from error


def _unspoilt(text: str) -> str:
    if _FLOAT.fullmatch(text):
        try:
            exact = Decimal(text)
        except InvalidOperation:
            return text
        if exact != exact.to_integral_value():
            return text
        text = str(int(exact))
    return f"0{text}" if _BARE.fullmatch(text) else text


def _one_of(column: str, *words: str) -> Callable[[str], Value]:
    def cell(text: str) -> Value:
        if not text or text in words:
            return text or None
        plain = folded(text)
        found = plain if plain in words else _ALSO[column].get(plain)
        if found is None:
            raise BadRow(f"{column}: {text!r} is not one of {', '.join(words)}")
        return found

    return cell


def _dong(column: str) -> Callable[[str], Value]:
    """An amount in đồng, 0 or more: 90000 or 90000.0. 90.000 may mean two things, so it is refused."""

    def cell(text: str) -> Value:
        if not text:
            return None
        found = _AMOUNT.fullmatch(text)
        if found is None:
            raise BadRow(f"{column}: {text!r} is not an amount in đồng; write digits only, like 90000")
        return int(found[1])

    return cell


def _yes_or_no(text: str) -> Value:
    """1 or 0; spreadsheets write 1.0, true."""
    if not text:
        return None
    plain = text if text in ("0", "1", "0.0", "1.0") else folded(text)
    if plain not in _YES + _NO:
        raise BadRow(f"vlr: {text!r} is neither 0 nor 1")
    return int(plain in _YES)


def _day(text: str) -> Value:
    """2024-03-31, 31/03/2024 (day first), or a moment of that day."""
    if not text:
        return None
    try:
        if slashed := _SLASHED.fullmatch(text):
            return date(int(slashed[3]), int(slashed[2]), int(slashed[1])).isoformat()
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError as error:
        raise BadRow(f"activated_on: {text!r} is not a day; write it like 2024-03-31") from error


def _set(text: str) -> Value:
    """An empty cell says that there are none; a column that is absent says that it is not known."""
    return ";".join(sorted({word.strip() for word in text.split(";") if word.strip()}))


def _flags(text: str) -> Value:
    words = str(_set(text.lower()))
    if strange := sorted(set(words.split(";")) - FLAGS - {""}):
        raise BadRow(f"flags: {strange[0]!r} is not one of {', '.join(sorted(FLAGS))}")
    return words


def _text(text: str) -> Value:
    return text or None


#: What people write where there is no consent: no evidence of anything.
NO_EVIDENCE = (
    "no", "n", "0", "0.0", "false", "none", "null", "nil", "n/a", "na", "-", "--", ".", "?", "no consent", "refused",
    "withdrawn", "không", "khong", "k", "ko", "chưa", "chua", "không đồng ý", "khong dong y", "chưa đồng ý",
    "chua dong y", "từ chối", "tu choi", "đã từ chối", "da tu choi", "rút lại", "rut lai", "đã rút", "da rut", "hủy",
    "huỷ", "huy", "đã hủy", "đã huỷ", "da huy",
)  # fmt: skip


def _evidence(text: str) -> Value:
    """R3: the evidence of consent; a plain no is refused, so that nobody takes it for a yes."""
    if text.lower() in NO_EVIDENCE:
        raise BadRow(f"consent: {text!r} is no evidence of consent; leave the cell empty where there is none")
    return text or None


def _written(column: str, advice: str, cell: Callable[[str], Value] = _text) -> Callable[[str], Value]:
    """A cell that must not be empty."""

    def needed(text: str) -> Value:
        if not text:
            raise BadRow(f"{column}: is empty; {advice}")
        return cell(text)

    return needed


@dataclass(frozen=True)
class Column:
    """A column of a list. `amount`: kept as a whole number; else as a text. `needed`: the file must have it.

    `instead`: what a cell that cannot be read counts as, where refusing its row would be the looser answer.
    """

    name: str
    cell: Callable[[str], Value]
    amount: bool = False
    needed: bool = False
    instead: str | None = None


_MONEY = tuple(f"arpu{kind}_{month}" for kind in ("", "_data", "_voice") for month in "123")
Kind = Literal["subscribers", "dnc", "exclusions", "targets"]

#: KIND of `mai import` -> its columns after the number, in the order in which the list keeps them.
KINDS: dict[str, tuple[Column, ...]] = {
    "subscribers": (
        Column("payment", _one_of("payment", "prepaid", "postpaid")),
        Column("device", _one_of("device", "smartphone", "featurephone")),
        Column("region", _text),
        Column("status", _one_of("status", "two_way", "one_way", "off")),
        Column("vlr", _yes_or_no, amount=True),
        Column("segment", _text),
        Column("tariff", _text),
        Column("activated_on", _day),
        *(Column(name, _dong(name), amount=True) for name in (*_MONEY, "balance")),
        Column("packages", _set),
        Column("flags", _flags),
        Column("consent", _evidence),
    ),
    "dnc": (
        Column(
            "channel",
            _written("channel", "write voice, sms or both", _one_of("channel", "voice", "sms", "both")),
            needed=True,
            instead="both",  # R2, R15: who is listed for something unknown is listed for everything
        ),
    ),
    "exclusions": (
        Column(
            "reason",
            _written("reason", "say why this number is excluded"),
            needed=True,
            instead="no reason given",  # O3, R15: who is listed is excluded, whoever forgot to say why
        ),
    ),
    "targets": (),
}  # fmt: skip


def cells_of(line: str, delimiter: str) -> list[str]:
    """The cells of one line of CSV; octets that are no UTF-8 come as surrogateescape keeps them. Raises BadRow."""
    if _NOT_TEXT.search(line):
        raise BadRow(NOT_UTF8)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise BadRow(f"its quotes are wrong ({error})") from None


def row_of_cells(
    kind: str, names: list[str], cells: list[str], changed: list[str] | None = None
) -> dict[str, Value]:
    """A row whose cells stand in the order of `names`; an empty one more is a comma too many. Raises BadRow.

    `changed` gets what was put in the place of a cell, and why (`Column.instead`).
    """
    if len(cells) == len(names) + 1 and cells[-1] == "":
        cells = cells[:-1]
    if len(cells) != len(names):
        raise BadRow(f"has {len(cells)} cells, the header has {len(names)}")
    return row_of(kind, {name: cell.strip() for name, cell in zip(names, cells, strict=True)}, changed)


def cell_of(column: Column, text: str) -> tuple[Value, str | None]:
    """What a cell says; and where something else counts in its place, why. Raises BadRow."""
    try:
        return column.cell(text), None
    except BadRow as error:
        if column.instead is None:
            raise
        return column.instead, f"{error}: taken as {column.instead}"


def row_of(kind: str, row: Row, changed: list[str] | None = None) -> dict[str, Value]:
    """A row of texts as the list keeps it; a column that the row does not have is unknown. Raises BadRow."""
    found: dict[str, Value] = {"number": number(row.get("number", ""))}
    for column in KINDS[kind]:
        if column.name in row:
            found[column.name], why = cell_of(column, row[column.name])
            if why is not None and changed is not None:
                changed.append(why)
        elif column.needed:
            column.cell("")
        else:
            found[column.name] = None
    return found
