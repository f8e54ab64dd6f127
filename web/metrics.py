"""What do the numbers say to a monitoring system? `GET /metrics`, in Prometheus' text format, from the store."""

import asyncio
import time
from collections.abc import Iterator

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from runtime.app import App
from store import metrics
from store.metrics import Counts

#: Seconds for which counts are shown again.
_FRESH_S = 2.0
#: Counting takes at most this share of the time, however large the store grows.
_SHARE = 0.05

#: Field of Counts -> name, help, labels.
_GAUGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "triggers": ("mai_triggers", "Events by what became of them; open: nothing yet", ("fate",)),
    "calls": ("mai_calls", "Calls that have ended, by outcome", ("direction", "outcome")),
    "open_calls": ("mai_open_calls", "Calls that are dialled or up now", ("direction", "state")),
    "contacts": ("mai_contacts", "Contacts by state", ("state",)),
    "messages": ("mai_messages", "Messages by kind and state", ("kind", "state")),
    "registrations": ("mai_registrations", "Registrations by state", ("state",)),
}


class _Shown(Collector):
    """Counts as Prometheus wants them. Rows change their state and are removed with age: all are gauges."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        for field, (name, help_, labels) in _GAUGES.items():
            family = GaugeMetricFamily(name, help_, labels=labels)
            for values, count in getattr(self._counts, field).items():
                family.add_metric(values, count)
            yield family
        standing = GaugeMetricFamily("mai_alarms", "Alarms that stand", labels=["alarm"])
        for name in self._counts.alarms:
            standing.add_metric([name], 1)
        yield standing


class Metrics:
    """The route, and the counts that it shows for a moment."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._text = b""
        self._until = 0.0
        self._counting = asyncio.Lock()  # who comes meanwhile waits for the same counts

    def route(self) -> HTTPRouteHandler:
        """`GET /metrics`; open to all: it counts, it names no person."""

        @get("/metrics")
        async def show() -> Response[bytes]:
            # As a header: of a media type Litestar would name the charset twice.
            return Response(await self._current(), headers={"content-type": CONTENT_TYPE_LATEST})

        return show

    async def _current(self) -> bytes:
        async with self._counting:
            began = time.monotonic()
            if began >= self._until:
                registry = CollectorRegistry(auto_describe=False)
                registry.register(_Shown(await self._app.store.read(metrics.counts)))
                self._text = generate_latest(registry)
                took = time.monotonic() - began
                self._until = began + max(_FRESH_S, took / _SHARE)
        return self._text
