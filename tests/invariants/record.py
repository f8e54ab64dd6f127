"""What did subscribers feel, and was it allowed? The record of the stand-ins, judged by arithmetic of its own.

Nothing here calls the code under test: what stands (refusals, lists, pauses) is what the test told the system.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Literal

HANOI = timezone(timedelta(hours=7))
DAY = timedelta(hours=24)
#: rules.md R9: the two days of Tết 2027, the only ones that the clock of these tests reaches.
TET = frozenset({date(2027, 2, 6), date(2027, 2, 7)})
RING = timedelta(seconds=30)
#: R2: a list further ahead than this puts the clock in doubt.
DOUBT = timedelta(seconds=300)

#: Programme -> when it may dial: the law's hours, what the file narrows, a notice's own (R8).
DIALS: dict[str, tuple[tuple[time, time], ...]] = {
    "all": ((time(8), time(17)),),
    "few": ((time(9), time(11, 30)), (time(14), time(16))),
    "list": ((time(8), time(17)),),
    "notice": ((time(10), time(12)), (time(15, 30), time(17, 30))),
}
TEXTS = ((time(8), time(22)),)


@dataclass
class Standing:
    """What the test has told the system."""

    refused: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    consenting: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    list_at: datetime | None = None
    list_shrunk: bool = False


@dataclass(frozen=True)
class Felt:
    """A phone rang, or a message reached it."""

    channel: Literal["voice", "sms"]
    ref: str
    number: str
    class_: str
    at: datetime


@dataclass
class Record:
    """Everything that left the house, and every rule of rules.md that it broke."""

    standing: Standing
    now: Callable[[], datetime]
    left: list[str] = field(default_factory=list)  #: calls whose INVITE left
    felt: list[Felt] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def call_leaves(self, ref: str, number: str, programme: str) -> None:
        """An INVITE: may it, at this moment?"""
        if ref in self.left:
            self._broke("at most once", f"{ref} was dialled twice")
        self.left.append(ref)
        self._may(number, programme, DIALS[programme], RING, class_of(programme))

    def rings(self, ref: str, number: str, programme: str) -> None:
        """The phone rings or is answered: from now on it was felt."""
        if any(each.ref == ref for each in self.felt):
            return
        self.felt.append(Felt("voice", ref, number, class_of(programme), self.now()))
        self._cap(number, "voice", 1)

    def text_leaves(self, ref: str, number: str, programme: str, class_: str) -> None:
        """The SMSC has taken a message."""
        self.felt.append(Felt("sms", ref, number, class_, self.now()))
        if class_ != "transactional":
            self._may(number, programme, TEXTS, timedelta(0), class_)
            self._cap(number, "sms", 3)

    def _may(
        self, number: str, programme: str, hours: tuple[tuple[time, time], ...], ring: timedelta, class_: str
    ) -> None:
        stands, now = self.standing, self.now().astimezone(HANOI)
        moment = now.replace(tzinfo=None)
        spans = [(datetime.combine(now.date(), a), datetime.combine(now.date(), b)) for a, b in hours]
        if not any(start <= moment < end - ring for start, end in spans):
            self._broke("R8", f"{programme} at {moment}")
        if now.date() in TET:
            self._broke("R9", f"{programme} at {moment}")
        if stands.paused & {programme, "*"}:
            self._broke("pause", f"{programme} is paused")
        if class_ != "advertising":
            return
        if number in stands.refused:
            self._broke("R6", f"{number} has refused")
        if number not in stands.consenting:
            self._broke("R3", f"{number} never consented")
        if number in stands.listed:
            self._broke("R2", f"{number} is on DoNotCall")
        at = stands.list_at
        if at is None or now - at > DAY or at - now > DOUBT or stands.list_shrunk:
            self._broke("R2", f"the list of {at} is in doubt at {now}")

    def _cap(self, number: str, channel: str, most: int) -> None:
        """R7: no 24 hours with more than `most`, whichever way the clock went meanwhile."""
        times = sorted(
            each.at
            for each in self.felt
            if (each.number, each.channel, each.class_) == (number, channel, "advertising")
        )
        for first, last in zip(times, times[most:], strict=False):
            if last - first < DAY:
                self._broke("R7", f"{most + 1} {channel} to {number} from {first} to {last}")

    def _broke(self, rule: str, how: str) -> None:
        self.broken.append(f"{rule}: {how}")


def class_of(programme: str) -> str:
    return "public_notice" if programme == "notice" else "advertising"
