"""The small world of the store's tests: one morning, a few numbers, a contact's way through the states."""

from datetime import datetime, timedelta

from core.after_call import AfterCall, NewMessage, NewRegistration
from core.campaigns import Class
from core.facts import Event
from core.outcomes import Outcome
from core.written import VIETNAM
from store import calls, contacts, reports, triggers
from store.database import Tx

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=VIETNAM)
AN = "+84901234567"
BINH = "+84907654321"
#: Who takes work in these tests.
WORKER = "worker-1"


def later(**parts: float) -> datetime:
    return NOW + timedelta(**parts)


def topup(id: str = "t1", number: str = AN, amount: int = 50_000, at: datetime = NOW) -> Event:
    return Event(id=id, kind="topup", number=number, at=at, amount=amount)


def contact(
    id: str = "c1",
    *,
    number: str = AN,
    programme: str = "topup",
    class_: Class = "advertising",
    trigger: str | None = None,
    due_at: datetime = NOW,
) -> contacts.NewContact:
    return contacts.NewContact(
        id=id,
        programme=programme,
        version="v1",
        class_=class_,
        unit="ctkv2",
        number=number,
        due_at=due_at,
        trigger=trigger,
    )


def message(
    key: str,
    *,
    number: str = AN,
    class_: Class = "advertising",
    policy: str = "once",
    due_at: datetime = NOW,
    after: str | None = None,
) -> NewMessage:
    return NewMessage(
        key=key,
        programme="topup",
        class_=class_,
        kind=key.partition(":")[0],
        policy="at_least_once" if policy == "at_least_once" else "once",
        number=number,
        sender="8989",
        text="[QC] C90N",
        due_at=due_at,
        valid_until=due_at + timedelta(hours=10),
        after=after,
    )


def dialing(
    tx: Tx, contact_id: str = "c1", call: str = "call-1", *, at: datetime = NOW, number: str = AN
) -> None:
    """A contact with its event, claimed: the call is dialing."""
    triggers.add(tx, event=topup(f"t-{contact_id}", number), received_at=at)
    contacts.plan(tx, contact(contact_id, trigger=f"t-{contact_id}", number=number), now=at)
    triggers.planned(tx, id=f"t-{contact_id}", programme="topup")
    claim(tx, contact_id, call, at=at)


def claim(tx: Tx, contact_id: str, call: str, *, at: datetime = NOW) -> bool:
    new = contacts.NewCall(id=call, wall_at=at, offer=("C90N", "BL5G"), node="ast1", trunk="mobifone")
    return contacts.claim(tx, contact_id, new, now=at)


def end(
    tx: Tx,
    call: str,
    outcome: Outcome,
    after: AfterCall = calls.NOTHING,
    *,
    rang: bool = True,
    at: datetime = NOW,
) -> bool:
    return calls.finish(tx, calls.Ended(call, outcome, at, rang), after, now=at)


REGISTER = AfterCall(registration=NewRegistration(package="C90N", offer="1"))


def contacts_of(tx: Tx, *, programme: str) -> dict[str, int]:
    """How many contacts there are by state, as `mai report` says it."""
    found: dict[str, int] = reports.report(tx, programme=programme, of_events=False)["contacts"]
    return found
