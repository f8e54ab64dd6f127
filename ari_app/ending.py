"""How is the end of an attempt recorded? The outcome and what follows it, in one transaction, once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.after_call import AfterCall, EndedCall, House, NewRegistration, after_call, refusal_confirmed
from core.campaigns import Campaign
from core.offering import every_package
from core.outcomes import Outcome
from runtime.app import App
from store import calls, contacts, facts, numbers, triggers
from store.calls import Ended, OpenCall
from store.tx import Tx

#: Until a contact whose call no Asterisk was told to dial is claimed again, from another node or when this one is back;
#: each time so much later, for a node that makes channels and no calls would be asked for them for ever.
_NODE_GONE = timedelta(seconds=5)


def house_of(app: App, version: str | None) -> House:
    """What the decisions after a call and a registration of this version need of this installation."""
    installation = app.installation
    return House(app.catalogue_of(version), installation.config.texts, installation.law.at(app.now()))


def end_call(tx: Tx, *, app: App, ended: Ended, now: datetime) -> Outcome | None:
    """Record how an attempt ended; returns the outcome that stands. A decision that was committed outweighs
    `ended.outcome`.

    None: it was recorded before, and nothing is changed; so doing it twice, from `make_call` and from `recover`,
    is harmless.
    """
    call = calls.one_open(tx, call_id=ended.call_id)
    if call is None:
        return None
    if call.decision is not None:
        ended = replace(ended, outcome=call.decision.outcome)
    if ended.nothing_sent and _is_test(tx, call):
        ended = replace(ended, nothing_sent=False)  # somebody waits for this call, and is told
    calls.finish(tx, ended, _what_follows(tx, app, call, ended, now), now=now)
    return ended.outcome


def _is_test(tx: Tx, call: OpenCall) -> bool:
    contact = contacts.one(tx, contact=call.contact) if call.contact else None
    return contact is None or contact.test


def _what_follows(tx: Tx, app: App, call: OpenCall, ended: Ended, now: datetime) -> AfterCall:
    if ended.nothing_sent:  # its node went away before it was dialled: as if it had not been claimed
        return AfterCall(retry_at=now + _NODE_GONE * call.attempts)
    programme = app.programme_of(call.programme or "", call.version)
    refused_before = numbers.refused_by(tx, number=call.number) not in (None, call.id)
    if programme is None:
        return _without_programme(app, call, now, refused_before)
    over = EndedCall(
        contact=call.contact or call.id,
        call=call.id,
        number=call.number,
        outcome=ended.outcome,
        started_at=call.started_at,
        decision=call.decision,
        attempts=call.attempts,
        pass_no=call.pass_no,
        offers=offers_of(programme.campaign, call.offer),
        subscriber=facts.subscriber(tx, number=call.number),
        event=triggers.event_of(tx, id=call.trigger) if call.trigger else None,
        refused_before=refused_before,
    )
    return after_call(over, programme, house_of(app, call.version), now)


def _without_programme(app: App, call: OpenCall, now: datetime, refused_before: bool) -> AfterCall:
    """Its file is gone, and its texts with it: a key that was pressed is honoured all the same."""
    decision = call.decision
    if decision is None:
        return AfterCall()
    if decision.kind == "refuse":
        confirmed = refusal_confirmed(call.number, call.id, app.config.texts, now, call.programme)
        return AfterCall(refuse=True, messages=() if refused_before else (confirmed,))
    if decision.kind == "register" and decision.package:
        return AfterCall(registration=NewRegistration(decision.package, decision.offer or ""))
    return AfterCall()


def offers_of(campaign: Campaign, offered: Sequence[str]) -> dict[str, str]:
    """What was offered in a call: key -> package code, in the order of the offer.

    A package that the file does not name any more, since it was edited meanwhile, stands under its code.
    """
    offers: dict[str, str] = {}
    for code in offered:
        keys = [key for key, codes in every_package(campaign).items() if code in codes and key not in offers]
        offers[keys[0] if keys else code] = code
    return offers
