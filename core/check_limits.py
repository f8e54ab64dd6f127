"""Are an installation's own figures as strict as the law, and is it clear which of them holds on a day? (`limits`)"""

from datetime import date

from core.check_config import say
from core.config import Config
from core.decree import bound, bounds_of, law_rows
from core.figures import Figures, Row, instead, keeps_to, set_in, shown
from core.shape import touched
from core.yaml_file import Document, Path


def check_limits(document: Document, config: Config) -> None:
    """Add every problem of meaning to the document."""
    limits = config.limits
    _strict_enough(document, ("limits",), limits, Row())
    for index, row in enumerate(limits.dated):
        path: Path = ("limits", "dated", index)
        _days(document, path, row)
        _strict_enough(document, path, row, row)
        for name in set_in(row):
            earlier = next(
                (i for i, other in enumerate(limits.dated[:index]) if _clash(name, row, other)), None
            )
            if earlier is not None:
                wrong = f"limits.dated[{earlier}] sets it for some of the same days"
                say(document, (*path, name), wrong, "end one row (effective_to) before the other begins")


def _clash(name: str, row: Row, other: Row) -> bool:
    return name in set_in(other) and row.meets(other)


def _days(document: Document, path: Path, row: Row) -> None:
    start, end = row.effective_from, row.effective_to
    if start is None and end is None and not touched(document, path):
        say(
            document,
            path,
            "says no day",
            "write effective_from or effective_to; what always holds goes above",
        )
    if start and end and end < start:
        say(
            document, (*path, "effective_to"), f"{end} is before effective_from {start}", "swap the two dates"
        )
    if not set_in(row) and not touched(document, path):
        say(document, path, "sets no figure", "write one, like sms_per_24h: 2")


def _strict_enough(document: Document, path: Path, figures: Figures, row: Row) -> None:
    """Looser than the law on every day of the row is a mistake; where a stricter law comes later, that one holds."""
    for name, value in set_in(figures).items():
        days = sorted(_days_of(name, row))
        if not any(keeps_to(name, value, bound(name, day)) for day in days):
            last = days[-1]
            source = "; ".join(each.source for each in bounds_of(name, law_rows(), last))
            say(
                document,
                (*path, name),
                f"is {shown(value)}",
                f"{instead(name, bound(name, last))} ({source})",
            )


def _days_of(name: str, row: Row) -> set[date]:
    """The row's first day, and each of its days on which a law begins."""
    begins = {each.effective_from for each in law_rows() if name in set_in(each)}
    return {row.effective_from or date.min, *(day for day in begins if row.holds(day))}
