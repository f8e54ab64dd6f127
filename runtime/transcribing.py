"""How does a file of another form become UTF-8 CSV, one row a line? Workbooks, UTF-16, Windows-1258.

Whatever a program of the office wrote is taken as it comes; nobody has to save it again.
"""

import codecs
import csv
import unicodedata
from datetime import date, datetime
from pathlib import Path
from typing import Any

SHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_CHUNK = 1 << 20
#: How much of a file is looked at to tell its alphabet.
_SAMPLE = 4 << 20


def encoding_of(file: Path) -> str:
    """`utf-8`, `utf-16` or `cp1258` (Windows, Vietnamese).

    A file most of whose lines with marks are UTF-8 is UTF-8: a line that is not is refused by itself.
    """
    with file.open("rb") as raw:
        sample = raw.read(_SAMPLE)
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    good = bad = 0
    for line in sample.split(b"\n")[:-1] or [sample]:
        if not line.isascii():
            try:
                line.decode("utf-8")
                good += 1
            except UnicodeDecodeError:
                bad += 1
    return "cp1258" if bad > good else "utf-8"


def as_utf8(file: Path, encoding: str, target: Path) -> Path:
    """The same text in UTF-8, composed (NFC): Windows-1258 writes a mark after its letter."""
    with (
        file.open(encoding=encoding, errors="replace", newline="") as source,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        rest = ""
        while chunk := source.read(_CHUNK):
            text, newline, rest = (rest + chunk).rpartition("\n")  # no letter is cut from its mark
            out.write(unicodedata.normalize("NFC", text + newline))
        out.write(unicodedata.normalize("NFC", rest))
    return target


def sheet_as_csv(file: Path, target: Path) -> int:
    """The first sheet of a workbook as CSV; returns how many empty rows stand above it.

    Raises ValueError for a file that is no workbook, with its reason.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        sheet = CalamineWorkbook.from_path(file).get_sheet_by_index(0)
        above = sheet.start[0] if sheet.start else 0
        with target.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerows(
                [_written(cell) for cell in row] for row in sheet.to_python(skip_empty_area=True)
            )
    except (CalamineError, OSError) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    return int(above)


def _written(cell: Any) -> str:
    """A cell as a person reads it: a number of a subscriber is a float in a workbook."""
    match cell:
        case bool():
            return str(int(cell))
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime():
            return cell.date().isoformat()
        case date():
            return cell.isoformat()
        case _:
            return unicodedata.normalize("NFC", " ".join(str(cell).split()))
