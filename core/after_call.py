"""What follows a call? One pure decision, written in the same transaction as the outcome.

What follows a registration is decided here too, when its answer is known. Default by outcome (DESIGN.md §5),
the names are keys of the campaign's `messages`; `after:` in the campaign file says otherwise, an empty entry
says nothing:

    no_answer, busy -> missed        no_key, hung_up -> offer        a key that agrees -> link
    a key that registers -> registration -> thanks (SMS1), registered (SMS2), or not_registered
    refused -> refusal and its confirmation, nothing else, whatever the campaign file says
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from core.campaigns import DAY, Class, Follow, Message
from core.config import Texts
from core.facts import Event, Law, Programme, Subscriber
from core.messages import compose, finished
from core.outcomes import Outcome
from core.packages import Catalogue
from core.phone import Decision
from core.rules_of_law import margin_of, windows_of
from core.templates import BadTemplate, Offer, offer_of
from core.windows import end_of_window, next_allowed

Policy = Literal["once", "at_least_once"]


@dataclass(frozen=True)
class NewMessage:
    """A message row to be written. `key` names the business event and is unique: `missed:<contact id>`."""

    key: str
    programme: str | None
    class_: Class
    kind: str
    policy: Policy
    number: str
    sender: str
    text: str
    due_at: datetime
    valid_until: datetime | None  #: never past the last allowed moment of its windows
    after: str | None = None  #: key of the message that must be settled before
    state: Literal["due", "dropped"] = "due"  #: dropped: kept for the log only (O8)
    reason: str | None = None  #: why it was dropped


@dataclass(frozen=True)
class NewRegistration:
    """A registration row to be written; its id is the idempotency key."""

    package: str
    offer: str  #: key of the offer in the campaign


@dataclass(frozen=True)
class AfterCall:
    """What follows: everything empty means nothing follows."""

    registration: NewRegistration | None = None
    messages: tuple[NewMessage, ...] = ()
    retry_at: datetime | None = None
    retry_pass: int | None = None  #: the pass that the retry belongs to
    refuse: bool = False


@dataclass(frozen=True)
class EndedCall:
    """One attempt that is over."""

    contact: str  #: id
    call: str  #: id
    number: str
    outcome: Outcome
    started_at: datetime
    decision: Decision | None = None  #: outweighs the outcome
    attempts: int = 1  #: of this contact, this one included
    pass_no: int = 1
    offers: Mapping[str, str] = field(default_factory=dict)  #: offered in this call: key -> package code
    subscriber: Subscriber | None = None
    event: Event | None = None
    refused_before: bool = False  #: the number had refused already: not confirmed a second time (R6)


@dataclass(frozen=True)
class EndedRegistration:
    """A registration whose fate is settled; `unknown` too, after the last try."""

    id: str
    number: str
    package: str
    state: Literal["registered", "refused", "failed", "unknown"]
    message: str | None = None  #: the text that the registration system answered with
    subscriber: Subscriber | None = None
    event: Event | None = None


@dataclass(frozen=True)
class House:
    """What does not depend on the call: the catalogue, the house's texts, the figures of the law."""

    catalogue: Catalogue
    texts: Texts = field(default_factory=Texts)
    law: Law = field(default_factory=Law)


_DEFAULT_SMS = {
    Outcome.NO_ANSWER: "missed",
    Outcome.BUSY: "missed",
    Outcome.NO_KEY: "offer",
    Outcome.HUNG_UP: "offer",
}
#: Sent after the registration, never at the end of the call.
_OF_REGISTRATION = frozenset({"thanks", "registered", "not_registered", "unconfirmed"})
#: Whatever a campaign file says: who decided is not called again, nor is a call whose fate is unknown (R7).
_NEVER_RETRIED = frozenset({Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN})
_UNFILLABLE = (BadTemplate, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def after_call(ended: EndedCall, programme: Programme, house: House, now: datetime) -> AfterCall:
    """What follows this attempt; never raises for a text that cannot be filled: that message is dropped."""
    decision = ended.decision
    outcome = decision.outcome if decision else ended.outcome
    if outcome is Outcome.REFUSED:
        confirmed = refusal_confirmed(ended.number, ended.call, house.texts, now, programme.name)
        return AfterCall(refuse=True, messages=() if ended.refused_before else (confirmed,))
    follow = programme.campaign.after.get(outcome)
    registers = decision is not None and decision.kind == "register"
    name = _sms_name(follow, outcome, decision)
    if name is None or name not in programme.campaign.messages or (registers and name in _OF_REGISTRATION):
        messages: tuple[NewMessage, ...] = ()
    else:
        messages = (_message_of_call(ended, name, decision, _Scene(programme, house, now)),)
    retry_at, retry_pass = _retry(ended, outcome, follow, programme, house.law, now)
    return AfterCall(_registration(decision, programme), messages, retry_at, retry_pass)


def _sms_name(follow: Follow | None, outcome: Outcome, decision: Decision | None) -> str | None:
    if follow is not None:
        return follow.sms
    if decision is not None:
        return "link" if decision.kind == "agree" else None
    return _DEFAULT_SMS.get(outcome)


def _registration(decision: Decision | None, programme: Programme) -> NewRegistration | None:
    if decision is None or decision.kind != "register" or decision.package is None:
        return None
    offers = programme.campaign.offers
    key = decision.offer or next((k for k, code in offers.items() if code == decision.package), "")
    return NewRegistration(decision.package, key)


@dataclass(frozen=True)
class _Scene:
    programme: Programme
    house: House
    now: datetime

    def offers(self, offers: Mapping[str, str]) -> dict[str, Offer]:
        return {key: self.offer(code) for key, code in offers.items()}

    def offer(self, code: str) -> Offer:
        """The package as templates see it; one that left the catalogue meanwhile still has its name."""
        package = self.house.catalogue.packages.get(code)
        return offer_of(code, package) if package else Offer(code, "", "", "", "", 0)


def _message_of_call(ended: EndedCall, name: str, decision: Decision | None, scene: _Scene) -> NewMessage:
    message = scene.programme.campaign.messages[name]
    offers = scene.offers(ended.offers or scene.programme.campaign.offers)
    first = next(iter(offers.values()), None)
    values = {
        "offer": offers.get(message.offer or "", first),
        "offers": offers,
        "subscriber": ended.subscriber,
        "event": ended.event,
    }
    # B5: what follows an agreement is sent once per subscriber, not per call.
    agreed = decision is not None and decision.kind == "agree"
    key = f"{name}:{scene.programme.name}:{ended.number}" if agreed else f"{name}:{ended.contact}"
    return _new_message(key, name, ended.number, message, values, scene)


def _retry(
    ended: EndedCall,
    outcome: Outcome,
    follow: Follow | None,
    programme: Programme,
    law: Law,
    now: datetime,
) -> tuple[datetime | None, int | None]:
    """When to call again and in which pass; (None, None): not again.

    Advertising is not tried again before its 24 hours are over (R7): the gate would only refuse it.
    """
    retry = follow.retry if follow else None
    if retry is None or outcome in _NEVER_RETRIED or ended.attempts > retry.times:
        return None, None
    class_ = programme.campaign.class_
    earliest = now + retry.after
    if class_ == "advertising":
        earliest = max(earliest, ended.started_at + DAY)
    moment = next_allowed(
        windows_of(programme, "voice", class_, law),
        earliest,
        margin=margin_of("voice", law),
        rest_days=class_ != "care",
        extra_days=law.extra_tet_days,
    )
    if moment is None:
        return None, None
    return moment, ended.pass_no + 1 if retry.after_first_pass else ended.pass_no


def from_the_house(
    key: str,
    kind: str,
    number: str,
    sender: str,
    text: str,
    now: datetime,
    *,
    policy: Policy = "once",
    programme: str | None = None,
    valid_until: datetime | None = None,
) -> NewMessage:
    """A transactional message that the house writes by itself, due at once; `text` is finished."""
    return NewMessage(
        key=key,
        programme=programme,
        class_="transactional",
        kind=kind,
        policy=policy,
        number=number,
        sender=sender,
        text=text,
        due_at=now,
        valid_until=valid_until,
    )


def refusal_confirmed(
    number: str, ref: str, texts: Texts, now: datetime, programme: str | None = None
) -> NewMessage:
    """R6: a refusal is confirmed at once, one time, without advertising. `ref`: the call or message of it."""
    text = finished(texts.refusal_confirmed, "transactional", texts)
    return from_the_house(
        f"refusal:{ref}", "refusal_confirmed", number, texts.refusal_sender, text, now, programme=programme
    )


def after_registration(
    ended: EndedRegistration, programme: Programme, house: House, now: datetime
) -> tuple[NewMessage, ...]:
    """The messages that tell the subscriber how the registration ended (O13).

    Registered: thanks (SMS1), and after it what the registration system said (SMS2), if it said anything.
    Refused or failed: told honestly, in the system's words where it gave some. Unknown: told that it could
    not be confirmed; neither thanks nor a no would be true. Such texts default to the house's.
    """
    scene = _Scene(programme, house, now)
    if ended.state == "registered":
        return _thanks(ended, scene)
    unknown = ended.state == "unknown"
    message = _told("unconfirmed" if unknown else "not_registered", scene)
    if message.text is None:
        default = house.texts.unconfirmed if unknown else house.texts.not_registered
        message = message.model_copy(update={"text": default})
    said = ended.message if ended.state == "refused" else None
    return (_of_registration("not_registered", ended, message, scene, said=said),)


def _thanks(ended: EndedRegistration, scene: _Scene) -> tuple[NewMessage, ...]:
    written = scene.programme.campaign.messages.get("thanks")
    first = () if written is None else (_of_registration("thanks", ended, written, scene),)
    if not ended.message:
        return first
    after = first[0].key if first else None
    second = _told("registered", scene)
    return (*first, _of_registration("registered", ended, second, scene, said=ended.message, after=after))


def _told(name: str, scene: _Scene) -> Message:
    """The campaign's message of that name, else a transactional one from the sender of its thanks."""
    messages = scene.programme.campaign.messages
    if name in messages:
        return messages[name]
    sender = messages["thanks"].sender if "thanks" in messages else scene.house.texts.refusal_sender
    return Message.model_validate({"class": "transactional", "sender": sender})


def _of_registration(
    kind: str,
    ended: EndedRegistration,
    message: Message,
    scene: _Scene,
    *,
    said: str | None = None,
    after: str | None = None,
) -> NewMessage:
    values = {
        "offer": scene.offer(ended.package),
        "offers": scene.offers(scene.programme.campaign.offers),
        "subscriber": ended.subscriber,
        "event": ended.event,
    }
    key = f"{kind}:{ended.id}"
    return _new_message(key, kind, ended.number, message, values, scene, said=said, after=after)


def _new_message(
    key: str,
    kind: str,
    number: str,
    message: Message,
    values: Mapping[str, Any],
    scene: _Scene,
    *,
    said: str | None = None,
    after: str | None = None,
) -> NewMessage:
    """The row of a message. `said`: the text that another system wrote, in place of the template."""
    class_, house = message.class_, scene.house.texts
    due_at, valid_until, reason = _due(class_, message.valid_for, scene)
    try:
        if said:
            text = finished(said, class_, house, remove_marks=message.remove_marks)
        else:
            text = compose(message.text or "", class_, values, house, remove_marks=message.remove_marks)
    except _UNFILLABLE as error:
        text, reason = "", f"the text cannot be filled: {error}"
    told = kind in _OF_REGISTRATION and class_ == "transactional"
    return NewMessage(
        key=key,
        programme=scene.programme.name,
        class_=class_,
        kind=kind,
        policy="at_least_once" if told else "once",
        number=number,
        sender=message.sender,
        text=text,
        due_at=due_at,
        valid_until=valid_until,
        after=after,
        state="dropped" if reason else "due",
        reason=reason,
    )


def _due(class_: Class, valid_for: timedelta, scene: _Scene) -> tuple[datetime, datetime | None, str | None]:
    """O8: when it may go out, until when it is worth sending, and why it never will (None: it will).

    Transactional messages go at once and stay true. Others wait for the next allowed moment; their validity
    ends with the window, so that none is delivered after it.
    """
    now, law = scene.now, scene.house.law
    if class_ == "transactional":
        return now, None, None
    windows = windows_of(scene.programme, "sms", class_, law)
    due = next_allowed(windows, now, rest_days=class_ != "care", extra_days=law.extra_tet_days)
    until = now + valid_for
    end = end_of_window(windows, due) if due else None
    if due is None or end is None or due >= until:
        return now, until, "R8: no allowed moment within its validity"
    return due, min(until, end), None
