"""Which events become contacts, of which programme? The rules are asked at planning, and again at the claim.

A top-up is offered to the programmes in the order of their names; the first that may contact the number takes it.
A target list is planned in a stream, just ahead of the dialer, never read into memory (DESIGN.md §4).
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from core.facts import Event, Facts, Programme
from core.rules import Answer, Verdict, fate, may_contact, nearest
from runtime.app import App
from runtime.logs import log
from store import contacts, facts, lists, triggers, versions
from store.tx import Tx

logger = log("planner")

#: Events planned in one transaction: group commit, without holding the writer for long.
_BATCH = 200
#: Contacts of a target list kept planned ahead of the dialer.
_AHEAD = 500


async def run(app: App, stopping: asyncio.Event) -> None:
    """Plan events as they come, and target lists ahead of the dialer, until told to stop."""
    await app.store.write(lambda tx: _keep_versions(tx, app))
    events = app.store.watch("triggers", "lists", "contacts")
    while not stopping.is_set():
        now = app.now()
        planned = await app.store.write(partial(plan_events, app=app, now=now))
        for programme in _startable(app):
            if programme.campaign.trigger.kind == "list":
                planned += await app.store.write(partial(plan_targets, app=app, programme=programme, now=now))
        if not planned:
            await events.wait(1.0)


def _keep_versions(tx: Tx, app: App) -> None:
    for name, programme in app.installation.programmes.items():
        content = app.installation.files[name]
        versions.keep(tx, version=programme.version, programme=name, content=content, now=app.now())


def _startable(app: App) -> Sequence[Programme]:
    held = app.installation.held_back
    return [programme for name, programme in sorted(app.installation.programmes.items()) if name not in held]


def why_not(verdict: Verdict) -> str:
    """A verdict as the logs carry it: rule and reason."""
    return f"{verdict.rule}: {verdict.reason}"


def ask_rules(
    tx: Tx,
    app: App,
    programme: Programme,
    number: str,
    event: Event | None,
    now: datetime,
    contact: str | None = None,
) -> tuple[Answer, Facts]:
    """May this programme call this number now? With what the store knows in this transaction.

    `contact`: the one that is decided about, which does not count against itself.
    """
    known = facts.facts_for(
        tx, number=number, programme=programme.name, event=event, now=now, contact=contact
    )
    class_ = programme.campaign.class_
    return may_contact(known, programme, "voice", class_, now, app.installation.law, first_no=True), known


def plan_events(tx: Tx, *, app: App, now: datetime) -> int:
    """Plan the events that nobody planned yet; returns how many were looked at."""
    waiting = triggers.new(tx, limit=_BATCH)
    for trigger in waiting:
        _plan_event(tx, app, trigger, now)
    return len(waiting)


def _plan_event(tx: Tx, app: App, trigger: triggers.Trigger, now: datetime) -> None:
    event, test = trigger.event, trigger.kind == "test"
    refused: list[tuple[Programme, Answer]] = []
    for programme in _asked(app, trigger):
        answer, _ = ask_rules(tx, app, programme, event.number, None if test else event, now)
        until = event.at + programme.campaign.trigger.fresh_for
        no = answer.no
        if no is None or (not test and no.again is not None and no.again < until):
            new = contacts.NewContact(
                id=f"{programme.name}-{event.id}",
                trigger=event.id,
                programme=programme.name,
                version=programme.version,
                class_=programme.campaign.class_,
                unit=programme.campaign.unit,
                number=event.number,
                due_at=max(now, no.again) if no and no.again else now,
                stale_at=None if test else until,
                test=test,
            )
            contacts.plan(tx, new, now=now)
            triggers.planned(tx, id=event.id, programme=programme.name)
            return
        refused.append((programme, answer))
    told = nearest(refused)
    if told is None:
        triggers.settle(tx, id=event.id, fate="refused_by_rule", rule="O1: no programme waits for this event")
        return
    programme, answer = told
    no = answer.no
    triggers.settle(
        tx, id=event.id, fate=fate(answer), rule=why_not(no) if no else None, programme=programme.name
    )


def _asked(app: App, trigger: triggers.Trigger) -> Sequence[Programme]:
    """The programmes that this event is offered to."""
    if trigger.only_programme is not None:
        return [p for p in _startable(app) if p.name == trigger.only_programme]
    return [p for p in _startable(app) if p.campaign.trigger.kind == trigger.event.kind]


def plan_targets(tx: Tx, *, app: App, programme: Programme, now: datetime) -> int:
    """Plan the next targets of a list programme while fewer than `_AHEAD` wait; returns how many were planned.

    A target that the rules refuse for good is kept as done with the reason; one that may be called later is due.
    """
    waiting = contacts.counts(tx, programme=programme.name).get("due", 0)
    if waiting >= _AHEAD // 2:
        return 0
    targets = lists.next_targets(tx, programme=programme.name, limit=_AHEAD - waiting)
    for number in targets:
        answer, _ = ask_rules(tx, app, programme, number, None, now)
        no = answer.no
        contact = f"{programme.name}-{number}"
        new = contacts.NewContact(
            id=contact,
            programme=programme.name,
            version=programme.version,
            class_=programme.campaign.class_,
            unit=programme.campaign.unit,
            number=number,
            due_at=max(now, no.again) if no and no.again else now,
        )
        if contacts.plan(tx, new, now=now) and no is not None and no.again is None:
            contacts.settle_undialled(tx, contact=contact, fate=fate(answer), reason=why_not(no), now=now)
    return len(targets)
