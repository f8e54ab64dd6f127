"""What must hold however often something dies? Each function answers with what breaks it: nothing, if it holds.

Judged by the world's own records (the callee, the package system, the SMSC); of the system only what it owes an answer
for: what became of each trigger that it took, and what is still under way.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

#: A contact may be in flight so long after its last possible moment.
LONGEST_OVERDUE = timedelta(seconds=60)


def _more_than_once(seen: Iterable[Any]) -> dict[Any, int]:
    return {what: times for what, times in Counter(seen).items() if times > 1}


def called_twice(dialogs: Iterable[str]) -> dict[str, int]:
    """Numbers whose phone was reached by more than one dialog (one number of each: a contact); R7, O7."""
    return _more_than_once(dialogs)


def registered_twice(fates: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Keys, and numbers, with more than one registration; O13. `fates`: (key, number) as they were decided."""
    known = list(fates)
    return _more_than_once(key for key, _ in known) | _more_than_once(number for _, number in known)


def submitted_twice(record: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Numbers to which one part of one text was accepted more than once. `record`: the SMSC's lines."""
    lines = [line for line in record if line["event"] == "submit" and line["accepted"]]
    again = _more_than_once((line["number"], line["octets"]) for line in lines)
    return {number: times for (number, _), times in again.items()}


def without_a_fate(taken: Collection[str], fates: Mapping[str, str | None]) -> set[str]:
    """Top-ups that were taken (202) and have no fate, or are not there; O1. `fates`: of every trigger, by its id."""
    return {id_ for id_ in taken if fates.get(id_) is None}


def overdue(
    in_flight: Mapping[str, datetime], now: datetime, longest_call: timedelta
) -> dict[str, timedelta]:
    """Contacts that are dialing or up since that moment, and have been for longer than a call can take, and a minute."""
    late = {number: now - since - longest_call for number, since in in_flight.items()}
    return {number: by for number, by in late.items() if by > LONGEST_OVERDUE}
