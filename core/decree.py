"""What does the law bound on which day, and by which article? The rows of core/law.yaml.

They are read with the program, as its own code is: nothing here depends on an installation.
"""

from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import Field

from core.figures import FIGURES, Row, set_in, strictest
from core.shape import fit
from core.written import Written
from core.yaml_file import BadYaml, read

FILE = "law.yaml"


class LawRow(Row):
    """Figures with the article that they stand in."""

    source: str = Field(min_length=1)
    effective_from: date


class Decree(Written):
    """core/law.yaml."""

    rows: tuple[LawRow, ...] = Field(min_length=1)


def parse_law(text: str | bytes, file: str) -> tuple[LawRow, ...]:
    """The rows of a file. Raises BadYaml with every problem; every figure must have a row."""
    document = read(text, file)
    decree = fit(document, Decree)
    if decree is not None and not document.problems:
        for name in sorted(FIGURES.keys() - {name for row in decree.rows for name in set_in(row)}):
            document.refuse(("rows",), document.line(("rows",)), f"no row sets {name}", "write a row for it")
        for index, row in enumerate(decree.rows):
            if row.effective_to is not None and row.effective_to < row.effective_from:
                path = ("rows", index, "effective_to")
                wrong = f"{row.effective_to} is before effective_from {row.effective_from}"
                document.refuse(path, document.line(path), wrong, "swap the two dates")
    if decree is None or document.problems:
        raise BadYaml(tuple(document.problems))
    return decree.rows


@cache
def law_rows() -> tuple[LawRow, ...]:
    """The rows that this program was shipped with. Raises BadYaml."""
    return parse_law(files("core").joinpath(FILE).read_bytes(), f"core/{FILE}")


def bounds_of(name: str, rows: Iterable[LawRow], day: date) -> list[LawRow]:
    """The rows that bound this figure on that day; on a day that none is written for, all of them do (R15)."""
    of_figure = [row for row in rows if name in set_in(row)]
    return [row for row in of_figure if row.holds(day)] or of_figure


def bound(name: str, day: date = date.max, rows: Iterable[LawRow] | None = None) -> Any:
    """The law's figure on that Vietnamese day; without a day the one that holds until further notice."""
    held = bounds_of(name, law_rows() if rows is None else rows, day)
    return strictest(name, [getattr(row, name) for row in held])
