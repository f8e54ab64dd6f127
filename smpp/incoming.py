"""What do the SMSCs tell us? Receipts and messages from subscribers, committed before they are acknowledged."""

import hashlib
from dataclasses import replace

from core.after_call import refusal_confirmed
from core.numbers import BadNumber, subscriber_number
from core.refusal import is_refusal
from runtime.app import App
from runtime.logs import log
from smpp import statuses
from smpp.pdu import DataSm, DeliverSm
from smpp.receipts import Receipt, State, id_forms, receipt_of
from smpp.segments import join, part_of
from store import messages, numbers, parts, received
from store.tx import Tx

logger = log("sms")

_STATES: dict[State, parts.Receipt] = {
    State.DELIVERED: "delivered",
    State.EXPIRED: "failed",
    State.DELETED: "failed",
    State.UNDELIVERABLE: "failed",
    State.REJECTED: "failed",
}


async def take_incoming(app: App, bind: str, pdu: DeliverSm | DataSm) -> int:
    """Store what came over a bind and act on it in the same transaction; returns the command_status to answer."""
    receipt = receipt_of(pdu)
    if receipt is not None:
        await app.store.write(lambda tx: _take_receipt(tx, app, bind, pdu, receipt))
    else:
        await app.store.write(lambda tx: _take_message(tx, app, bind, pdu))
    return statuses.OK


def _hash(pdu: DeliverSm | DataSm) -> str:
    """Names a message over redeliveries, which have a new sequence number."""
    octets = b"" if isinstance(pdu, DataSm) else pdu.short_message
    content = repr(
        (pdu.source_addr, pdu.destination_addr, pdu.esm_class, pdu.data_coding, octets, tuple(pdu.tlvs))
    )
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _number(digits: str) -> str:
    """The subscriber's number as we keep it; what is none (a short code, a name) stays as it came."""
    try:
        return subscriber_number(digits)
    except BadNumber:
        return digits


def _take_receipt(tx: Tx, app: App, bind: str, pdu: DeliverSm | DataSm, receipt: Receipt) -> None:
    forms = id_forms(receipt.message_id) if receipt.message_id else ()
    parts.receipt(
        tx,
        id=_hash(pdu),
        bind=bind,
        smsc_ids=forms,
        state=_STATES.get(receipt.state) if receipt.final else None,
        at=app.now(),
        number=_number(pdu.source_addr),
        to=pdu.destination_addr,
        text=f"{receipt.state} {receipt.error}".strip(),
    )


def _take_message(tx: Tx, app: App, bind: str, pdu: DeliverSm | DataSm) -> None:
    number, now = _number(pdu.source_addr), app.now()
    text = join([replace(part_of(pdu), method=None, total=1, number=1)]) or ""
    stored = received.add(
        tx, id=_hash(pdu), number=number, to=pdu.destination_addr, text=text, bind=bind, at=now
    )
    if stored is None:
        return
    if number.startswith("+84") and is_refusal(text):
        first = numbers.refuse(tx, number=number, at=now, via="sms", ref=stored)
        if first:
            messages.add(tx, refusal_confirmed(number, stored, app.config.texts, now), now=now)
        received.done(tx, id=stored)
        logger.info("refusal by SMS", number=number, bind=bind)
