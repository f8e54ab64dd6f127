"""How does the whole system run? Prompts made, store open, control socket up, parts in order, all stopped in reverse."""

import asyncio
import gc
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from core.speech import pieces_to_make
from prompts.library import Library, open_library
from runtime import law_alarms, reload
from runtime.app import App, Installation
from runtime.asterisk import AsteriskTrouble, ManagedNode
from runtime.asterisk_files import ROOT, BadAsteriskConfig, installed
from runtime.clock import not_heeded
from runtime.control import alone_in, listening
from runtime.failed import WrongUsage
from runtime.forgetting import keep_house
from runtime.loading import load, open_app
from runtime.logs import log
from runtime.named import known_node
from runtime.parts import ORDER, Part, Run, run_parts, stop_on_signals
from runtime.requests import handlers
from runtime.revealing import take_reveals
from runtime.worker import process_name, working
from store.batch import GATHER_S
from store.tx import Tx

__all__ = ["asterisk", "chosen_parts", "load", "managed_nodes", "run_system"]

logger = log("system")

_RETRY_S = 5.0


def make_prompts(installation: Installation, library: Library, stop: asyncio.Event) -> None:
    """Every piece that any programme that is enabled may play, before a call is made; leaves off when told to stop.

    Blocks. Raises CannotMake, CannotSpeak.
    """
    pieces = dict.fromkeys(
        piece
        for programme in installation.programmes.values()
        if programme.campaign.enabled
        for piece in pieces_to_make(programme.campaign, installation.catalogue)
    )
    missing = library.missing(pieces)
    if not missing:
        return
    with _progress_bar() as progress, suppress(_Stopped):
        bar = progress.add_task("prompts", total=len(missing))

        def made(done: int, of: int, piece: str) -> None:
            if stop.is_set():
                raise _Stopped
            progress.update(bar, completed=done, total=of)

        library.make(missing, made)


class _Stopped(Exception):
    """Told to stop while prompts are made."""


def _progress_bar() -> Progress:
    """A progress bar on standard error for people; nothing where that is not a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def managed_nodes(installation: Installation) -> list[ManagedNode]:
    """The Asterisk nodes that we run ourselves."""
    found = installed(ROOT)
    config = installation.config
    return [
        ManagedNode(config, node, installation.run_dir, found)
        for node in config.asterisk.nodes
        if node.managed
    ]


async def asterisk(app: App, stopping: asyncio.Event) -> None:
    """The managed Asterisk nodes: started or adopted, watched, and ended with the system."""
    nodes = managed_nodes(app.installation)
    if not nodes:
        await stopping.wait()
        return
    async with asyncio.TaskGroup() as group:
        for node in nodes:
            group.create_task(_keep_node(app, node, stopping))


async def _keep_node(app: App, node: ManagedNode, stopping: asyncio.Event) -> None:
    alarm = f"asterisk:{node.node.name}"
    while not stopping.is_set():
        try:
            await node.start()
            await app.clear_alarm(alarm)
            break
        except (AsteriskTrouble, BadAsteriskConfig) as trouble:
            logger.error(str(trouble), node=node.node.name)
            await app.alarm(alarm, str(trouble))
            await asyncio.wait({asyncio.create_task(stopping.wait())}, timeout=_RETRY_S)
    watching = asyncio.create_task(node.watch())
    await stopping.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await node.stop()


async def house(app: App, stopping: asyncio.Event) -> None:
    """The memory's end every night, and the alarms of the law."""
    async with asyncio.TaskGroup() as group:
        group.create_task(keep_house(app, stopping))
        group.create_task(law_alarms.watch(app, stopping))


#: Seconds that a part may take to finish what it has begun.
_STOP_S = {"dialer": 75.0, "sms": 20.0, "registrar": 30.0, "asterisk": 20.0, "intake": 20.0}


def chosen_parts(names: Sequence[str], programs: Mapping[str, Run]) -> list[Part]:
    """The parts to run, in order; none named: all. Raises WrongUsage for an unknown name."""
    known = {"asterisk": asterisk, "campaigns": reload.run, "house": house, **programs}
    if strange := sorted(set(names) - set(known)):
        raise WrongUsage(f"{strange[0]!r} is not a part: one of {', '.join(ORDER)}")
    wanted = set(names) or set(known)
    if "dialer" in wanted:
        wanted.add("asterisk")
    wanted.add("campaigns")  # every process sees an edit of campaigns/
    return [Part(name, known[name], _STOP_S.get(name, 10.0)) for name in ORDER if name in wanted]


#: The parts that work with Asterisk nodes; the others have none.
_WITH_NODES = {"asterisk", "dialer"}


def with_nodes(installation: Installation, names: Sequence[str], parts: Sequence[Part]) -> Installation:
    """The installation as a process sees it that works with these nodes alone; none named: with all.

    Raises WrongUsage for a name that config.yaml does not have.
    """
    config = installation.config
    known = {node.name: node for node in config.asterisk.nodes}
    for name in names:
        known_node(installation, name)
    if not names:
        return installation
    if not _WITH_NODES & {part.name for part in parts}:
        said = "--node changes nothing here: of all parts only dialer and asterisk work with nodes"
        logger.warning(said, parts=[part.name for part in parts])
    ours = config.asterisk.model_copy(update={"nodes": tuple(known[name] for name in dict.fromkeys(names))})
    return replace(
        installation,
        config=config.model_copy(update={"asterisk": ours}),
        other_nodes=frozenset(known) - set(names),
    )


def _keep_versions(tx: Tx, *, app: App) -> None:
    """What calls may be made with from here is kept for complaints, whichever process plans them."""
    for name, programme in app.installation.programmes.items():
        content = app.installation.files[name]
        reload.keep_version(tx, programme=programme, content=content, now=app.now())


async def run_system(installation: Installation, parts: Sequence[Part]) -> None:
    """Run until told to stop (a signal, or `mai stop`). Raises StoreError, RunsHere, CannotMake, CannotSpeak."""
    stop, done = asyncio.Event(), asyncio.Event()
    library = open_library(installation.config.prompts, installation.catalogue, installation.folder)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(installation, media=library.file, gather_s=GATHER_S))
        stack.enter_context(alone_in(installation.run_dir))
        if installation.shares_store:
            app.process = process_name(app)
        stop_on_signals(stop)
        stack.callback(logger.info, "stopped")

        async def stopped(fields: dict[str, Any]) -> Any:
            stop.set()
            await done.wait()
            return {"stopped": True}

        await stack.enter_async_context(listening(installation.run_dir, handlers(app, stop=stopped)))
        stack.callback(done.set)
        for name, why in installation.held_back.items():
            logger.warning("held back", programme=name, why=why)
        await take_reveals(app)
        await app.store.write(partial(_keep_versions, app=app))
        if said := await not_heeded(app.store, installation.config.clock.now):
            logger.warning(said)
        await asyncio.to_thread(make_prompts, installation, library, stop)
        await stack.enter_async_context(working(app))
        gc.freeze()  # what is loaded stays: the collector need not walk it again and again
        stack.callback(gc.unfreeze)
        logger.info("running", parts=[part.name for part in parts], decision_time=app.now().isoformat())
        await run_parts(app, parts, stop)
