"""What is known at the moment of deciding? The frozen values that the rules look at; store/ reads them.

Of what is made for every number there may be tens of thousands a second: those are named tuples, which cost a
tenth of a frozen dataclass.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from hashlib import blake2s
from typing import Any, NamedTuple

from core.campaigns import Campaign, Channel, Class
from core.config import Config
from core.decree import LawRow, bound, law_rows
from core.figures import FIGURES, Row, set_in, strictest
from core.outcomes import Outcome
from core.triggers import TriggerKind
from core.written import VIETNAM, Window


class Subscriber(NamedTuple):
    """A row of the subscribers base; None: unknown, and a rule that needs it says no. Money in đồng."""

    number: str
    payment: str | None = None
    device: str | None = None
    region: str | None = None
    status: str | None = None
    vlr: bool | None = None
    segment: str | None = None
    tariff: str | None = None
    activated_on: date | None = None
    arpu: tuple[int | None, int | None, int | None] = (None, None, None)  #: newest month first
    arpu_data: tuple[int | None, int | None, int | None] = (None, None, None)
    arpu_voice: tuple[int | None, int | None, int | None] = (None, None, None)
    balance: int | None = None
    packages: frozenset[str] | None = None
    flags: frozenset[str] | None = None  #: empty: known to have none
    consent: str | None = None  #: the evidence; None: none (R3)


@dataclass(frozen=True)
class ListState:
    """A list's version: R2 stops all advertising when it is missing, old or shrunk."""

    version: int
    imported_at: datetime
    rows: int
    rows_before: int | None  #: of the version before, None for the first


class Touch(NamedTuple):
    """Something a person felt, or may have: a call or SMS that counts against R7 (not those given back)."""

    kind: Channel
    class_: Class
    programme: str
    at: datetime
    outcome: Outcome | None = None  #: of a call that has ended
    ref: str = ""  #: id of the call or message


@dataclass(frozen=True)
class Event:
    """The trigger of a contact."""

    id: str
    kind: TriggerKind
    number: str
    at: datetime
    amount: int | None = None  #: đồng


@dataclass(frozen=True)
class Grant:
    """R10: a caller id or sender that may be used, and until when."""

    name: str
    until: date | None
    reference: str = ""


class Facts(NamedTuple):
    """Everything that `may_contact` may look at, for one number at one moment."""

    number: str
    subscriber: Subscriber | None
    history: tuple[Touch, ...] = ()  #: at least the last 24 h
    refused_at: datetime | None = None
    do_not_call: ListState | None = None
    on_do_not_call: frozenset[Channel] = frozenset()
    excluded: str | None = None  #: reason on the exclusion list (all programmes or this one)
    called_before: bool = False  #: this programme's once-only contact was already made
    paused: str | None = None  #: who paused this programme or all
    event: Event | None = None


@dataclass(frozen=True)
class Law:
    """The figures of the rules on one day. What is not given is what core/law.yaml says until further notice."""

    calls_per_24h: int = field(default_factory=lambda: bound("calls_per_24h"))
    sms_per_24h: int = field(default_factory=lambda: bound("sms_per_24h"))
    dnc_max_age_hours: float = field(default_factory=lambda: _hours(bound("dnc_max_age")))
    dnc_max_shrink: float = field(default_factory=lambda: bound("dnc_max_shrink"))
    granted: tuple[Grant, ...] = ()
    approval_exempt_units: frozenset[str] = frozenset()
    ring_s: int = 30
    extra_tet_days: tuple[date, ...] = ()
    care_calls_per_24h: int = field(
        default_factory=lambda: bound("care_calls_per_24h")
    )  #: of class care, counted apart from advertising
    care_sms_per_24h: int = field(default_factory=lambda: bound("care_sms_per_24h"))
    call_window: Window = field(default_factory=lambda: bound("call_hours"))  #: R8, of advertising and care
    sms_window: Window = field(default_factory=lambda: bound("sms_hours"))
    always_excluded: frozenset[str] = frozenset({"vip", "internal", "duty"})  #: O3, of advertising
    clock_doubt_s: float = field(default_factory=lambda: bound("clock_doubt").total_seconds())  #: R15
    keep_logs: timedelta = field(default_factory=lambda: bound("keep_logs"))  #: R13
    #: Since when the newest rows of the law and of config.yaml hold, and a hash of all figures.
    version: str = "law"
    #: First day -> what is different from then on, in the order of the days; empty: nothing ever is.
    dated: tuple[tuple[date, Mapping[str, Any]], ...] = field(default=(), compare=False, repr=False)
    #: The days that these figures hold on, the last excluded.
    holds: tuple[date, date] = field(default=(date.min, date.max), compare=False, repr=False)

    def at(self, now: datetime) -> "Law":
        """The figures that hold at this moment."""
        return self.on(now.astimezone(VIETNAM).date()) if self.dated else self

    def on(self, day: date) -> "Law":
        """The figures that hold on this Vietnamese day."""
        if self.holds[0] <= day < self.holds[1]:
            return self
        begins = [first for first, _ in self.dated]
        place = max(bisect_right(begins, day) - 1, 0)
        first, figures = self.dated[place]
        last = begins[place + 1] if place + 1 < len(begins) else date.max
        return replace(self, holds=(first, last), **figures)


def _hours(length: timedelta) -> float:
    return length / timedelta(hours=1)


@dataclass(frozen=True)
class Programme:
    """A loaded campaign: its name (file stem), what the file says, and the version that was loaded."""

    name: str
    campaign: Campaign
    version: str = field(default="")


def law_of(config: Config, day: date = date.max, decree: tuple[LawRow, ...] | None = None) -> Law:
    """The figures that hold in this installation on that Vietnamese day; `Law.on` knows those of other days.

    The strictest of the rows of `decree` (core/law.yaml) and of config.yaml. The ring limit is the longest of the
    trunks. Without a day: what holds until further notice. Raises BadYaml for a law.yaml that is wrong.
    """
    decree = law_rows() if decree is None else decree
    rows: tuple[Row, ...] = (*decree, *config.limits.dated)
    begins = {row.effective_from or date.min for row in rows}
    begins |= {
        row.effective_to + timedelta(days=1)
        for row in rows
        if row.effective_to and row.effective_to < date.max
    }
    dated = tuple((first, _figures_on(config, first, decree)) for first in sorted({date.min, *begins}))
    never = (date.max, date.min)  # so that `on` looks the day up
    law = Law(
        granted=tuple(Grant(row.name, row.until, row.reference) for row in config.granted),
        approval_exempt_units=frozenset(config.limits.approval_exempt_units),
        ring_s=max(trunk.ring_s for trunk in config.trunks),
        extra_tet_days=config.limits.extra_tet_days,
        holds=never,
    )
    return replace(law, dated=tuple((first, _named(law, each)) for first, each in dated)).on(day)


def _figures_on(config: Config, day: date, decree: tuple[LawRow, ...]) -> dict[str, Any]:
    """The fields of Law that have a date."""
    own = [row for row in config.limits.dated if row.holds(day)]
    written = set_in(config.limits) | {name: value for row in own for name, value in set_in(row).items()}
    held = {
        name: strictest(name, [bound(name, day, decree), *([written[name]] if name in written else [])])
        for name in FIGURES
    }
    since = max((row.effective_from for row in decree if row.holds(day)), default="before its first row")
    newest = max((row.effective_from or "undated" for row in own), key=str, default="undated")
    return {
        "calls_per_24h": held["calls_per_24h"],
        "sms_per_24h": held["sms_per_24h"],
        "care_calls_per_24h": held["care_calls_per_24h"],
        "care_sms_per_24h": held["care_sms_per_24h"],
        "call_window": held["call_hours"],
        "sms_window": held["sms_hours"],
        "dnc_max_age_hours": _hours(held["dnc_max_age"]),
        "dnc_max_shrink": held["dnc_max_shrink"],
        "keep_logs": held["keep_logs"],
        "clock_doubt_s": held["clock_doubt"].total_seconds(),
        "version": f"law {since}, limits {newest}",
    }


def _named(law: Law, figures: Mapping[str, Any]) -> Mapping[str, Any]:
    """`law 2020-10-01, limits 2027-01-01, 5f3a91c2`: since when the newest row of each holds, and all figures.

    It changes with every figure, so that a verdict can be read years later.
    """
    held = replace(law, **figures)
    sets = {field.name: getattr(held, field.name) for field in fields(law) if field.compare}
    ordered = {name: sorted(v) if isinstance(v, frozenset) else str(v) for name, v in sets.items()}
    digest = blake2s(repr(ordered).encode(), digest_size=4).hexdigest()
    return {**figures, "version": f"{held.version}, {digest}"}
