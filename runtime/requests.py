"""What may a command ask to be written? One function a request, run by the running system or by the command itself.

Each is given the App and the request's fields, and returns what the command shows (JSON).
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from core.after_call import refusal_confirmed
from core.facts import Event
from core.numbers import BadNumber, subscriber_number
from core.triggers import EVENTS
from runtime import sms
from runtime.app import App
from runtime.asking import new_id
from runtime.control import Handler
from runtime.failed import CommandFailed, WrongUsage
from runtime.forgetting import forget_number
from runtime.named import known_node, known_programme, nodes_of_config
from runtime.revealing import revealed
from runtime.topups import BadTopup, take_event, take_topup
from runtime.trunks import trunks
from runtime.why import why_idle
from store import journal, lists, logs, messages, nodes, numbers, reports, settings, triggers
from store.lists import Built
from store.tx import Tx

Request = Callable[..., Awaitable[Any]]


async def topup(app: App, **raw: Any) -> Any:
    """A top-up event (O1). A repeated id changes nothing."""
    try:
        return await take_topup(app, raw)
    except BadTopup as error:
        raise CommandFailed(f"{error.field}: {error.reason}") from error


async def trigger(app: App, *, kind: str, **raw: Any) -> Any:
    """An event of another kind than a top-up (O19). A repeated id changes nothing."""
    if kind not in EVENTS:
        raise WrongUsage(f"{kind!r} is not a kind of event: one of {', '.join(EVENTS)}")
    try:
        return await take_event(app, kind, raw)
    except BadTopup as error:
        raise CommandFailed(f"{error.field}: {error.reason}") from error


async def complaint(app: App, *, number: str, by: str) -> Any:
    """R14: who had everything about a number put into a file is in the journal."""
    whom, now = number_of(number), app.now()
    await app.store.write(lambda tx: journal.write(tx, at=now, by=by, did="complaint", number=whom))
    return True


async def forget(app: App, *, number: str, by: str) -> Any:
    """R13: pseudonymise what no law obliges us to keep; says what was kept and why."""
    return await forget_number(app, number=number_of(number), by=by)


async def switch_list(app: App, *, built: dict[str, Any], source: str, accept_shrink: bool) -> Any:
    """Put an imported list in force: one row, so it is atomic."""
    now = app.now()
    version = Built(**built)
    try:
        state = await app.store.write(
            lambda tx: lists.switch(tx, version, source=source, now=now, accept_shrink=accept_shrink)
        )
    except ValueError as error:
        raise CommandFailed(f"another import came first: {error}; import the file again") from error
    return {"rows": state.rows, "rows_before": state.rows_before, "version": state.version}


async def pause(app: App, *, programme: str, by: str) -> Any:
    """Start no call, let running ones finish, hold advertising SMS."""
    _known_or_all(app, programme)
    now = app.now()
    return await app.store.write(lambda tx: settings.pause(tx, programme=programme, by=by, now=now))


async def resume(app: App, *, programme: str) -> Any:
    """Go on after a pause."""
    _known_or_all(app, programme)
    return await app.store.write(lambda tx: settings.resume(tx, programme=programme))


async def drain(app: App, *, node: str, by: str) -> Any:
    """No new call from this node; running ones finish."""
    known_node(app.installation, node)
    now = app.now()
    return await app.store.write(lambda tx: nodes.drain(tx, node=node, by=by, now=now))


async def undrain(app: App, *, node: str) -> Any:
    """Dial from this node again. One that config.yaml names no more may be undrained as well."""
    was: bool = await app.store.write(lambda tx: nodes.undrain(tx, node=node))
    if not was:
        known_node(app.installation, node)
    return was


async def nodes_of(app: App) -> Any:
    """Every node, who drives it, who drains it and the calls that are left, as `mai node list` shows them."""
    names = nodes_of_config(app.installation)
    found = await app.store.read(lambda tx: nodes.known(tx, names))
    return [
        {
            "node": each.name,
            "driven_by": each.driven_by,
            "state": "drained" if each.drained else "drains" if each.drain else "dials",
            "calls": each.calls,
            "drained_by": each.drain.by if each.drain else None,
            "since": each.drain.at.isoformat() if each.drain else None,
        }
        for each in found
    ]


def _known_or_all(app: App, programme: str) -> None:
    if programme != settings.ALL:
        known_programme(app.installation, programme)


async def refuse(app: App, *, number: str, undo: bool, by: str, reason: str | None = None) -> Any:
    """O21, R6: a person records that a subscriber refuses advertising, or takes it back and says why.

    True: it changed something. A first refusal is confirmed to the subscriber by SMS, once.
    """
    whom, now = number_of(number), app.now()
    if undo:
        why = (reason or "").strip()
        if not why:
            raise CommandFailed("taking a refusal back needs a reason: add --reason TEXT")
        return await app.store.write(
            lambda tx: numbers.allow_again(tx, number=whom, at=now, by=by, reason=why)
        )
    ref = new_id("refusal")

    def record(tx: Tx) -> bool:
        first = numbers.refuse(tx, number=whom, at=now, via="cli", ref=ref, by=by)
        if first:
            messages.add(tx, refusal_confirmed(whom, ref, app.config.texts, now), now=now)
        return first

    return await app.store.write(record)


def number_of(text: str) -> str:
    """The subscriber's number, or CommandFailed saying what would be right."""
    try:
        return subscriber_number(text)
    except BadNumber as error:
        raise CommandFailed(f"number: {error}") from error


async def call(app: App, *, number: str, programme: str) -> Any:
    """One test call, under the rules; returns the trigger's id, by which its fate is found."""
    known_programme(app.installation, programme)
    if held := app.installation.held_back.get(programme):
        raise CommandFailed(f"{programme} does not start: {held}")
    now = app.now()
    event = Event(f"test-{uuid4().hex[:12]}", "topup", number_of(number), now)
    await app.store.write(
        lambda tx: triggers.add(tx, event=event, received_at=now, only_programme=programme, kind="test")
    )
    return {"trigger": event.id}


async def fate(app: App, *, trigger: str, number: str) -> Any:
    """What became of a test call so far: its trigger and, once dialled, its call."""
    whom = number_of(number)

    def look(tx: Tx) -> dict[str, Any]:
        event = next((each for each in logs.triggers(tx, number=whom) if each["id"] == trigger), None)
        made = next((each for each in logs.calls(tx, number=whom) if each["trigger"] == trigger), None)
        return {"trigger": event, "call": made}

    return await app.store.read(look)


async def says(app: App) -> Any:
    """What each part says of itself."""
    return {name: part() for name, part in app.says.items()}


async def status(app: App) -> Any:
    """What is up, what waits, and why nothing is dialled when nothing is."""
    now = app.now()
    found = await app.store.read(lambda tx: reports.status(tx, now=now) | {"trunks": trunks(tx, app.config)})
    held_back, parts = app.installation.held_back, await says(app)
    stored = {"now": now.isoformat(), **found, "held_back": held_back}
    return {
        "running": True,
        "parts": parts,
        **stored,
        "nodes": await nodes_of(app),
        "why": why_idle(stored, parts, app.installation, now),
    }


#: Requests that need nothing running but the store.
REQUESTS: dict[str, Request] = {
    "topup": topup,
    "trigger": trigger,
    "complaint": complaint,
    "forget": forget,
    "switch_list": switch_list,
    "revealed": revealed,
    "pause": pause,
    "resume": resume,
    "refuse": refuse,
    "drain": drain,
    "undrain": undrain,
}
#: Requests that only a running system can answer.
LIVE: dict[str, Request] = {
    "call": call,
    "fate": fate,
    "says": says,
    "nodes": nodes_of,
    "status": status,
    "sms": sms.send_test,
    "sms_fate": sms.fate_of_test,
    "smsc": sms.smsc,
}


def handlers(app: App, **more: Handler) -> dict[str, Handler]:
    """The requests that a running system answers, for `runtime.control.listening`."""

    def of(request: Request) -> Handler:
        async def handle(fields: dict[str, Any]) -> Any:
            return await request(app, **fields)

        return handle

    return {name: of(request) for name, request in (REQUESTS | LIVE).items()} | more
