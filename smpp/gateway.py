"""How do the message rows reach the SMSCs, and the SMSCs' words the log?

Each bind drains the same outbox: a batch is marked `sending` and committed, only then do the bytes leave. Answers,
receipts and messages from subscribers are committed before anything follows from them. Exactly once does not exist in
SMPP: what is unknown stays unknown until a receipt proves it.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from core.config import Bind
from runtime.app import App
from runtime.logs import log
from smpp.addresses import address
from smpp.binds import keep_bound
from smpp.errors import BindRefused, LinkError, NotWritten, Rejected, Unanswered
from smpp.flow import Flow
from smpp.incoming import take_incoming
from smpp.link import BindAs, Link, Timers, tls_context
from smpp.outbox import Marked, mark_next, validity
from smpp.pdu import DataSm, DeliverSm, InvalidField, SubmitSm
from smpp.receipts import id_forms, plain_id
from smpp.segments import Segment
from smpp.session import Session, connect
from smpp.statuses import Verdict, name_of
from smpp.times import relative_time
from smpp.window import SubmitResult
from store import messages, parts
from store.messages import Message

logger = log("sms")

#: After a temporary refusal of one message.
_AGAIN = timedelta(seconds=10)
#: Times that a message whose fate was unknown is sent again, where its kind allows it at all.
_TRIES = 3
_WANT_RECEIPT = 1


def link_of(app: App, bind: Bind) -> Link:
    """The bind as the session needs it."""
    ca = app.installation.path(bind.ca) if bind.ca else None
    return Link(
        host=bind.host,
        port=bind.port,
        system_id=bind.system_id,
        password=bind.password.get_secret_value(),
        bind=BindAs(bind.bind),
        window=bind.window,
        tls=tls_context(Path(ca) if ca else None) if bind.tls else None,
        timers=Timers(response_s=bind.response_s, enquire_s=bind.enquire_link_s),
    )


@dataclass
class Gateway:
    """One bind: its session while it is up, and what waits for answers on it."""

    app: App
    bind: Bind
    flow: Flow
    session: Session | None = None
    why_down: str = "not bound yet"
    came: asyncio.Event = field(default_factory=asyncio.Event)
    answers: set[asyncio.Task[None]] = field(default_factory=set)

    def says(self) -> dict[str, object]:
        up = self.session is not None
        in_flight = self.session.in_flight if self.session else 0
        return {"bound": up, "why": "" if up else self.why_down, "window": in_flight, "rate": self.flow.rate}

    async def keep(self) -> None:
        """Bind, again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        link = link_of(self.app, self.bind)
        told: set[asyncio.Task[None]] = set()

        def tell(alarm: str | None) -> None:
            name = f"smsc:{self.bind.name}"
            telling = self.app.alarm(name, alarm) if alarm else self.app.clear_alarm(name)
            task = loop.create_task(telling)
            told.add(task)
            task.add_done_callback(told.discard)

        def up(session: Session) -> None:
            self.session = session
            self.came.set()
            logger.info("bound", bind=self.bind.name)
            tell(None)

        def down(why: LinkError, wait_s: float) -> None:
            self.session = None
            self.came.clear()
            self.why_down = f"{why}; next try in {wait_s:.0f} s"
            hint = " (system_id or password of config.yaml)" if isinstance(why, BindRefused) else ""
            tell(f"SMSC {self.bind.name} at {self.bind.host}:{self.bind.port}: {why}{hint}")

        async def deliver(pdu: DeliverSm | DataSm) -> int:
            return await take_incoming(self.app, self.bind.name, pdu)

        await keep_bound(lambda: connect(link, deliver), up, down)

    async def drain(self, stopping: asyncio.Event) -> None:
        """Send what may leave, as fast as window and rate allow, until told to stop."""
        watch = self.app.store.watch("messages", "pauses")
        while not stopping.is_set():
            session = self.session
            if session is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.came.wait(), 0.5)
                continue
            if session.room <= 0:
                await session.until_room()
                await asyncio.sleep(0)  # a session that ended has no room for ever: let `down` be told
                continue
            room = session.room
            marked = await self.app.store.write(
                partial(mark_next, app=self.app, bind=self.bind, room=room, now=self.app.now())
            )
            for each in marked:
                await self._send(session, each)
            if not marked:
                await watch.wait(1.0)

    async def _send(self, session: Session, marked: Marked) -> None:
        """Write the segments of one message; what could not be written is due again."""
        for place, segment in enumerate(marked.segments):
            try:
                await self._pace(segment.parts)
                await session.until_room()
                answer = session.send(self._pdu(marked.message, segment))
            except NotWritten:
                unwritten = tuple(left.number for left in marked.segments[place:])
                everything = None if place == 0 and not marked.message.sent_parts else unwritten
                await self.app.store.write(
                    partial(messages.requeue, id=marked.message.id, unwritten=everything)
                )
                return
            except (InvalidField, ValueError) as error:
                why = str(error)
                await self.app.store.write(
                    partial(
                        parts.failed,
                        message=marked.message.id,
                        part=segment.number,
                        status=why,
                        at=self.app.now(),
                    )
                )
                return
            task = asyncio.create_task(self._take_answer(marked.message, segment, answer))
            self.answers.add(task)
            task.add_done_callback(self.answers.discard)

    async def _pace(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        while (wait_s := self.flow.wait(count, loop.time())) > 0:  # noqa: ASYNC110 - a rate, not an event
            await asyncio.sleep(wait_s)
        self.flow.take(count, loop.time())

    def _pdu(self, message: Message, segment: Segment) -> SubmitSm:
        left = validity(message, self.app.now())
        if left is None:
            raise NotWritten("its validity has ended")
        source, destination = address(message.sender), address(message.number)
        return SubmitSm(
            source_addr=source.digits,
            source_ton=source.ton,
            source_npi=source.npi,
            destination_addr=destination.digits,
            dest_ton=destination.ton,
            dest_npi=destination.npi,
            short_message=segment.short_message,
            esm_class=segment.esm_class,
            data_coding=segment.data_coding,
            registered_delivery=_WANT_RECEIPT,
            validity_period=relative_time(left),
            tlvs=segment.tlvs,
        )

    async def _take_answer(
        self, message: Message, segment: Segment, answer: "asyncio.Future[SubmitResult]"
    ) -> None:
        """Commit what the SMSC said to one part, or that it said nothing."""
        loop_time = asyncio.get_running_loop().time()
        try:
            result = await answer
            said = plain_id(result.message_id)
            forms = id_forms(result.message_id)
            await self.app.store.write(
                lambda tx: parts.accepted(
                    tx, message=message.id, part=segment.number, smsc_id=said, at=self.app.now(), forms=forms
                )
            )
        except NotWritten:
            await self.app.store.write(
                lambda tx: messages.requeue(tx, id=message.id, unwritten=(segment.number,))
            )
        except Unanswered as error:
            reason = f"no answer: {error}"
            await self.app.store.write(
                lambda tx: parts.unknown(
                    tx, message=message.id, part=segment.number, reason=reason, at=self.app.now()
                )
            )
        except Rejected as error:
            await self._take_rejection(message, segment, error, loop_time)

    async def _take_rejection(
        self, message: Message, segment: Segment, error: Rejected, sent_at: float
    ) -> None:
        now = self.app.now()
        why, part = name_of(error.status), segment.number
        if error.verdict is Verdict.THROTTLED:
            self.flow.throttled(asyncio.get_running_loop().time())
        elif error.verdict is Verdict.TEMPORARY:
            self.flow.queue_full(asyncio.get_running_loop().time())
        if error.verdict in (Verdict.THROTTLED, Verdict.TEMPORARY):
            again = now + (timedelta(seconds=1) if error.verdict is Verdict.THROTTLED else _AGAIN)
            await self.app.store.write(
                lambda tx: parts.postponed(tx, message=message.id, part=part, due_at=again, reason=why)
            )
        elif error.verdict is Verdict.UNKNOWN:
            await self.app.store.write(
                lambda tx: parts.unknown(tx, message=message.id, part=part, reason=why, at=now)
            )
        else:
            await self.app.store.write(
                lambda tx: parts.failed(tx, message=message.id, part=part, status=why, at=now)
            )

    async def finish(self) -> None:
        """Wait for the answers that are due."""
        if self.answers:
            await asyncio.wait(self.answers, timeout=self.bind.response_s)


async def run(app: App, stopping: asyncio.Event) -> None:
    """The gateway: close what a killed one left open, then keep every bind up and drain the outbox."""
    lost, _ = await app.store.write(lambda tx: messages.sending_after_crash(tx, now=app.now(), tries=0))
    if lost:
        logger.warning("messages whose fate is not known after a crash", messages=lost)
    started_at = asyncio.get_running_loop().time()
    gateways = [Gateway(app, bind, Flow(bind.per_second, started_at)) for bind in app.config.smsc]
    app.says["sms"] = lambda: {gateway.bind.name: gateway.says() for gateway in gateways}
    binding = [asyncio.create_task(gateway.keep(), name=f"bind {gateway.bind.name}") for gateway in gateways]
    senders = [gateway for gateway in gateways if gateway.bind.bind != "receiver"]
    try:
        async with asyncio.TaskGroup() as group:
            for gateway in senders:
                group.create_task(gateway.drain(stopping))
            if app.config.smsc:
                group.create_task(_prove_or_repeat(app, stopping))
        for gateway in senders:
            await gateway.finish()
    finally:
        for task in binding:
            task.cancel()
        await asyncio.gather(*binding, return_exceptions=True)


async def _prove_or_repeat(app: App, stopping: asyncio.Event) -> None:
    """After the hold time without a receipt, messages of kind at_least_once go again; `once` stays unknown."""
    hold = timedelta(seconds=min(bind.receipt_hold_s for bind in app.config.smsc))
    while not stopping.is_set():
        now = app.now()
        await app.store.write(partial(messages.again_after_hold, now=now, before=now - hold, tries=_TRIES))
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), 30.0)
