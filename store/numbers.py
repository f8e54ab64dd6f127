"""What holds for a number whatever the programme: its lock, and its refusal of advertising (R6, O21)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, or_, select, text, update

from store import journal
from store.contacts import count_withdrawn
from store.prepared import Prepared, among, listed
from store.schema import calls, contacts, messages, numbers, triggers
from store.times import us
from store.tx import Tx, word, words

#: Only PostgreSQL has locks of rows.
_KNOWN = Prepared(
    text("INSERT INTO numbers (number) SELECT unnest(:numbers) ON CONFLICT DO NOTHING").bindparams(
        listed("numbers")
    )
)
_LOCK = Prepared(
    select(numbers.c.number)
    .where(among(numbers.c.number, "numbers"))
    .order_by(numbers.c.number)
    .with_for_update()
)


def lock(tx: Tx, *these: str) -> None:
    """Nobody else decides about these numbers until this transaction ends.

    To be taken before `facts_for` by whoever reserves a contact or a message: two controllers that ask at the
    same instant call once (R7). All at once and in their order: two controllers never wait for each other. SQLite
    has one writer and needs no lock.
    """
    if tx.on_postgres and these:
        wanted = {"numbers": sorted(set(these))}
        tx.execute(_KNOWN, wanted)
        tx.execute(_LOCK, wanted)


def refuse(tx: Tx, *, number: str, at: datetime, via: str, ref: str | None, by: str = "subscriber") -> bool:
    """R6: from this moment no more advertising; what is queued is withdrawn, the first refusal stands.

    `via`: key, sms, console or cli; `ref`: the call or message that carried it; `by`: who recorded it, for
    the journal. Withdraws advertising messages and contacts that are still due, in this same transaction;
    calls that are up are ended by who makes them (`refused_while_called`), woken after the commit.
    True: it is the first refusal.
    """
    _lock_due(tx, number)
    tx.insert_new(numbers, {"number": number})
    first = tx.execute(
        update(numbers)
        .where(numbers.c.number == number, numbers.c.refused_at.is_(None))
        .values(refused_at=us(at), refused_via=via, refused_ref=ref)
    ).rowcount
    if first == 1:
        journal.write(tx, at=at, by=by, did="refused", number=number, reason=f"by {via}", ref=ref)
    tx.execute(
        update(messages)
        .where(messages.c.state == word("due"), messages.c.number == number)
        .where(messages.c["class"] == "advertising")
        .values(state="dropped", reason="R6: the subscriber refused advertising")
    )
    _withdraw_contacts(tx, number, us(at))
    tx.wake("messages", "refusals")
    return first == 1


def _lock_due(tx: Tx, number: str) -> None:
    """A dialer and a gateway lock what is due before its number: in the same order nobody waits in a circle."""
    if tx.on_postgres:
        for table in (contacts, messages):
            due = select(table.c.id).where(table.c.number == number, table.c.state == word("due"))
            tx.execute(due.order_by(table.c.id).with_for_update())


@dataclass(frozen=True)
class RefusedWhileCalled:
    """An advertising call that is still up, to a number that refused by another way."""

    id: str
    via: str  #: key, sms, console or cli


_REFUSED_WHILE_CALLED = Prepared(
    select(calls.c.id, numbers.c.refused_via)
    .select_from(calls.join(numbers, numbers.c.number == calls.c.number))
    .where(calls.c.state.in_(words("dialing", "up")), calls.c.direction == "out")
    .where(calls.c["class"] == "advertising", numbers.c.refused_at.is_not(None))
    .where(or_(numbers.c.refused_ref.is_(None), numbers.c.refused_ref != calls.c.id))
)


def refused_while_called(tx: Tx) -> tuple[RefusedWhileCalled, ...]:
    """R6: the advertising calls that must end now. Not the call whose own key refused: it says so and ends."""
    return tuple(RefusedWhileCalled(row.id, row.refused_via) for row in tx.execute(_REFUSED_WHILE_CALLED))


_WITHDRAWN = (contacts.c.trigger, contacts.c.programme, contacts.c.pass_no, contacts.c.attempts)


def _withdraw_contacts(tx: Tx, number: str, at: int) -> None:
    due = (contacts.c.number == number, contacts.c.state == word("due"), contacts.c["class"] == "advertising")
    withdrawn = tx.execute(select(*_WITHDRAWN).where(*due)).all()
    if not withdrawn:
        return
    reason = "R6: the subscriber refused advertising"
    tx.execute(update(contacts).where(*due).values(state="done", reason=reason, ended_at=at))
    for row in withdrawn:
        count_withdrawn(tx, row, reason)
    tx.execute(
        update(triggers)
        .where(triggers.c.id.in_([row.trigger for row in withdrawn if row.trigger]))
        .where(triggers.c.fate.is_(None))
        .values(state="done", fate="refused_by_rule", rule=reason)
    )


def allow_again(tx: Tx, *, number: str, at: datetime, by: str, reason: str) -> bool:
    """The subscriber takes the refusal back, as a person recorded it. Returns whether there was one.

    The journal keeps the refusal, who took it back and why (R13).
    """
    withdrawn = (
        update(numbers)
        .where(numbers.c.number == number, numbers.c.refused_at.is_not(None))
        .values(refused_at=None, refused_via=None, refused_ref=None)
    )
    if tx.execute(withdrawn).rowcount != 1:
        return False
    journal.write(tx, at=at, by=by, did="refusal_undone", number=number, reason=reason)
    return True


_REFUSED_BY = Prepared(
    select(numbers.c.refused_ref).where(
        numbers.c.number == bindparam("number"), numbers.c.refused_at.is_not(None)
    )
)


def refused_by(tx: Tx, *, number: str) -> str | None:
    """The call or message that carried the refusal that holds; None: none holds, or a person recorded it."""
    ref: str | None = tx.execute(_REFUSED_BY, {"number": number}).scalar_one_or_none()
    return ref
