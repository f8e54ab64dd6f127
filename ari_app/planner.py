"""Which events become contacts, of which programme? The rules are asked at planning, and again at the claim.

A top-up is offered to the programmes in the order of their names; the first that may contact the number now takes it,
else the one that may soonest, while the event is fresh. A target list is planned in a stream, just ahead of the
dialer, never read into memory (DESIGN.md §4); while its programme may call nobody, no target is taken from it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from core.facts import Event, Facts, Programme
from core.rules import Answer, Verdict, fate, may_contact, nearest
from runtime.app import App
from runtime.logs import log
from store import contacts, facts, lists, triggers
from store.tx import PASSING, Tx

logger = log("planner")

#: Events or targets planned in one transaction, and for how long at most, in seconds: group commit, without holding the
#: writer for long, since every call that is up writes too.
_BATCH = 50
LONGEST_S = 0.05
#: Targets taken from a list at once; what is taken is planned.
_TAKEN = 10
#: Contacts of a target list kept planned ahead of the dialer, and when more are planned.
_AHEAD = 500
_FEW = 250
#: Rules whose no is about the programme, whatever the number: nothing of its list is used up by it.
OF_THE_PROGRAMME = frozenset({"R16", "enabled", "pause", "R1", "O5", "R8", "R9", "R10"})
_STORE_CHECK_S = 1.0
#: How often contacts past their freshness limit are looked for.
_SWEEP_S = 1.0


async def run(app: App, stopping: asyncio.Event) -> None:
    """Plan events as they come, and target lists ahead of the dialer, until told to stop."""
    events = app.store.watch("triggers", "lists", "pauses")
    # with a list also when contacts change: fewer may wait now than are kept planned
    targets = app.store.watch("triggers", "lists", "pauses", "contacts")
    gone = await app.store.read(lambda tx: contacts.programmes_waiting(tx) - set(app.installation.programmes))
    if gone:
        logger.warning("contacts wait for programmes whose files are gone or wrong", programmes=sorted(gone))
    loop = asyncio.get_running_loop()
    swept = loop.time() - _SWEEP_S
    while not stopping.is_set():
        try:
            more = await _turn(app)
            if loop.time() - swept >= _SWEEP_S:
                swept = loop.time()
                names = sorted(gone | app.installation.programmes.keys())  # a file may have come meanwhile
                more |= any([await settle_stale(app, name, app.now()) >= _BATCH for name in names])
        except PASSING as error:
            logger.error("the store takes no writes, trying again", error=str(error))
            more = False
        if not more:
            await (targets if _lists(app) else events).wait(_STORE_CHECK_S)


async def _turn(app: App) -> bool:
    """What can be planned now, a batch of each kind; whether more may wait."""
    now = app.now()
    more = await app.store.write(partial(plan_events, app=app, now=now))
    for programme in _lists(app):
        more |= await app.store.write(partial(plan_targets, app=app, programme=programme, now=now))
    return more


def _lists(app: App) -> Sequence[Programme]:
    """The programmes that call a list."""
    return [each for each in _startable(app) if each.campaign.trigger.kind == "list"]


def _startable(app: App) -> Sequence[Programme]:
    held = app.installation.held_back
    return [programme for name, programme in sorted(app.installation.programmes.items()) if name not in held]


def why_not(verdict: Verdict) -> str:
    """A verdict as the logs carry it: rule and reason."""
    return f"{verdict.rule}: {verdict.reason}"


def ask(app: App, programme: Programme, known: Facts, now: datetime, *, first_no: bool = True) -> Answer:
    """May this programme call this number now, of which this is known? first_no: stop at the first no."""
    class_, law = programme.campaign.class_, app.installation.law
    return may_contact(known, programme, "voice", class_, now, law, first_no=first_no)


def _ask_rules(
    tx: Tx,
    app: App,
    programme: Programme,
    number: str,
    event: Event | None,
    now: datetime,
    *,
    first_no: bool = True,
) -> Answer:
    """The same with what the store knows in this transaction."""
    known = facts.facts_for(tx, number=number, programme=programme.name, event=event, now=now)
    return ask(app, programme, known, now, first_no=first_no)


@dataclass(frozen=True)
class _Offered:
    """What one programme says to an event: to be called not before `due_at`, or refused."""

    programme: Programme
    answer: Answer
    due_at: datetime | None


def plan_events(tx: Tx, *, app: App, now: datetime) -> bool:
    """Plan events that nobody planned yet; whether more may wait."""
    until = time.monotonic() + LONGEST_S
    new = triggers.new(tx, limit=_BATCH)
    for trigger in new:
        _plan_event(tx, app, trigger, now)
        if time.monotonic() > until:
            return True
    return len(new) == _BATCH


def _plan_event(tx: Tx, app: App, trigger: triggers.Trigger, now: datetime) -> None:
    event, offered = trigger.event, list[_Offered]()
    for programme in _asked(app, trigger):
        offered.append(_offer(tx, app, programme, trigger, now))
        if offered[-1].due_at == now:
            break
    may = [each for each in offered if each.due_at is not None]
    if may:
        best = min(may, key=lambda each: each.due_at or now)
        _plan(tx, best.programme, trigger, best.due_at or now, now)
        return
    told = nearest([(each.programme, each.answer) for each in offered])
    if told is None:
        triggers.settle(tx, id=event.id, fate="refused_by_rule", rule=_nobody(app, trigger))
        return
    programme, answer = told
    why = why_not(answer.no) if answer.no else None
    triggers.settle(tx, id=event.id, fate=fate(answer), rule=why, programme=programme.name)


def _nobody(app: App, trigger: triggers.Trigger) -> str:
    held = app.installation.held_back.get(trigger.only_programme or "")
    return (
        f"O5: {trigger.only_programme} does not start: {held}"
        if held
        else "O1: no programme waits for this event"
    )


def _offer(tx: Tx, app: App, programme: Programme, trigger: triggers.Trigger, now: datetime) -> _Offered:
    """Ask the rules. A no that ends by itself while the event is fresh waits, unless another no stands behind it."""
    event, test = trigger.event, trigger.kind == "test"
    asked = None if test else event
    answer = _ask_rules(tx, app, programme, event.number, asked, now)
    if answer.no is None:
        return _Offered(programme, answer, now)
    until = event.at + programme.campaign.trigger.fresh_for
    if test or answer.no.again is None or answer.no.again >= until:
        return _Offered(programme, answer, None)
    answer = _ask_rules(tx, app, programme, event.number, asked, now, first_no=False)
    again = [
        verdict.again for verdict in answer.verdicts if not verdict.allowed and verdict.again is not None
    ]
    # what ends in time is as good as a yes; every verdict stays in its place, by which `nearest` compares
    lasting = tuple(
        v if v.again is None or v.again >= until else v._replace(allowed=True) for v in answer.verdicts
    )
    if any(not verdict.allowed for verdict in lasting):
        return _Offered(programme, Answer(False, lasting), None)
    return _Offered(programme, answer, max(again, default=now))


def _plan(tx: Tx, programme: Programme, trigger: triggers.Trigger, due_at: datetime, now: datetime) -> None:
    event = trigger.event
    new = contacts.NewContact(
        id=f"{programme.name}-{event.id}",
        trigger=event.id,
        programme=programme.name,
        version=programme.version,
        class_=programme.campaign.class_,
        unit=programme.campaign.unit,
        number=event.number,
        due_at=due_at,
        stale_at=event.at + programme.campaign.trigger.fresh_for,
        test=trigger.kind == "test",
    )
    contacts.plan(tx, new, now=now)
    triggers.planned(tx, id=event.id, programme=programme.name)


def _asked(app: App, trigger: triggers.Trigger) -> Sequence[Programme]:
    """The programmes that this event is offered to."""
    if trigger.only_programme is not None:
        return [p for p in _startable(app) if p.name == trigger.only_programme]
    return [p for p in _startable(app) if p.campaign.trigger.kind == trigger.event.kind]


def plan_targets(tx: Tx, *, app: App, programme: Programme, now: datetime) -> bool:
    """Plan the next targets of a list programme while few wait; whether more may be planned now.

    A target that the rules refuse for good is kept as done with the reason; one that may be called later is due.
    Nothing is taken from the list while the programme may call nobody (R2, R8, a pause …).
    """
    until = time.monotonic() + LONGEST_S
    waiting = contacts.waiting(tx, programme=programme.name, now=now, most=_FEW)
    if waiting >= _FEW or lists.exhausted(tx, programme=programme.name):
        return False
    if _calls_nobody(tx, app, programme, now) is not None:
        return False
    room = min(_BATCH, _AHEAD - waiting)
    while room > 0 and (targets := lists.next_targets(tx, programme=programme.name, limit=min(_TAKEN, room))):
        room -= len(targets)
        for number in targets:
            _plan_target(tx, app, programme, number, now)
        if time.monotonic() > until:
            return True
    return room <= 0


def _calls_nobody(tx: Tx, app: App, programme: Programme, now: datetime) -> Verdict | None:
    """The first rule that says no to this programme whatever the number; asked for no number at all."""
    answer = _ask_rules(tx, app, programme, "", None, now, first_no=False)
    of_all = OF_THE_PROGRAMME | {"R2"}  # no number is on DoNotCall, so R2 speaks of the list itself
    return next((each for each in answer.verdicts if not each.allowed and each.rule in of_all), None)


def _plan_target(tx: Tx, app: App, programme: Programme, number: str, now: datetime) -> None:
    answer = _ask_rules(tx, app, programme, number, None, now)
    no = answer.no
    new = contacts.NewContact(
        id=f"{programme.name}-{number}",
        programme=programme.name,
        version=programme.version,
        class_=programme.campaign.class_,
        unit=programme.campaign.unit,
        number=number,
        due_at=max(now, no.again) if no and no.again else now,
    )
    if contacts.plan(tx, new, now=now) and no is not None and no.again is None:
        contacts.settle_undialled(tx, contact=new.id, fate=fate(answer), reason=why_not(no), now=now)


async def settle_stale(app: App, programme: str, now: datetime) -> int:
    """O20: due contacts whose freshness limit has passed are dropped, whether or not their programme may run.

    Looked for beside the writer; returns how many were found.
    """
    old = await app.store.read(partial(contacts.stale, programme=programme, now=now, limit=_BATCH))

    def drop(tx: Tx) -> None:
        for contact, limit in old:
            drop_stale(tx, contact, limit, now)

    if old:
        await app.store.write(drop)
    return len(old)


def drop_stale(tx: Tx, contact: str, limit: datetime, now: datetime) -> None:
    """O20: this contact was not dialled before its freshness limit."""
    reason = f"O20: not dialled before {limit:%H:%M:%S}, its freshness limit"
    contacts.settle_undialled(tx, contact=contact, fate="stale", reason=reason, now=now)
