"""What can start a call? One line for each kind of event (O1, O19); a programme names the kind it waits for.

The event says that something happened to a subscriber at a moment, and how much money it is about. Whether that
is enough for a call is decided by the rules, with the programme's own freshness limit (O20).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

_DAY = timedelta(days=1)
TriggerKind = Literal["topup", "list", "renewal", "bill_due", "low_balance"]


@dataclass(frozen=True)
class Kind:
    """One kind of event."""

    says: str  #: what has happened, in one sentence
    amount: str | None  #: what its amount is, in đồng; None: it has no event of its own, only a list
    least: int = 1  #: the smallest amount that makes sense
    #: How the amount bears on what a subscriber can pay: added to the balance, or the balance itself.
    reach: Literal["added", "balance"] | None = None
    #: Its moment passes: a no that a person must mend ends it, instead of waiting for that.
    passes: bool = False
    most_fresh: timedelta = timedelta(days=7)  #: O20: no event of the kind is worth a call after so long


KINDS: Mapping[TriggerKind, Kind] = {
    "topup": Kind(
        "A subscriber topped up.", "the amount topped up", reach="added", passes=True, most_fresh=_DAY
    ),
    "list": Kind("The number stands on the programme's target list.", None),
    "renewal": Kind(
        "A package renews soon and the balance does not suffice.", "what must be there when it renews"
    ),
    "bill_due": Kind("A bill is due soon.", "the amount of the bill"),
    "low_balance": Kind(
        "The balance fell low.",
        "the balance that is left",
        least=0,
        reach="balance",
        passes=True,
        most_fresh=_DAY,
    ),
}
#: The kinds that come as events, in the order of the table.
EVENTS: tuple[TriggerKind, ...] = tuple(kind for kind in get_args(TriggerKind) if KINDS[kind].amount)
