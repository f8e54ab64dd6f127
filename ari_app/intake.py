"""Which sources bring events by themselves, and what if one of them fails? The part `intake`: all `sources` of config.yaml.

Each runs by itself: one that fails is told of, and tried again after a while; the others go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from ari_app.sources import folder, kafka
from ari_app.sources.standing import Standing, TakenElsewhere, Trouble
from runtime.app import App
from runtime.logs import log
from runtime.measures import Measure

logger = log("intake")

_AGAIN_S, _AGAIN_MOST_S = 1.0, 30.0
_STAND_BY_S = 2.0

#: A source runs until it is told to stop; Trouble and OSError are what may pass.
Watch = Callable[[Any, Standing], Awaitable[None]]
KINDS: dict[str, Watch] = {"folder": folder.watch, "kafka": kafka.watch}


async def run(app: App, stopping: asyncio.Event) -> None:
    """Take events from every source until told to stop."""
    standings = [Standing(app, source, stopping) for source in app.config.sources]
    app.says["intake"] = lambda: {"sources": [standing.row() for standing in standings]}
    app.measures["intake"] = partial(_measures, standings)
    async with asyncio.TaskGroup() as group:
        for standing in standings:
            group.create_task(_kept(standing), name=f"source {standing.source.name}")
    await stopping.wait()


async def _kept(standing: Standing) -> None:
    """Run one source, again after every fault."""
    watch = KINDS[standing.source.kind]  # type: ignore[attr-defined]
    again_s = _AGAIN_S
    while not standing.stopping.is_set():
        try:
            await watch(standing.source, standing)
        except TakenElsewhere:
            standing.where = "stands by: another process takes from it"
            await standing.well()
            await standing.told_to_stop(_STAND_BY_S)
            continue
        except (Trouble, OSError) as error:
            why = str(error)
        except Exception as error:  # a fault of one source must not end the others
            logger.exception("failed", source=standing.source.name)
            why = f"failed: {type(error).__name__}: {error}"
        else:
            continue  # told to stop
        if standing.away_since is None:
            again_s = _AGAIN_S
        await standing.away(why)
        await standing.told_to_stop(again_s)
        again_s = min(again_s * 2, _AGAIN_MOST_S)


def _measures(standings: Iterable[Standing]) -> Iterable[Measure]:
    for standing in standings:
        labels = {"source": standing.source.name}
        for result, count in standing.counts.items():
            help_ = "Events that a source brought, by what became of them"
            yield Measure("counter", "mai_source_events_total", help_, labels | {"result": result}, count)
        if standing.lag is not None:
            yield Measure("gauge", "mai_source_waiting", "Files or messages that wait", labels, standing.lag)
        away = 0.0 if standing.away_since is None else 1.0
        yield Measure("gauge", "mai_source_away", "1: it cannot get at its events", labels, away)
