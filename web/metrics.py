"""What do the numbers say to a monitoring system? `GET /metrics`, in Prometheus' text format.

Three kinds: what the parts in this process count (the SMSC binds), what is open in the store now, and counts of whole
tables. The last are dear: they are taken apart from the asking, at most a hundredth of the time, and shown with their age.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Generic, TypeVar

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from runtime.app import App
from store import metrics
from store.metrics import Labelled, Now

T = TypeVar("T")

#: Seconds for which numbers are shown again, however often they are asked for.
_FRESH_S = 2.0
#: What reading takes at most of the time: of what is open, and of whole tables.
_SHARE_OPEN, _SHARE_TABLES = 0.05, 0.01
#: Seconds that who asks waits for newer counts of whole tables.
_PATIENCE_S = 0.5

#: Table -> name, help, labels.
_GAUGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "triggers": ("mai_triggers", "Events by what became of them; open: nothing yet", ("fate",)),
    "calls": ("mai_calls", "Calls that have ended, by outcome", ("direction", "outcome")),
    "contacts": ("mai_contacts", "Contacts by state", ("state",)),
    "messages": ("mai_messages", "Messages by kind and state", ("kind", "state")),
    "registrations": ("mai_registrations", "Registrations by state", ("state",)),
}
_OUTBOX = ("state", "bind")


class Kept(Generic[T]):
    """What reading something brought last; read again when it is asked for and old enough, once at a time."""

    def __init__(self, read: Callable[[], Awaitable[T]], share: float) -> None:
        self.at = float("-inf")  #: monotonic, when it was begun to be read
        self._read = read
        self._share = share
        self._until = float("-inf")
        self._value: T | None = None
        self._reading: asyncio.Task[None] | None = None

    async def value(self, patience_s: float | None) -> T | None:
        """The newest; waits so long for it (None: to its end), then the last one. None: there is none yet."""
        if self._reading is None and time.monotonic() >= self._until:
            self._reading = asyncio.create_task(self._again())
        if self._reading is not None:
            reading = self._reading
            await asyncio.wait({reading}, timeout=patience_s)
            if reading.done():
                self._reading = None
                reading.result()  # what went wrong is told, not old numbers
        return self._value

    async def _again(self) -> None:
        began = time.monotonic()
        self._value = await self._read()
        self.at = began
        self._until = began + max(_FRESH_S, (time.monotonic() - began) / self._share)


class _Shown(Collector):
    """The numbers as Prometheus wants them. Rows change their state and are removed with age: those are gauges."""

    def __init__(self, app: App, now: Now, tables: dict[str, Labelled], age_s: float | None) -> None:
        self._app, self._now, self._tables, self._age_s = app, now, tables, age_s

    def collect(self) -> Iterator[Metric]:
        for table, counted in self._tables.items():
            yield _gauge(*_GAUGES[table], counted)
        if self._age_s is not None:
            yield GaugeMetricFamily("mai_counts_age_seconds", "Age of the counts by state", value=self._age_s)
        labels = ("direction", "state")
        yield _gauge("mai_open_calls", "Calls that are dialled or up now", labels, self._now.open_calls)
        yield from self._outbox()
        standing: Labelled = {(name,): 1 for name in self._now.alarms}
        yield _gauge("mai_alarms", "Alarms that stand", ("alarm",), standing)
        yield from self._of_parts()

    def _outbox(self) -> Iterator[Metric]:
        counted = GaugeMetricFamily(
            "mai_outbox_messages", "SMS that have not ended, by state", labels=_OUTBOX
        )
        oldest = GaugeMetricFamily("mai_outbox_oldest_seconds", "Since when the oldest waits", labels=_OUTBOX)
        for each in self._now.outbox:
            counted.add_metric((each.state, each.bind), each.messages)
            oldest.add_metric((each.state, each.bind), each.oldest.total_seconds())
        yield from (counted, oldest)

    def _of_parts(self) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for measure in (each for told in self._app.measures.values() for each in told()):
            kind = CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily
            if measure.name not in families:
                families[measure.name] = kind(measure.name, measure.help, labels=tuple(measure.labels))
            families[measure.name].add_metric(tuple(measure.labels.values()), measure.value)
        yield from families.values()


def _gauge(name: str, help_: str, labels: tuple[str, ...], counted: Labelled) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_, labels=labels)
    for values, count in counted.items():
        family.add_metric(values, count)
    return family


class Metrics:
    """The route, and the numbers that it shows for a moment."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._open = Kept(self._read_open, _SHARE_OPEN)
        self._tables = Kept(self._read_tables, _SHARE_TABLES)

    def route(self) -> HTTPRouteHandler:
        """`GET /metrics`; open to all: it counts, it names no person."""

        @get("/metrics")
        async def show() -> Response[bytes]:
            # As a header: of a media type Litestar would name the charset twice.
            return Response(await self._text(), headers={"content-type": CONTENT_TYPE_LATEST})

        return show

    async def _text(self) -> bytes:
        now = await self._open.value(None)
        tables = await self._tables.value(_PATIENCE_S)
        assert now is not None  # it was waited for
        age_s = time.monotonic() - self._tables.at if tables is not None else None
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Shown(self._app, now, tables or {}, age_s))
        return generate_latest(registry)

    async def _read_open(self) -> Now:
        return await self._app.store.read(partial(metrics.now_open, now=self._app.now()))

    async def _read_tables(self) -> dict[str, Labelled]:
        """One table after the other: no reader is held for long, no write-ahead log grows meanwhile."""
        return {name: await self._app.store.read(count) for name, count in metrics.TABLES.items()}
