"""Which contacts are called now? Asks the rules once more and reserves, all in one transaction (R7).

What is claimed is stored as `dialing` with its 24-hour slot taken; after the commit it is dialled, whatever happens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import cycle
from uuid import uuid4

import flows
from ari_app.attempt import Claimed
from ari_app.phone import Attempt
from ari_app.planner import OF_THE_PROGRAMME, ask_rules, drop_stale, why_not
from core.config import Trunk
from core.facts import Event, Facts, Programme
from core.offering import offers_of
from core.question import RECHECK
from core.rules import Answer, fate
from core.speech import Speech
from core.written import VIETNAM
from runtime.app import App
from runtime.clock import wall
from store import contacts, lists, nodes, numbers, settings, triggers, workers
from store.tx import Tx

#: What an agent's phone shows of an offer, in characters.
_MOST_SHOWN = 60


@dataclass(frozen=True)
class Place:
    """Where a call may go out: a free channel of a trunk, through a node."""

    node: str
    trunk: Trunk


@dataclass(frozen=True)
class Claims:
    """What one look at the store brought."""

    claimed: tuple[Claimed, ...]
    looked_at: int  #: contacts that were claimed, postponed or settled
    last: str  #: the programme that was served last; the next turn begins after it
    idle: str  #: why nothing was claimed; empty when something was


def claim(tx: Tx, *, app: App, places: Sequence[Place], last: str, now: datetime, worker: str = "") -> Claims:
    """Claim a contact for every place, the programmes in turn, beginning after the one that was served `last`.

    `worker`: under which the nodes of these places are driven; nothing for one that was taken for dead.
    """
    if not workers.stands(tx, worker):
        return Claims((), 0, last, "this process was taken for dead; it goes on under a new id in a moment")
    places, drained = _without_drained(tx, places)
    if not places:
        return Claims((), 0, last, drained)
    programmes, idle = _may_run(tx, app, last)
    waiting = {p.name: list(_due(tx, p, now, len(places))) for p in programmes}
    for number in sorted({contact.number for each in waiting.values() for contact in each}):
        numbers.lock(
            tx, number=number
        )  # all of them, in their order: two controllers never wait for each other
    free, claimed, looked_at = list(places), list[Claimed](), 0
    while free and any(waiting.values()):
        for programme in programmes:
            if not waiting[programme.name] or not free:
                continue
            looked_at += 1
            one = _claim_one(tx, app, programme, waiting[programme.name].pop(0), free[0], now, worker)
            if one is not None:
                claimed.append(one)
                free.pop(0)
                last = programme.name
    return Claims(tuple(claimed), looked_at, last, "" if claimed else idle)


def _without_drained(tx: Tx, places: Sequence[Place]) -> tuple[Sequence[Place], str]:
    """The same trunks over the nodes that are not being drained; none: why."""
    drained = nodes.draining(tx)
    if not drained:
        return places, ""
    names = dict.fromkeys(place.node for place in places)
    open_ = [name for name in names if name not in drained]
    if not open_:
        said = "; ".join(
            f"{each.node} is drained by {each.by}" for each in drained.values() if each.node in names
        )
        return (), f"{said}: go on with `mai node undrain`"
    return [replace(place, node=node) for place, node in zip(places, cycle(open_), strict=False)], ""


def _may_run(tx: Tx, app: App, last: str) -> tuple[list[Programme], str]:
    """The programmes that may start calls at all, in turn; and why nothing is dialled if there is nothing due."""
    installation = app.installation
    paused = {pause.programme: pause.by for pause in settings.paused(tx)}
    if settings.ALL in paused:
        return [], f"every programme is paused by {paused[settings.ALL]}"
    names = [name for name in sorted(installation.programmes) if name not in installation.held_back]
    running = [name for name in names if name not in paused]
    if not running:
        return (
            [],
            "every programme is paused or held back" if installation.programmes else "there is no programme",
        )
    turn = [name for name in running if name > last] + [name for name in running if name <= last]
    return [installation.programmes[name] for name in turn], "no contact is due"


def _due(tx: Tx, programme: Programme, now: datetime, limit: int) -> Sequence[contacts.Contact]:
    exhausted = programme.campaign.trigger.kind != "list" or lists.exhausted(tx, programme=programme.name)
    return contacts.due(tx, programme=programme.name, now=now, limit=limit, list_exhausted=exhausted)


def _claim_one(
    tx: Tx,
    app: App,
    programme: Programme,
    contact: contacts.Contact,
    place: Place,
    now: datetime,
    worker: str,
) -> Claimed | None:
    """Ask the rules once more and reserve; a contact that may not be called now waits or is settled."""
    if contact.stale_at is not None and now >= contact.stale_at:
        drop_stale(tx, contact.id, contact.stale_at, now)
        return None
    event = triggers.event_of(tx, id=contact.trigger) if contact.trigger else None
    asked = None if contact.test else event
    answer, known = ask_rules(tx, app, programme, contact.number, asked, now, contact.id)
    if not answer.allowed:
        _put_off(tx, contact, answer, now)
        return None
    speech = _speech(app, programme, known, event, now)
    if why := flows.cannot_be_said(programme.campaign.script, speech):
        contacts.settle_undialled(tx, contact=contact.id, fate="refused_by_rule", reason=why, now=now)
        return None
    return _reserve(tx, programme, contact, place, speech, now, worker)


def _put_off(tx: Tx, contact: contacts.Contact, answer: Answer, now: datetime) -> None:
    """A contact that may not be called now: later, if the no may end by then, else never.

    A target is not used up by what is wrong with its programme: it waits until a person has mended that.
    """
    no = answer.no
    assert no is not None
    later = no.again
    if later is None and contact.trigger is None and no.rule in OF_THE_PROGRAMME:
        later = now + RECHECK
    in_time = contact.stale_at is None or (later is not None and later < contact.stale_at)
    if later is not None and in_time and not contact.test:
        contacts.postpone(tx, contact=contact.id, due_at=later)
    else:
        contacts.settle_undialled(tx, contact=contact.id, fate=fate(answer), reason=why_not(no), now=now)


def _speech(app: App, programme: Programme, known: Facts, event: Event | None, now: datetime) -> Speech:
    """What will be said: of the programme's offers those that are left for this subscriber."""
    catalogue, today = app.installation.catalogue, now.astimezone(VIETNAM).date()
    offers = offers_of(programme, catalogue, known._replace(event=event), today)
    return Speech(catalogue, offers, {"subscriber": known.subscriber, "event": event})


def _reserve(
    tx: Tx,
    programme: Programme,
    contact: contacts.Contact,
    place: Place,
    speech: Speech,
    now: datetime,
    worker: str,
) -> Claimed | None:
    """The contact goes to dialing, its slot is taken; None: another took it meanwhile."""
    call = contacts.NewCall(
        id=f"call-{uuid4().hex}",
        wall_at=wall(),
        node=place.node,
        trunk=place.trunk.name,
        offer=tuple(speech.offers.values()),
        prompt_version=programme.version,
        worker=worker,
    )
    if not contacts.claim(tx, contact.id, call, now=now):
        return None
    attempt = Attempt(
        id=call.id,
        number=contact.number,
        node=place.node,
        trunk=place.trunk.name,
        caller_id=programme.campaign.caller_id,
        talk_limit=programme.campaign.talk_limit,
        offer_text=_shown(speech.offers, programme.name),
    )
    return Claimed(programme, attempt, speech, now, worker)


def _shown(offers: Mapping[str, str], programme: str) -> str:
    """What an agent reads when the script hands the call over: the packages and the programme."""
    return " ".join([*offers.values(), programme])[:_MOST_SHOWN].strip()
