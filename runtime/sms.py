"""What do `mai smsc` and `mai sms` show and do? The binds as they say, the outbox by state and age, a test SMS."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from core.after_call import from_the_house
from core.messages import advertises, plain
from core.numbers import BadNumber, subscriber_number
from core.routes import routes, takes
from core.rules_of_law import granted
from core.sending import outbox_fullness
from core.windows import end_of_window
from core.written import VIETNAM
from runtime.app import App
from runtime.control import CommandFailed
from store import facts, journal, logs, messages, outbox, settings
from store.tx import Tx


async def send_test(
    app: App,
    *,
    number: str,
    text: str,
    sender: str | None = None,
    anyway: str | None = None,
    by: str = "cli",
) -> Any:
    """A test SMS as the house's own word (transactional): stored as due; returns its id and why it has to wait.

    `anyway`: the reason for which words of advertising go to a number that refused them; the journal keeps it.
    Raises CommandFailed for a number that is none, an empty text, a sender without a grant (R10), or such words.
    """
    try:
        whom = subscriber_number(number)
    except BadNumber as error:
        raise CommandFailed(f"number: {error}") from error
    words, now = plain(text), app.now()
    if not words:
        raise CommandFailed("text: is empty")
    chosen = sender or app.config.texts.refusal_sender
    seen = granted({chosen}, app.installation.law, now.astimezone(VIETNAM).date())
    if not seen.allowed:
        raise CommandFailed(f"sender: {seen.reason}")
    key = f"test:{uuid4().hex}"
    new = from_the_house(key, "test", whom, chosen, words, now)
    word = advertises(words)

    def store(tx: Tx) -> str | None:
        no = facts.no_advertising_sms(tx, number=whom) if word is not None else None
        if no is not None and not anyway:
            return no
        if no is not None:
            journal.write(tx, at=now, by=by, did="sent_anyway", number=whom, reason=anyway, ref=key)
        messages.add(tx, new, now=now)
        return None

    if refused := await app.store.write(store):
        raise CommandFailed(
            f'{refused}, and the text has words of advertising ("{word}"): take them out, or say why they go '
            "all the same: --anyway REASON"
        )
    return {"id": messages.id_of(key), "number": whom, "waits": _waits(app, chosen)}


def _waits(app: App, sender: str) -> str | None:
    """Why a message of the house from this sender cannot go now; None: it can, or another process knows."""
    if not app.config.smsc:
        return "config.yaml names no smsc"
    known = routes(app.config.smsc)
    taking = [name for name, route in known.items() if takes(route, sender, None)]
    if not taking:
        return f"no bind takes messages from {sender} of the house: see smsc[].senders and programmes"
    says = app.says["sms"]() if "sms" in app.says else {}
    downs = [f"bind {name} is down: {says[name]['why']}" for name in taking if name in says]
    return "; ".join(downs) if downs and not any(says[name]["bound"] for name in taking) else None


async def fate_of_test(app: App, *, id: str, number: str) -> Any:
    """How far a test SMS is: its entry in the log; None: there is no such message."""

    def look(tx: Tx) -> Any:
        return next((entry for entry in logs.sms(tx, number=number) if entry["id"] == id), None)

    return await app.store.read(look)


async def smsc(app: App) -> Any:
    """For `mai smsc`: each bind, the outbox by state and age, how full it is, and what is unknown."""
    now = app.now()
    senders = [bind for bind in app.config.smsc if bind.bind != "receiver"]
    away = {"bound": False, "why": "the sms part does not run in this process"}
    says = app.says["sms"]() if "sms" in app.says else {bind.name: away for bind in app.config.smsc}

    def look(tx: Tx) -> tuple[Any, Any, Any, Any]:
        held = tuple(pause.programme for pause in settings.paused(tx))
        backlog = outbox.backlog(tx, now=now, binds=app.config.smsc, held=held)
        nobody = outbox.untaken(tx, binds=app.config.smsc)
        return backlog, outbox.standing(tx, now=now), outbox.unknown(tx), nobody

    backlog, standing, unknown, nobody = await app.store.read(look)
    end = end_of_window((app.installation.law.at(now).sms_window,), now)
    per_second = sum(bind.per_second for bind in senders)
    waited = now - backlog.oldest_due_at if backlog.oldest_due_at else timedelta(0)
    full = outbox_fullness(backlog.parts, per_second, now, end, waited=waited) if per_second else 0.0
    return {
        "binds": [{"name": bind.name, **says.get(bind.name, {"bound": False})} for bind in app.config.smsc],
        "outbox": [
            {
                "state": s.state,
                "bind": s.bind,
                "messages": s.messages,
                "oldest_s": round(s.oldest.total_seconds()),
            }
            for s in standing
        ],
        "parts_waiting": backlog.parts,
        "fullness": round(full, 3),
        "unknown": unknown,
        "untaken": nobody,
    }
