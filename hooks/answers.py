"""What may a registration system answer, and may it be asked again?"""

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True)
class Ask:
    """One registration that is wanted. `id` is the idempotency key."""

    id: str
    number: str
    package: str
    programme: str | None  #: None: ordered by SMS
    at: datetime


@dataclass(frozen=True)
class Registered:
    """The package is registered. `message`: the text of SMS2; None: their system texts the customer itself."""

    reference: str | None
    message: str | None = None


@dataclass(frozen=True)
class Refused:
    """The system said no, and means it. `message` replaces our own text to the customer."""

    reason: str
    message: str | None = None


@dataclass(frozen=True)
class Unclear:
    """No usable answer: it may or may not have been done. Asked again with the same key where that is harmless."""

    reason: str


@dataclass(frozen=True)
class NotKnown:
    """A look-up's answer: the system has never seen this key."""


Answer = Registered | Refused | Unclear


class Hook(Protocol):
    """One outside registration system. Neither method raises for what the other side does: it is `Unclear`."""

    async def register(self, ask: Ask) -> Answer: ...

    async def look_up(self, id: str) -> Answer | NotKnown: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
