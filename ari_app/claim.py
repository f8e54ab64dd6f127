"""Which contacts are called now? Asks the rules once more and reserves, all in one transaction (R7).

What is claimed is stored as `dialing` with its 24-hour slot taken; after the commit it is dialled, whatever happens.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from uuid import uuid4

import flows
from ari_app.attempt import Claimed
from ari_app.phone import Attempt
from ari_app.planner import LONGEST_S, OF_THE_PROGRAMME, ask, drop_stale, why_not
from ari_app.rooms import Heard, Rooms, Ways, open_rooms
from core.config import Trunk
from core.facts import Event, Facts, Programme
from core.offering import offers_of
from core.question import RECHECK
from core.routing import carries
from core.rules import Answer, fate
from core.shares import EVEN, Shares, next_served, served, without_work
from core.speech import Speech
from core.written import VIETNAM
from runtime.app import App
from runtime.clock import wall
from store import contacts, lists, nodes, numbers, paces, settings, triggers, workers
from store.facts import facts_for
from store.many import facts_for_many
from store.tx import Tx

#: Contacts looked at in one claim, for LONGEST_S at most; more wait for the next turn of the loop. Every call that is up
#: writes too, and the other controllers wait for the trunks' rows.
_MOST_AT_ONCE = 50
#: From here on it is cheaper to read the facts of all at once (SQLite: of ten in 30 µs each, of four in 139, alone in 95).
_MANY = 5
NOTHING_DUE = "no contact is due"
NO_LINE = "every channel of every trunk is in use, or the calls per second are used up"
ANOTHER = "another controller takes what is due"
OWN_LIMITS = "what is due waits for its programme's own calls per second or channels"
#: For a contact whose trunks are busy while others are not: so long others go first.
_LINE_AGAIN = timedelta(seconds=2)
#: Seconds until it is looked whether another controller left something; its claim takes LONGEST_S and a commit.
_ANOTHER_S = 0.1
#: What an agent's phone shows of an offer, in characters.
_MOST_SHOWN = 60


@dataclass(frozen=True)
class Place:
    """Where a call may go out: a free channel of a trunk, through a node."""

    node: str
    trunk: Trunk


@dataclass(frozen=True)
class Asks:
    """What a dialer asks for: its nodes, which take turns, its trunks, and whose call is next."""

    nodes: tuple[str, ...]
    ways: Ways
    shares: Shares = EVEN
    worker: str = ""  #: under which its nodes are driven; nothing for one that was taken for dead
    glance: bool = False  #: another controller may have had what woke this one: look before anything is taken


@dataclass(frozen=True)
class Claims:
    """What one look at the store brought."""

    claimed: tuple[Claimed, ...] = ()
    looked_at: int = 0  #: contacts that were claimed, postponed or settled
    shares: Shares = EVEN
    idle: str = ""  #: why nothing was claimed; empty when something was
    line_s: float = 0.0  #: seconds until a line may be free; 0: one is, inf: a call that ends tells
    again_s: float = math.inf  #: seconds until a programme may start a call again that could not now
    unheard: tuple[Heard, ...] = ()  #: answers about trunks that another controller has just now
    more: bool = False  #: something may be due that had no line yet
    limited: bool = False  #: a programme has used up its own calls per second or channels
    passed: bool = False  #: something is due and another controller was at it: look again


def claim(tx: Tx, *, app: App, asks: Asks, now: datetime) -> Claims:
    """Claim a contact for every line that is free, the programmes by their shares."""
    if asks.glance:
        if not contacts.some_due(tx, programmes=app.installation.programmes, now=now):
            return Claims(shares=asks.shares, idle=NOTHING_DUE, unheard=asks.ways.answers)
        if paces.with_another(tx, [paces.of_trunk(trunk.name) for trunk in asks.ways.trunks]):
            return Claims(
                shares=asks.shares, idle=ANOTHER, again_s=_ANOTHER_S, unheard=asks.ways.answers, passed=True
            )
    if not workers.stands(tx, asks.worker):
        idle = "this process was taken for dead; it goes on under a new id in a moment"
        return Claims(shares=asks.shares, idle=idle, unheard=asks.ways.answers)
    open_, drained = _without_drained(tx, asks.nodes)
    if not open_:
        return Claims(shares=asks.shares, idle=drained, unheard=asks.ways.answers)
    programmes, idle = _may_run(tx, app)
    if not programmes:
        return Claims(shares=asks.shares, idle=idle, unheard=asks.ways.answers)
    rooms = open_rooms(tx, asks.ways, programmes)
    unheard = rooms.hear(tx, asks.ways.answers, now)
    if asks.ways.anew:
        rooms.begin_anew()
    free = min(rooms.free(), _MOST_AT_ONCE)
    waiting = {
        p.name: list(_due(tx, p, now, most)) for p in programmes if (most := min(free, rooms.of(p.name)))
    }
    cut = not free or any(len(each) >= min(free, rooms.of(name)) for name, each in waiting.items())
    numbers.lock(tx, *(contact.number for each in waiting.values() for contact in each))
    if not any(waiting.values()) and len(waiting) < len(programmes):
        idle = OWN_LIMITS
    turn = Turn(tx, app, rooms, cycle(open_), now, asks.worker, Known.of(tx, waiting, now))
    shares = turn.serve(programmes, waiting, asks.shares)
    cut = cut or any(waiting.values())
    rooms.write(tx)
    found = tuple(turn.claimed)
    line_s = 0.0 if rooms.free() else rooms.wait_s()
    if not free:
        idle = "; ".join(rooms.rest()) or NO_LINE
    return Claims(
        claimed=found,
        looked_at=turn.looked_at,
        shares=shares,
        idle="" if found else idle,
        line_s=line_s,
        again_s=rooms.programmes_wait_s(),
        unheard=unheard,
        more=cut,
        limited=len(waiting) < len(programmes),
    )


@dataclass(frozen=True)
class Known:
    """What is known of the contacts that may be claimed, read at once where they are many."""

    #: By contact; not of two with one number: the second is to see what becomes of the first.
    facts: dict[str, Facts]
    events: Mapping[str, Event]  #: by trigger

    @classmethod
    def of(cls, tx: Tx, waiting: Mapping[str, list[contacts.Contact]], now: datetime) -> "Known":
        every = [contact for each in waiting.values() for contact in each]
        times = Counter(contact.number for contact in every)
        facts = dict[str, Facts]()
        for programme, each in waiting.items():
            once = {contact.number: contact.id for contact in each if times[contact.number] == 1}
            if len(once) >= _MANY:
                found = facts_for_many(
                    tx, numbers=[*once], programme=programme, events={}, now=now, without=once
                )
                facts |= zip(once.values(), found, strict=True)
        events = triggers.events_of(tx, [contact.trigger for contact in every if contact.trigger])
        return cls(facts, events)

    def about(self, tx: Tx, contact: contacts.Contact, now: datetime) -> Facts:
        """What the rules look at; `event` as the contact has one."""
        event = self.events.get(contact.trigger) if contact.trigger else None
        known = self.facts.get(contact.id) or facts_for(
            tx, number=contact.number, programme=contact.programme, now=now, contact=contact.id
        )
        return known._replace(event=event)


@dataclass
class Turn:
    """One transaction's claims."""

    tx: Tx
    app: App
    rooms: Rooms
    nodes: Iterator[str]
    now: datetime
    worker: str
    known: Known
    claimed: list[Claimed] = field(default_factory=list)
    looked_at: int = 0

    def serve(
        self, programmes: Sequence[Programme], waiting: Mapping[str, list[contacts.Contact]], shares: Shares
    ) -> Shares:
        """Claim until no line is free, nothing waits or it has taken long enough; the shares after it."""
        until = time.monotonic() + LONGEST_S
        weights = {each.name: each.campaign.weight for each in programmes}
        by_name = {each.name: each for each in programmes}
        shares = without_work(shares, frozenset(shares.turns) - {name for name in waiting if waiting[name]})
        while self.rooms.free():
            ready = {name: weights[name] for name, each in waiting.items() if each and self.rooms.of(name)}
            if not ready:
                break
            name = next_served(shares, ready)
            self.looked_at += 1
            one = self._one(by_name[name], waiting[name].pop(0))
            if one is not None:
                self.claimed.append(one)
                shares = served(shares, ready, name)
            if time.monotonic() > until:
                break
        return shares

    def _one(self, programme: Programme, contact: contacts.Contact) -> Claimed | None:
        trunk = self.rooms.trunk_for(contact.number)
        if trunk is None:
            _put_off_for_a_line(self.tx, self.app, contact, self.now)
            return None
        place = Place(next(self.nodes), trunk)
        one = self._claim(programme, contact, place)
        if one is not None:
            self.rooms.start(trunk.name, programme.name)
        return one

    def _claim(self, programme: Programme, contact: contacts.Contact, place: Place) -> Claimed | None:
        """Ask the rules once more and reserve; a contact that may not be called now waits or is settled."""
        tx, app, now = self.tx, self.app, self.now
        if contact.stale_at is not None and now >= contact.stale_at:
            drop_stale(tx, contact.id, contact.stale_at, now)
            return None
        known = self.known.about(tx, contact, now)
        answer = ask(app, programme, known._replace(event=None) if contact.test else known, now)
        if not answer.allowed:
            _put_off(tx, contact, answer, now)
            return None
        speech = _speech(app, programme, known, now)
        if why := flows.cannot_be_said(programme.campaign.script, speech):
            contacts.settle_undialled(tx, contact=contact.id, fate="refused_by_rule", reason=why, now=now)
            return None
        return _reserve(tx, programme, contact, place, speech, now, self.worker)


def _without_drained(tx: Tx, names: Sequence[str]) -> tuple[Sequence[str], str]:
    """The nodes that are not being drained; none: why."""
    drained = nodes.draining(tx)
    if not drained:
        return names, ""
    said = "; ".join(
        f"{each.node} is drained by {each.by}" for each in drained.values() if each.node in names
    )
    return [name for name in names if name not in drained], f"{said}: go on with `mai node undrain`"


def _put_off_for_a_line(tx: Tx, app: App, contact: contacts.Contact, now: datetime) -> None:
    """Lines are free, but of trunks that may not carry this number: others go first.

    Where no trunk of config.yaml may carry it, it waits until a person has mended that, or is stale.
    """
    carried = any(carries(trunk, contact.number) for trunk in app.config.trunks)
    later = now + (_LINE_AGAIN if carried else RECHECK)
    if (contact.test and not carried) or (contact.stale_at is not None and later >= contact.stale_at):
        why = "T8: no trunk that may carry this number was free in time"
        contacts.settle_undialled(tx, contact=contact.id, fate="refused_by_rule", reason=why, now=now)
    else:
        contacts.postpone(tx, contact=contact.id, due_at=later)


def _may_run(tx: Tx, app: App) -> tuple[list[Programme], str]:
    """The programmes that may start calls at all; and why nothing is dialled if there is nothing due."""
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
    return [installation.programmes[name] for name in running], NOTHING_DUE


def _due(tx: Tx, programme: Programme, now: datetime, limit: int) -> Sequence[contacts.Contact]:
    exhausted = programme.campaign.trigger.kind != "list" or lists.exhausted(tx, programme=programme.name)
    return contacts.due(tx, programme=programme.name, now=now, limit=limit, list_exhausted=exhausted)


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


def _speech(app: App, programme: Programme, known: Facts, now: datetime) -> Speech:
    """What will be said: of the programme's offers those that are left for this subscriber."""
    catalogue, today = app.installation.catalogue, now.astimezone(VIETNAM).date()
    offers = offers_of(programme, catalogue, known, today)
    return Speech(catalogue, offers, {"subscriber": known.subscriber, "event": known.event})


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
