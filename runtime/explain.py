"""Why is this number called, or not? Every programme, every rule in order, and what has happened to the number.

The verdicts come from the code that the dialer runs: `core.rules.may_contact` over what `store.facts` knows.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import flows
from core.campaigns import Class
from core.facts import Event, Facts, Programme
from core.offering import offers_of
from core.rules import Answer, Verdict, may_contact
from core.speech import Speech
from core.written import VIETNAM
from runtime.app import App
from runtime.named import programme_of
from store import explain as past
from store import journal, logs
from store.tx import Tx

Found = dict[str, Any]


async def explain(app: App, *, number: str, programme: str | None, at: datetime | None) -> list[Found]:
    """One object for each programme (or the one named), and a last one, `programme` null, for the rest.

    `number` is E.164; `at` aware, None: now. Raises WrongUsage for a programme that is not there,
    BadInstallation for one whose file is wrong.
    """
    if programme is not None:
        programme_of(app.installation, programme)
    now = app.now()
    moment = (at or now).astimezone(VIETNAM)
    return await app.store.read(
        partial(_explain, app=app, number=number, programme=programme, at=moment, now=now)
    )


def _explain(
    tx: Tx, *, app: App, number: str, programme: str | None, at: datetime, now: datetime
) -> list[Found]:
    chosen = [p for name, p in sorted(app.installation.programmes.items()) if programme in (None, name)]
    happened = _happened(tx, number)
    nobody: tuple[None, ...] = () if programme is None else (None,)  # what belongs to none has no line then
    shared = {"number": number, "at": at.isoformat()}
    refused = {
        "journal": [
            _entry(each) for each in journal.of_number(tx, number=number) if each.did != "revealed"
        ]  # who looked says nothing of why
    }
    lines = [
        shared
        | _programme(tx, app, each, number, at, now)
        | _of(happened, {each.name, *nobody}.__contains__)
        | refused
        for each in chosen
    ]
    if programme is None:
        loaded = set(app.installation.programmes)
        lines.append(shared | _NO_PROGRAMME | _of(happened, lambda p: p not in loaded) | refused)
    return lines


#: The last object: what belongs to no programme that is loaded.
_NO_PROGRAMME: Found = {
    **dict.fromkeys(
        ("programme", "title", "class", "version", "held_back", "event", "allowed", "rule", "reason")
    ),
    **{name: [] for name in ("verdicts", "messages", "offers", "doubts")},
}


def _happened(tx: Tx, number: str) -> Mapping[str, list[Found]]:
    """Everything that the logs know of a number, by what it was."""
    return {
        "triggers": [*logs.triggers(tx, number=number)],
        "planned": past.planned(tx, number=number),
        "called": [*logs.calls(tx, number=number)],
        "sent": [*logs.sms(tx, number=number)],
        "registered": [*logs.registrations(tx, number=number)],
    }


def _of(happened: Mapping[str, list[Found]], ours: Callable[[str | None], bool]) -> Found:
    return {kind: [each for each in rows if ours(each["programme"])] for kind, rows in happened.items()}


def _programme(tx: Tx, app: App, programme: Programme, number: str, at: datetime, now: datetime) -> Found:
    """What the rules say of a call and of each kind of message of this programme."""
    campaign, law = programme.campaign, app.installation.law
    event = _event(tx, programme, number, at)
    known = past.known_at(tx, number=number, programme=programme.name, event=event, at=at, now=now)
    call = may_contact(known.facts, programme, "voice", campaign.class_, at, law)
    kinds: dict[tuple[Class, str], list[str]] = {}
    for name, message in campaign.messages.items():
        kinds.setdefault((message.class_, message.sender), []).append(name)
    speech = _speech(app, programme, known.facts, at)
    unsaid = flows.cannot_be_said(campaign.script, speech)
    return {
        "programme": programme.name,
        "title": campaign.title,
        "class": campaign.class_,
        "version": programme.version,
        "held_back": app.installation.held_back.get(programme.name),
        "event": _event_shown(event),
        **_held_back(_also(_answer(call), unsaid), app.installation.held_back.get(programme.name)),
        "messages": [
            {"messages": names, "class": class_, "sender": sender}
            | _answer(may_contact(known.facts, programme, "sms", class_, at, law, sender=sender))
            for (class_, sender), names in kinds.items()
        ],
        "offers": list(speech.offers.values()),
        "doubts": [*known.doubts, *_other_version(tx, programme, at, now)],
    }


def _event(tx: Tx, programme: Programme, number: str, at: datetime) -> Event | None:
    """The event that the programme would answer to at that moment: the newest that is still fresh."""
    trigger = programme.campaign.trigger
    if trigger.kind == "list":
        return None
    return past.last_event(tx, number=number, kind=trigger.kind, since=at - trigger.fresh_for, at=at)


def _other_version(tx: Tx, programme: Programme, at: datetime, now: datetime) -> Iterable[str]:
    then = past.version_at(tx, programme=programme.name, at=at) if at < now else None
    if then is not None and then != programme.version:
        yield f"The programme was version {then} then; the verdicts are those of {programme.version}."


def _event_shown(event: Event | None) -> Found | None:
    if event is None:
        return None
    return {"id": event.id, "kind": event.kind, "at": event.at.isoformat(), "amount": event.amount}


def _answer(answer: Answer) -> Found:
    no = answer.no
    return {
        "allowed": answer.allowed,
        "rule": no.rule if no else None,
        "reason": no.reason if no else None,
        "verdicts": [_verdict(verdict) for verdict in answer.verdicts],
    }


def _speech(app: App, programme: Programme, known: Facts, at: datetime) -> Speech:
    """What would be said, with the offers that are left for this subscriber."""
    catalogue = app.installation.catalogue
    offers = offers_of(programme, catalogue, known, at.astimezone(VIETNAM).date())
    return Speech(catalogue, offers, {"subscriber": known.subscriber, "event": known.event})


def _also(answer: Found, unsaid: str | None) -> Found:
    """The dialer's last question, after the rules: can the script be said to this subscriber?"""
    if unsaid is None:
        return answer
    rule, _, reason = unsaid.partition(": ")
    line = {"rule": rule, "allowed": False, "seen": "nothing to say", "limit": "a script that can be said"}
    line |= {"reason": reason, "version": None, "again": None}
    first = {} if answer["rule"] else {"allowed": False, "rule": rule, "reason": reason}
    return answer | first | {"verdicts": [*answer["verdicts"], line]}


def _held_back(answer: Found, why: str | None) -> Found:
    """A programme that may not start (R11, O5 …) is asked no rule by the dialer: that comes first."""
    if why is None:
        return answer
    line = {"rule": "start", "allowed": False, "seen": "held back", "limit": "may start", "reason": why}
    line |= {"version": None, "again": None}
    return {"allowed": False, "rule": "start", "reason": why, "verdicts": [line, *answer["verdicts"]]}


def _verdict(verdict: Verdict) -> Found:
    return {
        "rule": verdict.rule,
        "allowed": verdict.allowed,
        "seen": verdict.seen,
        "limit": verdict.limit,
        "reason": verdict.reason or None,
        "version": verdict.version,
        "again": verdict.again.astimezone(VIETNAM).isoformat() if verdict.again else None,
    }


def _entry(each: journal.Entry) -> Found:
    return {
        "at": each.at.isoformat(),
        "by": each.by,
        "did": each.did,
        "reason": each.reason,
        "ref": each.ref,
    }
