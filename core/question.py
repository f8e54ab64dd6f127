"""What may a rule look at, and what does it answer? Between core/rules.py and the files of the rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from core.campaigns import Channel, Class
from core.facts import Facts, Law, Programme
from core.triggers import KINDS
from core.written import VIETNAM

_T = TypeVar("_T")

#: A no that ends when a person acts (a pause, a list to import): ask again after this.
RECHECK = timedelta(seconds=60)


class Seen(NamedTuple):
    """What one rule sees; Verdict without what the table adds."""

    allowed: bool
    seen: str
    limit: str
    reason: str = ""
    again: datetime | None = None


@dataclass(slots=True)
class Question:
    """What a rule may look at. Of a batch of numbers only the facts change from one to the next."""

    facts: Facts
    programme: Programme
    channel: Channel
    class_: Class
    now: datetime
    law: Law
    sender: str | None
    _same: dict[Any, Any] = field(default_factory=dict)

    def same(self, work: Callable[["Question"], _T]) -> _T:
        """What `work` finds; it does not look at the facts, so it is done once for every number of a batch."""
        try:
            return self._same[work]  # type: ignore[no-any-return]
        except KeyError:
            found = self._same[work] = work(self)
            return found

    @property
    def today(self) -> date:
        """The Vietnamese date."""
        return self.same(_today)

    @property
    def recheck(self) -> datetime | None:
        """When to ask again after what a person must mend. None for the call after a top-up: its moment passes
        (core/triggers.py), and the log should name the rule, not that the event grew stale meanwhile.
        """
        event = self.facts.event
        passes = self.channel == "voice" and event is not None and KINDS[event.kind].passes
        return None if passes else self.now + RECHECK


def _today(q: Question) -> date:
    return q.now.astimezone(VIETNAM).date()


CLASSES: frozenset[str] = frozenset({"advertising", "care", "transactional", "public_notice"})


def counts_as(class_: str) -> Class:
    """R1: an unknown class is advertising."""
    return class_ if class_ in CLASSES else "advertising"  # type: ignore[return-value]
