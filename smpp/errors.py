"""What went wrong on a link, and may the message be sent again?"""

from __future__ import annotations

from smpp import statuses
from smpp.statuses import Verdict


class LinkError(Exception):
    """Something between us and the SMSC."""


class NotConnected(LinkError):
    """No connection came about: host, port, TLS, or time. Nothing was sent."""


class BindRefused(LinkError):
    """The SMSC did not accept the bind. Nothing was sent."""

    def __init__(self, status: int) -> None:
        super().__init__(f"bind refused: {statuses.name_of(status)}")
        self.status = status
        self.credentials = status in (statuses.INVALID_PASSWORD, statuses.INVALID_SYSTEM_ID)
        """Asking again soon changes nothing, and may lock the account: a person must look."""


class LinkLost(LinkError):
    """The link was up and is not any more; the text says why."""


class NotWritten(LinkError):
    """The message never left: it may be sent again."""


class Unanswered(LinkError):
    """The message was written and its fate is not known: whoever sends it again may send it twice."""

    def __init__(self, reason: str, sequence: int) -> None:
        super().__init__(reason)
        self.sequence = sequence


class Rejected(LinkError):
    """The SMSC answered that it does not take the message; `verdict` says whether it may later."""

    def __init__(self, status: int, verdict: Verdict) -> None:
        super().__init__(f"rejected: {statuses.name_of(status)} ({verdict})")
        self.status = status
        self.verdict = verdict
