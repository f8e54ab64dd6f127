"""Who asks the package system, and what when it does not answer? Registrations go due -> asked -> a result.

Each is asked with its id as the idempotency key, committed as `asked` before the bytes leave. No usable answer: asked
again with the same key, backing off, at most `tries` times, then `unknown` and an alarm (DESIGN.md §5). What backs off
is asked as soon as a system that was away answers again.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from ari_app.ending import house_of
from core.after_call import EndedRegistration, NewMessage, after_registration
from core.config import Registration as Settings
from core.ordering import answered
from core.registering import was_away
from hooks import KINDS
from hooks.answers import Answer, Ask, Hook, NotKnown, Refused, Registered, Unclear
from runtime.app import App
from runtime.logs import log
from runtime.until_stored import until_stored
from store import contacts, facts, received, registrations, triggers
from store import settings as remembered
from store.errors import StoreClosed
from store.registrations import Registration
from store.tx import PASSING, Tx

logger = log("registrar")

_MOST_BACKOFF_S = 300.0
_IDLE_S = 1.0
#: How often it is looked whether another registrar died.
_RECLAIM_S = 5.0

_NOT_OURS = Unclear("not asked: this process may have been taken for dead")


@dataclass
class Running:
    """How many answers were not clear, one after the other."""

    unclear: int = 0

    def back(self, answer: Answer) -> bool:
        """One more answer; whether it is the first clear one of a system that was away."""
        before, self.unclear = self.unclear, self.unclear + 1 if isinstance(answer, Unclear) else 0
        return was_away(before) and not self.unclear


async def run(app: App, stopping: asyncio.Event) -> None:
    """Ask for what is due until told to stop; what was being asked is finished."""
    settings = app.config.registration
    if settings is None:
        await stopping.wait()
        return
    watch = app.store.watch("registrations")
    await app.store.write(lambda tx: reclaim(tx, app, settings, own=True))
    looked = time.monotonic()
    async with KINDS[settings.kind](settings) as hook, asyncio.TaskGroup() as asking:
        running: set[asyncio.Task[None]] = set()
        answers = Running()
        app.says["registrar"] = lambda: {"asking": len(running)}
        while not stopping.is_set():
            if app.installation.shares_store and time.monotonic() - looked >= _RECLAIM_S:
                looked = time.monotonic()
                await _reclaim_again(app, settings)
            room = settings.concurrency - len(running)
            if not room:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                continue
            claimed = await _claim(app, room)
            for registration in claimed:
                task = asking.create_task(_ask(app, settings, hook, registration, answers))
                running.add(task)
                task.add_done_callback(running.discard)
            if len(claimed) < room:  # no more are due
                await watch.wait(_IDLE_S)


async def _claim(app: App, room: int) -> tuple[Registration, ...]:
    if not app.worker.sure():
        return ()
    try:
        return await app.store.write(
            partial(registrations.claim_due, now=app.now(), limit=room, worker=app.worker.id)
        )
    except PASSING as error:
        logger.error("the store takes no writes, trying again", error=str(error))
        return ()


def reclaim(tx: Tx, app: App, settings: Settings, *, own: bool = False) -> None:
    """What a killed registrar had asked: asked again with the same key where that is harmless, else unknown.

    `own`: what this process had asked as well: its registrar has just begun.
    """
    for left in registrations.left_asked(tx, by=app.worker.id if own else None):
        if _may_ask_again(settings, left):
            registrations.again(tx, asked=left, due_at=app.now(), reason="the registrar ended meanwhile")
        else:
            _give_up(tx, app, left, reason="the registrar ended while it asked")


async def _reclaim_again(app: App, settings: Settings) -> None:
    """What another registrar had asked that died meanwhile."""
    try:
        if await app.store.read(registrations.left_asked):
            await app.store.write(lambda tx: reclaim(tx, app, settings))
    except PASSING as error:
        logger.error("what another registrar asked is not looked at yet", error=str(error))


async def _ask(
    app: App, settings: Settings, hook: Hook, registration: Registration, answers: Running
) -> None:
    """Ask once, and write what came of it: nobody else knows the answer."""
    try:
        answer = await _answer(settings, hook, registration) if _still_ours(app, registration) else _NOT_OURS
    except Exception as error:  # one registration must not end the registrar
        logger.exception("asking failed", registration=registration.id)
        answer = Unclear(f"{type(error).__name__}: {error}")
    back = answer is not _NOT_OURS and answers.back(answer)

    def take(tx: Tx) -> None:
        _take(tx, app, settings, registration, answer)
        if back:
            registrations.hurry(tx, now=app.now())

    try:
        await until_stored(app.store, take, what=registration.id)
    except StoreClosed:
        raise
    except Exception:  # it stays `asked`; at the next start it is asked again, or called unknown
        logger.exception("the answer could not be stored", registration=registration.id)
    logger.info(
        "asked", registration=registration.id, package=registration.package, answer=type(answer).__name__
    )


async def _answer(settings: Settings, hook: Hook, registration: Registration) -> Answer:
    """Look the key up before a repeat where the system can tell, then ask."""
    if settings.lookup and registration.tries > 1:
        known = await hook.look_up(registration.id)
        if not isinstance(known, NotKnown):
            return known
    elif registration.tries > 1 and not settings.idempotent:
        return Unclear("asked once already, and a repeat is not harmless")
    return await hook.register(
        Ask(
            registration.id,
            registration.number,
            registration.package,
            registration.programme or None,
            registration.at,
        )
    )


def _still_ours(app: App, registration: Registration) -> bool:
    """Whether nobody else can have been given this key since we claimed it."""
    return registration.worker == app.worker.id and app.worker.sure()


def _may_ask_again(settings: Settings, registration: Registration) -> bool:
    return registration.tries < settings.tries and (settings.idempotent or settings.lookup)


def _take(tx: Tx, app: App, settings: Settings, registration: Registration, answer: Answer) -> None:
    match answer:
        case Registered(reference, message):
            _settle(tx, app, registration, "registered", reference=reference, message=message)
        case Refused(reason, message):
            _settle(tx, app, registration, "refused", reason=reason, message=message)
        case Unclear(reason) if _may_ask_again(settings, registration):
            wait_s = min(settings.backoff_s * 2 ** (registration.tries - 1), _MOST_BACKOFF_S)
            due_at = app.now() + timedelta(seconds=wait_s)
            registrations.again(tx, asked=registration, due_at=due_at, reason=reason)
        case Unclear(reason):
            _give_up(tx, app, registration, reason=reason)


def _settle(
    tx: Tx,
    app: App,
    registration: Registration,
    state: registrations.Result,
    *,
    reference: str | None = None,
    reason: str | None = None,
    message: str | None = None,
) -> None:
    """Write the result and the messages that tell the subscriber, in one transaction.

    Whoever asked, and whatever was thought of it meanwhile: it is what the package system says of this key.
    """
    registrations.settle(
        tx,
        id=registration.id,
        state=state,
        reference=reference,
        reason=reason,
        message=message,
        new_messages=_told(tx, app, registration, state, message),
        now=app.now(),
    )


def _give_up(tx: Tx, app: App, registration: Registration, *, reason: str) -> None:
    """No clear answer and no try left: unknown, the subscriber is told so, and an alarm names the key for people."""
    now = app.now()
    told = _told(tx, app, registration, "unknown", None)
    if registrations.give_up(tx, asked=registration, reason=reason, new_messages=told, now=now):
        text = (
            f"the registration {registration.id} of {registration.package} has no clear answer after "
            f"{registration.tries} tries ({reason}): ask the package system for this key"
        )
        remembered.raise_alarm(tx, name=f"registration:{registration.id}", text=text, now=now)


def _told(
    tx: Tx, app: App, registration: Registration, state: registrations.Result, message: str | None
) -> tuple[NewMessage, ...]:
    """The messages to the subscriber; none where the programme's file is gone, and its texts with it."""
    programme = app.programme_of(registration.programme, registration.version)
    if programme is None and registration.programme:
        logger.error("its programme is gone: nobody tells the subscriber", registration=registration.id)
        return ()
    contact = contacts.one(tx, contact=registration.contact) if registration.contact else None
    ended = EndedRegistration(
        id=registration.id,
        number=registration.number,
        package=registration.package,
        state=state,
        message=message,
        subscriber=facts.subscriber(tx, number=registration.number),
        event=triggers.event_of(tx, id=contact.trigger) if contact and contact.trigger else None,
    )
    if programme is None:  # ordered by SMS
        sender = app.sender_to(received.sent_to(tx, id=registration.call) or "")
        return (answered(ended, sender, app.installation.catalogue, app.config.texts, app.now()),)
    return after_registration(ended, programme, house_of(app, registration.version), app.now())
