"""What is known about a number at this moment? Reads the frozen values that `core.rules` looks at."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, literal_column, select

from core.campaigns import Channel
from core.facts import Event, Facts, Subscriber, Touch
from core.outcomes import Outcome
from core.written import VIETNAM
from store import lists, settings
from store.prepared import Prepared
from store.schema import calls, contacts, messages, numbers
from store.times import moment, us
from store.tx import Tx, word, words

#: R7 looks back 24 h, to the second; what lies a little before does no harm.
HISTORY = timedelta(hours=25)
#: A message in one of these was felt, or may have been.
FELT = ("sending", "accepted", "delivered", "unknown")
_CHANNELS: dict[str, frozenset[Channel]] = {
    "voice": frozenset(("voice",)),
    "sms": frozenset(("sms",)),
    "both": frozenset(("voice", "sms")),
}


def facts_for(
    tx: Tx,
    *,
    number: str,
    programme: str,
    event: Event | None = None,
    now: datetime,
    contact: str | None = None,
    message: str | None = None,
    found: Mapping[tuple[str, str], lists.InForce] | None = None,
) -> Facts:
    """Everything that `may_contact` may look at, for one number at one moment.

    `contact`, `message`: the one that is being decided about; it does not count against itself (B3's retry is
    not "called before"). Whoever reserves takes `numbers.lock` first. `found`: other versions of the lists than
    those in force, for a look at the past.
    """
    if found is None:
        found = lists.in_force(tx, programme=programme)
    do_not_call = found.get(("dnc", ""))
    on_list = lists.look_up(tx, do_not_call, number=number)
    return Facts(
        number=number,
        subscriber=subscriber_of(number, lists.look_up(tx, found.get(("subscribers", "")), number=number)),
        history=(*_calls(tx, number, now), *_messages(tx, number, now, message)),
        refused_at=_refused_at(tx, number),
        do_not_call=do_not_call.state if do_not_call else None,
        on_do_not_call=blocked_channels(on_list),
        excluded=_excluded(tx, found, number, programme),
        called_before=_called_before(tx, number, programme, contact),
        paused=settings.paused_by(tx, programme=programme),
        event=event,
    )


def blocked_channels(row: tuple[Any, ...] | None) -> frozenset[Channel]:
    """R2: what the DoNotCall list's row of a number forbids; a word that is not known means both."""
    return _CHANNELS.get(row[0], _CHANNELS["both"]) if row else frozenset()


def no_advertising_sms(tx: Tx, *, number: str) -> str | None:
    """Why this number gets no advertising SMS, whatever the programme (R2, R6); None: neither says no."""
    if (refused := _refused_at(tx, number)) is not None:
        return f"R6: this number refused advertising on {refused.astimezone(VIETNAM):%d/%m/%Y %H:%M}"
    listed = lists.look_up(tx, lists.in_force(tx, programme="").get(("dnc", "")), number=number)
    return (
        "R2: this number is on the DoNotCall register for SMS" if "sms" in blocked_channels(listed) else None
    )


def subscriber(tx: Tx, *, number: str) -> Subscriber | None:
    """A number's row of the subscribers base in force."""
    version = lists.in_force(tx, programme="").get(("subscribers", ""))
    return subscriber_of(number, lists.look_up(tx, version, number=number))


_CALLS = Prepared(
    select(
        calls.c.id,
        calls.c["class"],
        calls.c.programme,
        calls.c.started_at,
        calls.c.rang_at,
        calls.c.answered_at,
        calls.c.outcome,
    )
    .where(
        calls.c.number == bindparam("number"),
        calls.c.started_at > bindparam("since"),
        calls.c.direction == word("out"),
        calls.c.keeps_slot,
    )
    .order_by(calls.c.started_at)
)
_MESSAGES = Prepared(
    select(messages.c.id, messages.c["class"], messages.c.programme, messages.c.sending_at)
    .where(
        messages.c.number == bindparam("number"),
        messages.c.sending_at > bindparam("since"),
        messages.c.state.in_(words(*FELT)),
        messages.c.id != bindparam("without"),
    )
    .order_by(messages.c.sending_at)
)
_REFUSED = Prepared(select(numbers.c.refused_at).where(numbers.c.number == bindparam("number")))
_CALLED_BEFORE = Prepared(
    select(contacts.c.id)
    .where(
        contacts.c.number == bindparam("number"),
        contacts.c.programme == bindparam("programme"),
        contacts.c.attempts > 0,
        contacts.c.id != bindparam("without"),
    )
    .limit(literal_column("1"))
)


def felt_at(row: Any) -> datetime:
    """R7: a call's 24 hours are counted from when its phone rang, which may be seconds after its claim."""
    at: datetime = moment(max(row.started_at, row.rang_at or row.answered_at or 0))
    return at


def _calls(tx: Tx, number: str, now: datetime) -> tuple[Touch, ...]:
    rows = tx.execute(_CALLS, {"number": number, "since": us(now - HISTORY)})
    return tuple(
        Touch(
            kind="voice",
            class_=row.class_ or "advertising",
            programme=row.programme or "",
            at=felt_at(row),
            outcome=Outcome(row.outcome) if row.outcome else None,
            ref=row.id,
        )
        for row in rows
    )


def _messages(tx: Tx, number: str, now: datetime, without: str | None) -> tuple[Touch, ...]:
    wanted = {"number": number, "since": us(now - HISTORY), "without": without or ""}
    return tuple(
        Touch(
            kind="sms",
            class_=row.class_,
            programme=row.programme or "",
            at=moment(row.sending_at),
            ref=row.id,
        )
        for row in tx.execute(_MESSAGES, wanted)
    )


def _refused_at(tx: Tx, number: str) -> datetime | None:
    at: int | None = tx.execute(_REFUSED, {"number": number}).scalar_one_or_none()
    return moment(at)


def _called_before(tx: Tx, number: str, programme: str, contact: str | None) -> bool:
    wanted = {"number": number, "programme": programme, "without": contact or ""}
    return tx.execute(_CALLED_BEFORE, wanted).first() is not None


def _excluded(
    tx: Tx, found: Mapping[tuple[str, str], lists.InForce], number: str, programme: str
) -> str | None:
    for whose in ("", programme):
        row = lists.look_up(tx, found.get(("exclusions", whose)), number=number)
        if row is not None:
            return str(row[0] or "on the exclusion list")
    return None


def row_of(known: Subscriber) -> dict[str, Any]:
    """A subscriber as a row that `lists.build` takes."""
    plain = (
        "number",
        "payment",
        "device",
        "region",
        "status",
        "vlr",
        "segment",
        "tariff",
        "balance",
        "consent",
    )
    row = {name: getattr(known, name) for name in plain}
    for name in ("arpu", "arpu_data", "arpu_voice"):
        row |= {f"{name}_{month}": value for month, value in enumerate(getattr(known, name), start=1)}
    return row | {
        "activated_on": known.activated_on.isoformat() if known.activated_on else None,
        "packages": _written(known.packages),
        "flags": _written(known.flags),
    }


def subscriber_of(number: str, row: tuple[Any, ...] | None) -> Subscriber | None:
    """A row of the subscribers base."""
    if row is None:
        return None
    # in the order of `lists.COLUMNS`; made for every number that is asked about, so by place
    (payment, device, region, status, vlr, segment, tariff, since, t1, t2, t3, d1, d2, d3, v1, v2, v3,
     balance, packages, flags, consent) = row  # fmt: skip
    return Subscriber(
        number, payment, device, region, status, None if vlr is None else bool(vlr), segment, tariff,
        date.fromisoformat(since) if since else None, (t1, t2, t3), (d1, d2, d3), (v1, v2, v3), balance,
        _set_of(packages), _set_of(flags), consent or None,
    )  # fmt: skip


def _written(names: frozenset[str] | None) -> str | None:
    return None if names is None else ";".join(sorted(names))


@lru_cache(maxsize=4096)
def _set_of(written: str | None) -> frozenset[str] | None:
    """NULL is unknown, an empty text is known to be none."""
    return None if written is None else frozenset(name for name in written.split(";") if name)
