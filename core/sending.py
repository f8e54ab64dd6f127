"""May this message go out now? The gate at `due → sending`: send, wait until a moment, or drop."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.campaigns import Class
from core.facts import Facts, Law, Programme
from core.question import RECHECK
from core.rules import Verdict, may_contact
from core.rules_of_law import granted, windows_of
from core.windows import next_allowed
from core.written import VIETNAM


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
