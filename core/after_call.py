"""What follows a call? One pure decision, written in the same transaction as the outcome."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.campaigns import Class

MessageKind = Literal[
    "missed", "offer", "thanks", "registered", "not_registered", "refusal_confirmed", "link", "test"
]
Policy = Literal["once", "at_least_once"]


@dataclass(frozen=True)
class NewMessage:
    """A message row to be written. `key` comes from the business event and is unique: `missed:<contact id>`."""

    key: str
    programme: str | None
    class_: Class
    kind: str
    policy: Policy
    number: str
    sender: str
    text: str
    due_at: datetime
    valid_until: datetime | None  #: never past the last allowed moment of its windows
    after: str | None = None  #: key of the message that must be settled before


@dataclass(frozen=True)
class NewRegistration:
    """A registration row to be written; its id is the idempotency key."""

    package: str
    offer: str  #: key of the offer in the campaign


@dataclass(frozen=True)
class AfterCall:
    """What follows: everything empty means nothing follows."""

    registration: NewRegistration | None = None
    messages: tuple[NewMessage, ...] = ()
    retry_at: datetime | None = None
    retry_pass: int | None = None  #: the pass that the retry belongs to
    refuse: bool = False
