"""What does a programme say, to whom, when, and what follows? The file that a unit edits (O2-O5, O18)."""

from datetime import date, timedelta
from typing import Literal

from pydantic import Field

from core.outcomes import Outcome
from core.script import Script
from core.triggers import TriggerKind
from core.written import DayWindow, Duration, Written, duration, window

Class = Literal["advertising", "care", "transactional", "public_notice"]
Channel = Literal["voice", "sms"]

DAY = timedelta(hours=24)


class Approval(Written):
    """O5: who approved audience and offers, when, under which reference."""

    by: str = Field(min_length=1)
    on: date
    reference: str = Field(min_length=1)


class SignedOff(Written):
    """R1: who signed off a public notice, when, under which reference."""

    by: str = Field(min_length=1)
    on: date
    reference: str = Field(min_length=1)


class Trigger(Written):
    """What starts a contact: an event of one kind (O1, O19; core/triggers.py) or a target list (B1)."""

    kind: TriggerKind
    fresh_for: Duration = Field(
        default="15m", validate_default=True
    )  #: O20: an older event is dropped as stale


class Arpu(Written):
    """O4: average over 1-3 months of total, data or voice revenue in đồng; fewer months known: no contact."""

    of: Literal["total", "data", "voice"] = "total"
    months: int = Field(default=3, ge=1, le=3)
    at_least: int | None = Field(default=None, ge=0)
    at_most: int | None = Field(default=None, ge=0)


class Audience(Written):
    """O2: who is meant. An absent key asks nothing; a value the base does not know is a no."""

    payment: tuple[Literal["prepaid", "postpaid"], ...] | None = None
    device: tuple[Literal["smartphone", "featurephone"], ...] | None = None
    region: tuple[str, ...] | None = None
    status: tuple[Literal["two_way", "one_way", "off"], ...] | None = None
    vlr: bool | None = None
    segment: tuple[str, ...] | None = None
    tariff: tuple[str, ...] | None = None
    arpu: tuple[Arpu, ...] = ()
    topup_at_least: int | None = Field(default=None, ge=0)
    balance_at_least: int | None = Field(default=None, ge=0)  #: đồng, of the base
    balance_at_most: int | None = Field(default=None, ge=0)
    balance_below: Literal["amount"] | None = None  #: the balance of the base is less than the event's amount
    months_on_network: int | None = Field(default=None, ge=0)  #: at least so many since activation
    holds: tuple[str, ...] | None = None  #: one of these packages
    holds_none_of: tuple[str, ...] | None = None
    exclude_flags: tuple[
        Literal["vip", "internal", "duty", "test", "mdt", "fastconnect", "gold", "diamond"], ...
    ] = ()


class OffersFor(Written):
    """Other packages under the same keys, for these segments, or for a share of the numbers (A/B)."""

    segment: tuple[str, ...] | None = None  #: absent: everybody
    share: int = Field(default=100, ge=1, le=100)  #: percent; lines of the same segments share the hundred
    offers: dict[str, str] = Field(min_length=1)  #: key of `offers` -> package code


class Windows(Written):
    """R8: when calls and messages of this programme may go out; stricter than the law, never looser."""

    calls: tuple[DayWindow, ...] = (window("08:00-17:00"),)
    messages: tuple[DayWindow, ...] = (window("08:00-22:00"),)


class Message(Written):
    """One SMS template. `text` is Jinja2 over offer, offers, subscriber, event; [QC] and the refusal line of
    R4/R5 are added to advertising where the text does not carry them."""

    class_: Class = Field(default="advertising", alias="class")
    sender: str
    text: str | None = None  #: None only for `registered`: the registration system's own text (SMS2)
    offer: str | None = None  #: the offer it introduces, a key of `offers`
    valid_for: Duration = Field(default="24h", validate_default=True)
    remove_marks: bool = False


class Retry(Written):
    """Call again: `times` more, at the earliest `after` later.

    after_first_pass: not before all of the list were called once (B3); else among the others, when its time has come.
    """

    times: int = Field(default=1, ge=1, le=5)
    after: Duration = Field(default="0s", validate_default=True)
    after_first_pass: bool = False


class Follow(Written):
    """What follows an outcome. An empty one (`{}`) says: nothing."""

    sms: str | None = None  #: a key of `messages`
    retry: Retry | None = None


class AnsweringMachine(Written):
    """Whether Asterisk listens for a machine before the script begins; off, a machine is spoken to as people are.

    It costs a person who answers 1 to 3 s of silence, and takes some people for machines and hangs up on them.
    """

    detect: bool = False


class Waiver(Written):
    """A named person lets a text stand that breaks a rule of texts; it is logged (R11)."""

    rule: Literal["R4", "R5", "R11", "R12"]
    by: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    on: date


class Campaign(Written):
    """One programme: one YAML file in campaigns/; its name is the file's stem."""

    title: str
    unit: str
    class_: Class = Field(default="advertising", alias="class")
    enabled: bool = True
    approval: Approval | None = None
    signed_off: SignedOff | None = None
    waivers: tuple[Waiver, ...] = ()
    trigger: Trigger
    caller_id: str
    audience: Audience = Audience()
    windows: Windows = Windows()
    weight: int = Field(default=1, ge=1, le=1000)  #: its share of the lines beside other programmes
    calls_per_second: float | None = Field(default=None, gt=0, le=1000)  #: None: what the trunks bear
    max_channels: int | None = Field(default=None, ge=1)  #: None: what the trunks bear
    max_calls_per_24h: int = Field(default=1, ge=1, le=1)  #: O7
    offers: dict[str, str] = Field(default={})  #: key -> package code, first key = first offer
    offers_for: tuple[OffersFor, ...] = ()  #: the first line that fits a subscriber
    otherwise: dict[str, tuple[str, ...]] = Field(default={})  #: key -> next choices, the best first
    within_balance: bool = False  #: offer only what the balance, with a top-up, can pay
    hold_out: float = Field(
        default=0, ge=0, le=50
    )  #: percent of the numbers that are not contacted, to compare
    script: Script
    messages: dict[str, Message] = Field(default={})
    after: dict[Outcome, Follow] = Field(default={})
    answering_machine: AnsweringMachine = AnsweringMachine()
    per_subscriber: Literal["each_event", "once"] = "each_event"  #: B3: one call per subscriber for a list
    talk_limit: Duration = Field(default=duration("5m"), validate_default=True)  #: TIMEOUT(absolute)
