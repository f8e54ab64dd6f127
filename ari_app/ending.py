"""How is the end of an attempt recorded? The outcome and what follows it, in one transaction, once."""

from dataclasses import replace
from datetime import datetime

from core.after_call import AfterCall, EndedCall, House, after_call
from runtime.app import App
from store import calls, facts, numbers, triggers
from store.calls import Ended
from store.tx import Tx


def house_of(app: App) -> House:
    """What the decisions after a call and a registration need of this installation."""
    installation = app.installation
    return House(installation.catalogue, installation.config.texts, installation.law)


def end_call(tx: Tx, *, app: App, ended: Ended, now: datetime) -> bool:
    """Record how an attempt ended. A decision that was committed outweighs `ended.outcome`.

    False: it was recorded before, and nothing is changed; so doing it twice, from `make_call` and from `recover`,
    is harmless.
    """
    call = calls.one_open(tx, call_id=ended.call_id)
    if call is None:
        return False
    if call.decision is not None:
        ended = replace(ended, outcome=call.decision.outcome)
    programme = app.installation.programmes.get(call.programme or "")
    if programme is None:  # its file is gone: the end is recorded, nothing follows
        return calls.finish(tx, ended, AfterCall(), now=now)
    event = triggers.event_of(tx, id=call.trigger) if call.trigger else None
    over = EndedCall(
        contact=call.contact or call.id,
        call=call.id,
        number=call.number,
        outcome=ended.outcome,
        started_at=call.started_at,
        decision=call.decision,
        attempts=call.attempts,
        pass_no=call.pass_no,
        offers=offers_of(app, programme.name),
        subscriber=facts.subscriber(tx, number=call.number),
        event=event,
        refused_before=numbers.refused_by(tx, number=call.number) not in (None, call.id),
    )
    return calls.finish(tx, ended, after_call(over, programme, house_of(app), now), now=now)


def offers_of(app: App, programme: str) -> dict[str, str]:
    """The offers of a programme: key -> package code."""
    return dict(app.installation.programmes[programme].campaign.offers)
