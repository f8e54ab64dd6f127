"""What does `mai refuse` change, and what does it leave behind?"""

from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from runtime import requests
from runtime.app import App
from runtime.failed import CommandFailed
from store import contacts, facts, journal, logs, messages
from store.tx import Tx
from tests.small_app import small_app
from tests.store.sample import AN, contact, contacts_of, message


async def _refuse(app: App, **fields: object) -> object:
    return await requests.refuse(app, **{"number": "0901234567", "undo": False, "by": "lan", **fields})  # type: ignore[arg-type]


def _queue(tx: Tx, *, now: datetime) -> None:
    """A planned call of two programmes, an advertising and a transactional SMS."""
    for programme in ("topup", "weekend"):
        contacts.plan(tx, contact(programme, programme=programme, due_at=now), now=now)
    messages.add(tx, message("advertising:1", due_at=now), now=now)
    messages.add(tx, message("transactional:1", class_="transactional", due_at=now), now=now)


async def test_a_refusal_withdraws_every_programme_and_is_confirmed_once(tmp_path: Path) -> None:
    """R6, O21: queued advertising and planned calls of every programme go; one confirmation is written."""
    async with small_app(tmp_path) as app:
        await app.store.write(partial(_queue, now=app.now()))
        assert await _refuse(app) is True
        assert await _refuse(app) is False
        states = await app.store.read(lambda tx: [contacts_of(tx, programme=p) for p in ("topup", "weekend")])
        sent = await app.store.read(
            lambda tx: [(e["kind"], e["class"], e["state"]) for e in logs.sms(tx, number=AN)]
        )
    assert states == [{"done": 1}, {"done": 1}]
    assert sorted(sent) == [
        ("advertising", "advertising", "dropped"),
        ("refusal_confirmed", "transactional", "due"),
        ("transactional", "transactional", "due"),
    ]


async def test_taking_a_refusal_back_needs_a_reason_and_is_in_the_journal(tmp_path: Path) -> None:
    """O21, R13."""
    async with small_app(tmp_path) as app:
        await _refuse(app)
        for nothing in (None, "", "  "):
            with pytest.raises(CommandFailed, match="needs a reason"):
                await _refuse(app, undo=True, reason=nothing)
        assert await _refuse(app, undo=True, reason=" ticket 12 ") is True
        assert await _refuse(app, undo=True, reason="again") is False
        kept = await app.store.read(lambda tx: journal.of_number(tx, number=AN))
        known = await app.store.read(lambda tx: facts.facts_for(tx, number=AN, programme="p", now=app.now()))
    assert known.refused_at is None
    assert [(each.did, each.by, each.reason) for each in kept] == [
        ("refused", "lan", "by cli"),
        ("refusal_undone", "lan", "ticket 12"),
    ]
