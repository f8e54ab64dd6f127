"""What is known at the moment of deciding? The frozen values that the rules look at; store/ reads them.

Of what is made for every number there may be tens of thousands a second: those are named tuples, which cost a
tenth of a frozen dataclass.
"""

from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from hashlib import blake2s
from typing import NamedTuple

from core.campaigns import Campaign, Channel, Class
from core.config import Config
from core.outcomes import Outcome
from core.triggers import TriggerKind
from core.written import Window, window


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


@dataclass(frozen=True)
class Touch:
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


_CALLS, _SMS = window("08:00-17:00"), window("08:00-22:00")


@dataclass(frozen=True)
class Law:
    """The figures of rules.md that configuration may set, never looser than the law."""

    calls_per_24h: int = 1
    sms_per_24h: int = 3
    dnc_max_age_hours: float = 24
    dnc_max_shrink: float = 0.05
    granted: tuple[Grant, ...] = ()
    approval_exempt_units: frozenset[str] = frozenset()
    ring_s: int = 30
    extra_tet_days: tuple[date, ...] = ()
    care_calls_per_24h: int = 1  #: of class care, counted apart from advertising
    care_sms_per_24h: int = 3
    call_window: Window = _CALLS  #: R8, of advertising and care
    sms_window: Window = _SMS
    always_excluded: frozenset[str] = frozenset({"vip", "internal", "duty"})  #: O3, of advertising
    clock_doubt_s: int = 300  #: R15: a list or event further ahead than this puts the clock in doubt
    version: str = "rules.md 2026-11"


@dataclass(frozen=True)
class Programme:
    """A loaded campaign: its name (file stem), what the file says, and the version that was loaded."""

    name: str
    campaign: Campaign
    version: str = field(default="")


def law_of(config: Config) -> Law:
    """The figures that hold in this installation. The ring limit is the longest of its trunks.

    Its version changes with every figure, so that a verdict can be read years later.
    """
    limits = config.limits
    law = Law(
        calls_per_24h=limits.calls_per_24h,
        sms_per_24h=limits.sms_per_24h,
        dnc_max_age_hours=limits.dnc_max_age / timedelta(hours=1),
        dnc_max_shrink=limits.dnc_max_shrink,
        granted=tuple(Grant(row.name, row.until, row.reference) for row in config.granted),
        approval_exempt_units=frozenset(limits.approval_exempt_units),
        ring_s=max(trunk.ring_s for trunk in config.trunks),
        extra_tet_days=limits.extra_tet_days,
    )
    sets = {field.name: getattr(law, field.name) for field in fields(law)}
    ordered = {name: sorted(v) if isinstance(v, frozenset) else v for name, v in sets.items()}
    digest = blake2s(repr(ordered).encode(), digest_size=4).hexdigest()
    return replace(law, version=f"{law.version} {digest}")
