"""What do the SMSCs tell us? Receipts and messages from subscribers, committed before they are acknowledged."""

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from core.after_call import NewMessage, from_the_house, refusal_confirmed
from core.messages import finished
from core.numbers import BadNumber, subscriber_number
from core.ordering import Order, not_on_sale, order_of
from core.refusal import is_help, is_refusal
from core.written import VIETNAM
from runtime.app import App
from runtime.logs import log
from smpp import statuses
from smpp.gathered import Gathered
from smpp.pdu import TAG_USER_MESSAGE_REFERENCE, DataSm, DeliverSm, tlv
from smpp.receipts import Receipt, State, id_forms, receipt_of
from smpp.segments import Part, join, part_of
from store import messages, numbers, parts, received, registrations
from store.deliveries import Came
from store.received import LongPart
from store.tx import Tx

logger = log("sms")

#: A long message whose parts stop coming is read as far as it came after this time: a refusal in it holds (R6).
_PARTS_EXPIRE = timedelta(minutes=5)
#: How long parts that were joined are remembered, to know them when they are delivered again.
_JOINED_EXPIRE = timedelta(hours=6)

_STATES: dict[State, parts.Receipt] = {
    State.DELIVERED: "delivered",
    State.EXPIRED: "failed",
    State.DELETED: "failed",
    State.UNDELIVERABLE: "failed",
    State.REJECTED: "failed",
}


async def take_incoming(
    app: App,
    bind: str,
    pdu: DeliverSm | DataSm,
    counts: Counter[str] | None = None,
    gathered: Gathered | None = None,
) -> int:
    """Store what came over a bind and act on it in the same transaction; returns the command_status to answer.

    `counts`: receipts, and messages (parts of long ones are one each), as they are stored. `gathered`: where the bind's
    receipts share their transactions.
    """
    receipt = receipt_of(pdu)
    if receipt is not None:
        await (gathered or Gathered(app)).take(_came(bind, pdu, receipt))
    else:
        await app.store.write(lambda tx: _take_message(tx, app, bind, pdu))
    if counts is not None:
        counts["receipts" if receipt is not None else "messages"] += 1
    return statuses.OK


def _hash(*named: object) -> str:
    """Names a message over redeliveries, which have a new sequence number."""
    return hashlib.sha256(repr(named).encode()).hexdigest()[:32]


def _number(digits: str) -> str:
    """The subscriber's number as we keep it; what is none (a short code, a name) stays as it came."""
    for written in (digits, f"0{digits}"):  # some SMSCs write national numbers without their 0
        try:
            return subscriber_number(written)
        except BadNumber:
            continue
    return digits


def _came(bind: str, pdu: DeliverSm | DataSm, receipt: Receipt) -> Came:
    octets = b"" if isinstance(pdu, DataSm) else pdu.short_message
    reference = tlv(pdu, TAG_USER_MESSAGE_REFERENCE)
    return Came(
        id=_hash(pdu.source_addr, pdu.destination_addr, pdu.esm_class, pdu.data_coding, octets, pdu.tlvs),
        bind=bind,
        smsc_ids=id_forms(receipt.message_id) if receipt.message_id else (),
        state=_STATES.get(receipt.state) if receipt.final else None,
        number=_number(pdu.source_addr),
        to=pdu.destination_addr,
        text=f"{receipt.state} {receipt.error}".strip(),
        reference=int.from_bytes(reference, "big") if reference else None,
    )


def _take_message(tx: Tx, app: App, bind: str, pdu: DeliverSm | DataSm) -> None:
    """A message, or a part of one: with its last part the whole is stored and acted upon."""
    part, now = part_of(pdu), app.now()
    number, to = _number(pdu.source_addr), pdu.destination_addr
    label = (part.method, part.reference, part.total, part.number)
    name = _hash(pdu.source_addr, to, pdu.esm_class, part.data_coding, part.octets, label)
    if part.method is None:
        _take_whole(tx, app, bind, number, to, [part], name, now)
        return
    long = LongPart(
        number, to, part.method, part.reference, part.total, part.number, part.octets, part.data_coding, name
    )
    complete = received.add_part(tx, long, bind=bind, at=now)
    if complete is not None:
        whole = _hash(*(each.hash for each in complete))
        _take_whole(tx, app, bind, number, to, [_part(each) for each in complete], whole, now)


def _part(long: LongPart) -> Part:
    return Part(None, long.reference, long.total, long.part, long.octets, long.data_coding)


def _take_whole(
    tx: Tx,
    app: App,
    bind: str | None,
    number: str,
    to: str,
    came: list[Part],
    name: str,
    now: datetime,
    *,
    complete: bool = True,
) -> None:
    """Store a message that is complete, or as much of it as came, and act on its words once.

    What is not complete orders nothing: its other half may say "not".
    """
    text = join([replace(part, total=len(came)) for part in came]) or ""
    stored = received.add(tx, id=name, number=number, to=to, text=text, bind=bind, at=now)
    if not number.startswith("+84"):
        return
    if is_refusal(
        text
    ):  # also what looks like a redelivery: a refusal that was taken back may come again (R6)
        _refuse(tx, app, number, stored or name, now)
    elif stored is None:
        return
    elif is_help(text):
        messages.add(tx, _help(app, number, now), now=now)
        received.done(tx, id=stored, as_="help")
    elif complete and (order := _order(app, text, now)) is not None:
        if order.package is None:
            told = not_on_sale(number, text, app.sender_to(to), app.config.texts, now)
            messages.add(tx, told, now=now)
        else:
            registrations.add_order(tx, received=stored, number=number, package=order.package, now=now)
            logger.info("registration by SMS", number=number, package=order.package)
        received.done(tx, id=stored, as_="order" if order.package else "not_on_sale")


def _order(app: App, text: str, now: datetime) -> Order | None:
    """What the SMS orders, where there is a registration system to ask."""
    settings = app.config.registration
    if settings is None:
        return None
    return order_of(text, settings.keywords, app.installation.catalogue, now.astimezone(VIETNAM).date())


def _refuse(tx: Tx, app: App, number: str, ref: str, now: datetime) -> None:
    """R6: it holds at once, for every programme, and is confirmed one time."""
    if numbers.refuse(tx, number=number, at=now, via="sms", ref=ref):
        messages.add(tx, refusal_confirmed(number, ref, app.config.texts, now), now=now)
    received.done(tx, id=ref, as_="refusal")
    logger.info("refusal by SMS", number=number)


def _help(app: App, number: str, now: datetime) -> NewMessage:
    """What can be asked; once a day, so that two machines never talk to each other for ever."""
    texts = app.config.texts
    key, text = f"help:{number}:{now:%Y-%m-%d}", finished(texts.help, "transactional", texts)
    until = now + timedelta(hours=1)
    return from_the_house(key, "help", number, texts.refusal_sender, text, now, valid_until=until)


def join_incomplete(tx: Tx, *, app: App, now: datetime) -> int:
    """Long messages whose parts stopped coming, read as far as they came: a refusal in them holds. How many."""
    received.forget_joined(tx, before=now - _JOINED_EXPIRE)
    taken = received.incomplete(tx, before=now - _PARTS_EXPIRE)
    for came in taken:
        first = came[0]
        name = _hash(*(each.hash for each in came))
        parts_ = [_part(each) for each in came]
        _take_whole(tx, app, None, first.number, first.to, parts_, name, now, complete=False)
    return len(taken)
