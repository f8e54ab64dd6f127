"""What is dialled, what is committed while it goes on, and what is known of it afterwards?"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from core.phone import Decision


class Journal(Protocol):
    """Commits what happens on the line; each method returns when it is durable."""

    async def rang(self, at: datetime) -> None:
        """180 or 183 was seen."""

    async def up(self, at: datetime) -> None:
        """The call was answered."""

    async def decide(self, decision: Decision) -> None:
        """A key with a consequence was pressed."""


@dataclass(frozen=True)
class Dialling:
    """What is dialled: `endpoint` as Asterisk writes it, the caller id shown, the limits."""

    channel: str
    endpoint: str
    caller_id: str
    ring: timedelta
    talk_limit: timedelta
    subscriber: str
    offer_text: str = ""


@dataclass
class CallReport:
    """What happened, for the log of calls (O16)."""

    keys: list[tuple[str, datetime]] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    cause: int | None = None
    sip_code: int | None = None
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    nothing_sent: bool = False  #: Asterisk is away or silent, and was never told to dial: no phone rings

    @property
    def text(self) -> str:
        """What was really spoken: the lines whose prompt began."""
        return "\n".join(self.spoken)
