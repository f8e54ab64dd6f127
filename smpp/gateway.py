"""How do the message rows reach the SMSCs, and the SMSCs' words the log?

Each bind drains the same outbox (smpp/drain.py): a batch is marked `sending` and committed, only then do the
bytes leave. Answers, receipts and messages from subscribers are committed before anything follows from them.
Exactly once does not exist in SMPP: what is unknown stays unknown until a receipt proves it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from core.config import Bind
from core.routes import Route, routes, untaken
from runtime.app import App
from runtime.logs import log
from runtime.measures import Measure
from runtime.until_stored import until_stored
from runtime.worker import kept, taken
from smpp.binds import keep_bound
from smpp.drain import Drain
from smpp.errors import BindRefused, LinkError
from smpp.flow import Flow
from smpp.gathered import Gathered
from smpp.incoming import join_incomplete, take_incoming
from smpp.link import BindAs, Link, Timers, tls_context
from smpp.pdu import DataSm, DeliverSm, InvalidField, ProtocolError
from smpp.session import Session, connect
from smpp.statuses import Verdict
from store import messages, settings

logger = log("sms")

#: Times that a message whose fate was unknown is sent, where its kind allows a repeat at all.
_TRIES = 3
_LOOK_S = 30.0


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
        system_type=bind.system_type,
        tls=tls_context(Path(ca) if ca else None) if bind.tls else None,
        server_hostname=bind.server_hostname,
        timers=Timers(response_s=bind.response_s, enquire_s=bind.enquire_link_s),
        verdicts={int(status, 16): Verdict(verdict) for status, verdict in bind.statuses.items()},
    )


class Gateway:
    """One bind: kept up, its alarm, and what it drains (a receiver drains nothing)."""

    def __init__(self, app: App, bind: Bind, route: Route) -> None:
        self.app = app
        self.bind = bind
        self.drain = Drain(app, bind, route, Flow(bind.per_second, asyncio.get_running_loop().time()))
        self._why_down = "not bound yet"
        self._alarms: asyncio.Queue[str | None] = asyncio.Queue()
        self._alarm: asyncio.TimerHandle | None = None
        self._received: Counter[str] = Counter(messages=0, receipts=0)
        self._lost = 0  #: binds that were lost or did not come about

    def says(self) -> dict[str, object]:
        """For `mai status` and `mai smsc`."""
        up = self.drain.session is not None
        return {
            "bound": up,
            "why": "" if up else self._why_down,
            "window": f"{self.drain.in_flight}/{self.bind.window}",
            "marked": self.drain.ahead,
            "per_second": round(self.drain.flow.rate, 1),
            "throttled": self.drain.counts["throttled"],
        }

    def measures(self) -> Iterator[Measure]:
        """For `/metrics`; counters since the gateway began."""
        drain, of = self.drain, {"bind": self.bind.name}
        gauges: dict[str, tuple[str, float]] = {
            "bound": ("1: the bind is up", drain.session is not None),
            "window": ("Messages that may wait for their answers", self.bind.window),
            "in_flight": ("Messages that wait for their answers", drain.in_flight),
            "marked": ("Parts that are marked as sending and not written", drain.ahead),
            "parts_per_second": ("The rate now, after what the SMSC said of it", drain.flow.rate),
        }
        for name, (help_, value) in gauges.items():
            yield Measure("gauge", f"mai_smsc_{name}", help_, of, value)
        counters: dict[str, tuple[str, float]] = {
            "submitted": ("Parts that were written to the SMSC", drain.counts["submitted"]),
            "throttled": ("Answers that we are too fast", drain.counts["throttled"]),
            "receipts": ("Delivery receipts that were stored", self._received["receipts"]),
            "messages": ("SMS from subscribers that were stored, in parts", self._received["messages"]),
            "binds_lost": ("Binds that were lost or did not come about", self._lost),
        }
        for name, (help_, value) in counters.items():
            yield Measure("counter", f"mai_smsc_{name}_total", help_, of, value)
        for answer in ("accepted", "failed", "postponed", "unknown"):
            labels = of | {"answer": answer}
            yield Measure(
                "counter", "mai_smsc_answers_total", "What became of parts", labels, drain.counts[answer]
            )

    async def keep(self) -> None:
        """Bind, again and again, until cancelled."""
        try:
            link = link_of(
                self.app, self.bind
            )  # a password of nine characters is found here, not at each try
        except (OSError, ValueError, ProtocolError, InvalidField) as error:
            self._why_down = f"config.yaml: smsc {self.bind.name}: {error}"
            self._alarms.put_nowait(f"SMSC {self.bind.name} cannot be bound as config.yaml says: {error}")
            return  # the other binds carry on

        gathered = Gathered(self.app)

        async def deliver(pdu: DeliverSm | DataSm) -> int:
            return await take_incoming(self.app, self.bind.name, pdu, self._received, gathered)

        def opened() -> AbstractAsyncContextManager[Session]:
            return connect(link, deliver, self.drain.late)

        duty = f"bind:{self.bind.name}"
        while True:
            worker: str | None = await taken(self.app, duty, self._stands_by)
            binding = asyncio.create_task(keep_bound(opened, self._up, self._down, name=self.bind.name))
            try:
                while worker is not None:
                    worker = await kept(self.app, duty, worker)
                    self.drain.give_back()  # what was marked under the last id is nobody's
            finally:
                binding.cancel()
                await asyncio.wait([binding])
            self.drain.unbound()

    def _stands_by(self, process: str) -> None:
        self._why_down = f"standing by: {process} has this bind"

    def _up(self, session: Session) -> None:
        logger.info("bound", bind=self.bind.name)
        self.drain.bound(session)
        self._cancel_alarm()
        self._alarms.put_nowait(None)

    def _down(self, why: LinkError, wait_s: float) -> None:
        """A refused bind is an alarm at once, a link that is down after a while."""
        self.drain.unbound()
        self._lost += 1
        self._why_down = f"{why}; next try in {wait_s:.0f} s"
        hint = " (system_id or password of config.yaml)" if getattr(why, "credentials", False) else ""
        host = f"[{self.bind.host}]" if ":" in self.bind.host else self.bind.host
        text = f"SMSC {self.bind.name} at {host}:{self.bind.port}: {why}{hint}"
        if isinstance(why, BindRefused):
            self._cancel_alarm()
            self._alarms.put_nowait(text)
        elif self._alarm is None:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(self.bind.alarm_after_s, self._alarms.put_nowait, text)

    def _cancel_alarm(self) -> None:
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None

    async def tell(self) -> None:
        """Write alarms and their ends, in order, until cancelled; also when the store is back only later."""
        name = f"smsc:{self.bind.name}"
        while True:
            text, now = await self._alarms.get(), self.app.now()
            if text is None:
                job = partial(settings.clear_alarm, name=name, now=now)
            else:
                job = partial(settings.raise_alarm, name=name, text=text, now=now)
            await until_stored(self.app.store, job, what=f"alarm {name}")


async def run(app: App, stopping: asyncio.Event) -> None:
    """The gateway: close what a killed one left open, then keep every bind up and drain the outbox.

    A bind is a duty: of several gateways one has it, so that its rate and window are the bind's and not a share's.
    """
    await _begin(app)
    known = routes(app.config.smsc)
    gateways = [Gateway(app, bind, known.get(bind.name, Route())) for bind in app.config.smsc]
    drains = [gateway.drain for gateway in gateways if gateway.bind.bind != "receiver"]
    app.says["sms"] = lambda: {gateway.bind.name: gateway.says() for gateway in gateways}
    app.measures["sms"] = lambda: (measure for gateway in gateways for measure in gateway.measures())
    failed: Exception | None = None
    async with asyncio.TaskGroup() as recording:
        for drain in drains:
            recording.create_task(drain.record())
        try:
            await _work(app, gateways, drains, stopping)
        except Exception as error:  # what the SMSCs said and what did not leave is recorded first
            failed = error
        finally:
            for drain in drains:
                drain.stop()
                drain.end()
    if failed:
        raise failed


async def _work(app: App, gateways: list[Gateway], drains: list[Drain], stopping: asyncio.Event) -> None:
    """Send until told to stop; then the sessions end, and every answer that is due is taken or given up."""
    async with asyncio.TaskGroup() as group:
        ends = [group.create_task(gateway.keep(), name=f"bind {gateway.bind.name}") for gateway in gateways]
        ends += [group.create_task(gateway.tell()) for gateway in gateways]
        for drain in drains:
            group.create_task(drain.mark(stopping))
            group.create_task(drain.write(stopping))
        if gateways:
            group.create_task(_look_after(app, stopping))
        await stopping.wait()
        for drain in drains:
            drain.stop()
        for task in ends:
            task.cancel()


async def _begin(app: App) -> None:
    """What a killed gateway was sending is unknown; a sender that no bind takes is said."""
    await _close_left(app, by=app.worker.id)
    wanted: list[tuple[str, str | None]] = [(app.config.texts.refusal_sender, None)]
    for name, programme in app.installation.programmes.items():
        wanted += [(message.sender, name) for message in programme.campaign.messages.values()]
    nobody = untaken(app.config.smsc, list(dict.fromkeys(wanted))) if app.config.smsc else ()
    if nobody:
        said = ", ".join(f"{sender} of {programme or 'the house'}" for sender, programme in nobody)
        await app.alarm("smsc:routes", f"no SMSC bind takes messages from {said}: add it to smsc[].senders")
    else:
        await app.clear_alarm("smsc:routes")


async def _close_left(app: App, by: str | None = None) -> None:
    """What a gateway was sending that is gone is unknown; `by`: what this process was sending as well."""
    unknown, _ = await app.store.write(partial(messages.left_sending, now=app.now(), tries=0, by=by))
    if unknown:
        logger.warning("messages whose fate is not known after a crash", messages=unknown)


async def _look_after(app: App, stopping: asyncio.Event) -> None:
    """Without a receipt in the hold time, `at_least_once` goes again; long messages that stay in parts are joined."""
    hold_s = min(bind.receipt_hold_s for bind in app.config.smsc)
    hold = timedelta(seconds=hold_s)
    while not stopping.is_set():
        now = app.now()
        await _close_left(app)
        await app.store.write(partial(messages.again_after_hold, now=now, before=now - hold, tries=_TRIES))
        await app.store.write(partial(join_incomplete, app=app, now=now))
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), min(_LOOK_S, hold_s / 2))
