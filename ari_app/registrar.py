"""Who asks the package system, and what when it does not answer? Registrations go due -> asked -> a result.

Each is asked with its id as the idempotency key, committed as `asked` before the bytes leave. No usable answer: asked
again with the same key, backing off, at most `tries` times, then `unknown` and an alarm (DESIGN.md §5).
"""

import asyncio
from datetime import timedelta
from functools import partial

from ari_app.ending import house_of
from core.after_call import EndedRegistration, after_registration
from core.config import Registration as Settings
from hooks import KINDS
from hooks.answers import Answer, Ask, Hook, NotKnown, Refused, Registered, Unclear
from runtime.app import App
from runtime.logs import log
from store import facts, registrations
from store.registrations import Registration
from store.tx import Tx

logger = log("registrar")

_MOST_BACKOFF_S = 300.0


async def run(app: App, stopping: asyncio.Event) -> None:
    """Ask for what is due until told to stop; what was being asked is finished."""
    settings = app.config.registration
    if settings is None:
        await stopping.wait()
        return
    watch = app.store.watch("registrations")
    await _reclaim(app, settings)
    async with KINDS[settings.kind](settings) as hook, asyncio.TaskGroup() as asking:
        running: set[asyncio.Task[None]] = set()
        app.says["registrar"] = lambda: {"asking": len(running)}
        while not stopping.is_set():
            room = settings.concurrency - len(running)
            if not room:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                continue
            claimed = await app.store.write(partial(registrations.claim_due, now=app.now(), limit=room))
            for registration in claimed:
                task = asking.create_task(_ask(app, settings, hook, registration))
                running.add(task)
                task.add_done_callback(running.discard)
            if not claimed:
                await watch.wait(1.0)


async def _reclaim(app: App, settings: Settings) -> None:
    """What a killed registrar had asked: asked again with the same key where that is harmless, else unknown."""

    def reclaim(tx: Tx) -> None:
        for left in registrations.open_after_crash(tx):
            if settings.idempotent or settings.lookup:
                registrations.again(tx, id=left.id, due_at=app.now(), reason="the registrar ended meanwhile")
            else:
                _settle(tx, app, left, "unknown", reason="the registrar ended while it asked")

    await app.store.write(reclaim)


async def _ask(app: App, settings: Settings, hook: Hook, registration: Registration) -> None:
    """Ask once, and write what came of it."""
    try:
        answer = await _answer(settings, hook, registration)
    except Exception as error:  # one registration must not end the registrar
        logger.exception("asking failed", registration=registration.id)
        answer = Unclear(f"{type(error).__name__}: {error}")
    await app.store.write(lambda tx: _take(tx, app, settings, registration, answer))
    logger.info(
        "asked", registration=registration.id, package=registration.package, answer=type(answer).__name__
    )
    if isinstance(answer, Unclear) and not _may_ask_again(settings, registration):
        await app.alarm(
            f"registration:{registration.id}",
            f"the registration {registration.id} of {registration.package} has no clear answer after "
            f"{registration.tries} tries ({answer.reason}): ask the package system for this key",
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
            registration.programme,
            registration.at,
        )
    )


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
            registrations.again(tx, id=registration.id, due_at=due_at, reason=reason)
        case Unclear(reason):
            _settle(tx, app, registration, "unknown", reason=reason)


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
    """Write the result and the messages that tell the subscriber, in one transaction."""
    now = app.now()
    programme = app.installation.programmes.get(registration.programme)
    ended = EndedRegistration(
        id=registration.id,
        number=registration.number,
        package=registration.package,
        state=state,
        message=message,
        subscriber=facts.subscriber(tx, number=registration.number),
    )
    follow = after_registration(ended, programme, house_of(app), now) if programme else ()
    registrations.settle(
        tx,
        id=registration.id,
        state=state,
        reference=reference,
        reason=reason,
        message=message,
        new_messages=follow,
        now=now,
    )
