"""May this message go out now? The gate at `due → sending`: send, wait until a moment, or drop."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.campaigns import Class
from core.facts import Facts, Law, Programme
from core.question import RECHECK
from core.rules import Verdict, may_contact
from core.rules_of_law import granted, windows_of
from core.windows import next_allowed
from core.written import VIETNAM

#: SMS that a call causes now are to be out so soon, however long the window still is.
SOON = timedelta(minutes=10)


def outbox_fullness(
    parts: int,
    per_second: float,
    now: datetime,
    window_end: datetime | None,
    *,
    waited: timedelta = timedelta(0),
) -> float:
    """How full the outbox is for who makes more SMS: 0 empty, 1 or more: start no more calls.

    `parts` wait, the binds together send `per_second` (more than 0) at best; the first of them has `waited`, which tells
    how much slower the SMSC really is. 1 is what takes until the window's end, at most ten minutes: no backlog may cross
    22:00. Outside every window (`window_end` None) anything that waits is 1.
    """
    left = min(SOON, window_end - now) if window_end else timedelta(0)
    seconds = max(max(parts, 0) / per_second, waited.total_seconds())
    if seconds <= 0:
        return 0.0
    if left <= timedelta(0):
        return max(1.0, seconds)
    return seconds / max(1.0, left.total_seconds())


def pace_left(fullness: float) -> float:
    """What an outbox so full leaves of the calls per second: all of it while it is half empty, at 1 nothing."""
    return min(1.0, max(0.0, 2.0 * (1.0 - fullness)))


@dataclass(frozen=True)
class Sending:
    """What to do with the message; `again`: when to ask once more, for "wait"."""

    do: Literal["send", "wait", "drop"]
    again: datetime | None = None
    rule: str | None = None
    reason: str | None = None


def may_send(
    facts: Facts,
    programme: Programme | None,
    class_: Class,
    sender: str,
    valid_until: datetime | None,
    now: datetime,
    law: Law,
) -> Sending:
    """Asked right before the bytes leave, with what is known then.

    A refusal or a DoNotCall entry since then drops advertising; a pause, the hours, a cap and a list that
    must be renewed make it wait, and it is dropped where the wait would outlast its validity. Transactional
    messages need a granted sender only. `programme` None: not loaded now (advertising waits for it).
    """
    law = law.at(now)
    if valid_until is not None and now >= valid_until:
        return Sending("drop", rule="O8", reason="Its validity has ended.")
    if class_ == "transactional":
        seen = granted({sender}, law, now.astimezone(VIETNAM).date())
        return Sending("send") if seen.allowed else Sending("drop", rule="R10", reason=seen.reason)
    if programme is None:
        return _wait(now + RECHECK, valid_until, "R15", "Its programme is not loaded.")
    answer = may_contact(facts, programme, "sms", class_, now, law, sender=sender)
    if answer.allowed:
        return Sending("send")
    refused = [verdict for verdict in answer.verdicts if not verdict.allowed]
    final = next((verdict for verdict in refused if verdict.again is None), None)
    if final is not None:
        return Sending("drop", rule=final.rule, reason=final.reason)
    return _wait_for(refused, programme, class_, valid_until, law)


def _wait_for(
    refused: list[Verdict], programme: Programme, class_: Class, valid_until: datetime | None, law: Law
) -> Sending:
    """Until the last of the rules that said no may say yes, and that moment is itself allowed."""
    last = max(refused, key=lambda verdict: verdict.again or datetime.min.replace(tzinfo=VIETNAM))
    assert last.again is not None  # the caller dropped what never ends
    moment = next_allowed(
        windows_of(programme, "sms", class_, law),
        last.again,
        rest_days=class_ != "care",
        extra_days=law.extra_tet_days,
    )
    if moment is None:
        return Sending("drop", rule=last.rule, reason=last.reason)
    return _wait(moment, valid_until, last.rule, last.reason)


def _wait(moment: datetime, valid_until: datetime | None, rule: str, reason: str) -> Sending:
    if valid_until is not None and moment >= valid_until:
        return Sending("drop", rule=rule, reason=f"{reason} Its validity ends before that changes.")
    return Sending("wait", moment, rule, reason)
