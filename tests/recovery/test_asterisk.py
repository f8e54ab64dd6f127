"""What if an Asterisk dies, or says nothing any more? It is noticed, said, and got over; nobody is called again for it."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from core.config import Config
from core.loading import parse_config
from demo.world import World
from runtime.asterisk import ManagedNode
from runtime.asterisk_files import ROOT, installed
from soak import invariants
from tests.recovery.site import Site, numbers, site

pytestmark = pytest.mark.asterisk
pytest_loop = pytest.mark.asyncio(loop_scope="module")

_BLOCKS = 6
_LISTENS, _PRESSES = "009", "031"
_UP, _ALARM = 3, "ari:ast1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    known = [n for tail in (_LISTENS, _PRESSES) for b in range(_BLOCKS) for n in numbers(tail, 9, block=b)]
    async with site(tmp_path_factory.mktemp("recovery") / "world", known) as made:
        yield made


async def _calls_up(running: Site, block: int) -> list[str]:
    """Subscribers who listen, all of them up."""
    listening = numbers(_LISTENS, _UP, block=block)
    await running.top_up(listening)
    await running.until("calls that are up", lambda: set(listening) <= running.up())
    return listening


async def _goes_on(running: Site, block: int, cut_off: list[str]) -> None:
    """New calls are placed; the ones that were cut off are recorded and not placed again, though topped up again."""
    new = numbers(_PRESSES, 3, block=block)
    await running.top_up(new)
    await running.until_called(new)
    await running.top_up(cut_off, event="again")
    await running.until_all_ended()
    assert invariants.called_twice(running.calls().elements()) == {}
    fates = await running.ledger.fates()
    assert {fates[f"t-{number}"] for number in [*cut_off, *new]} == {"called"}
    assert {fates[f"again-{number}"] for number in cut_off} == {"refused_by_rule"}
    registered = {f"0{each.number[-9:]}" for each in running.there.packages.records()}
    assert set(new) <= registered


@pytest_loop
async def test_a_killed_asterisk_is_started_again(running: Site) -> None:
    """Issue 5, recovery: managed and killed with calls up; a line of the log and an alarm say so."""
    up = await _calls_up(running, 0)
    first = running.asterisk()
    running.signal_asterisk(signal.SIGKILL)
    assert "ast1" in await running.alarm(_ALARM, open_=False)
    assert running.asterisk() != first
    assert "Asterisk ended by itself, starting it again" in running.log()
    await _goes_on(running, 0, up)


@pytest_loop
async def test_a_frozen_asterisk_is_noticed_and_got_over(running: Site) -> None:
    """Issue 5, recovery: the peer takes bytes and says nothing; noticed by the websocket's own heartbeat."""
    up = await _calls_up(running, 1)
    running.signal_asterisk(signal.SIGSTOP)
    try:
        assert "does not answer" in await running.alarm(_ALARM, open_=True)
        waiting = numbers(_PRESSES, 2, block=2)
        await running.top_up(waiting)  # taken all the same, and called when it is back
    finally:
        running.signal_asterisk(signal.SIGCONT)
    await running.alarm(_ALARM, open_=False)
    await running.until_called(waiting)
    await _goes_on(running, 1, up)


@pytest_loop
async def test_controller_and_asterisk_killed_at_once(running: Site) -> None:
    """Issue 5, recovery: as when the machine loses its power."""
    up = await _calls_up(running, 3)
    running.signal_asterisk(signal.SIGKILL)
    await running.killed()
    running.start()
    await _goes_on(running, 3, up)


def _of_others(there: World) -> ManagedNode:
    """An Asterisk with the settings of config.yaml that somebody else starts and ends."""
    config = parse_config(there.config.read_text(encoding="utf-8"), "config.yaml", there.environment)
    assert isinstance(config, Config)
    node = config.asterisk.nodes[0].model_copy(update={"managed": True})
    return ManagedNode(config, node, there.folder / "others", installed(ROOT))


@asynccontextmanager
async def _beside(there: World) -> AsyncIterator[None]:
    asterisk = _of_others(there)
    await asterisk.start()
    try:
        yield
    finally:
        await asterisk.stop()


async def test_an_asterisk_of_others_is_restarted(tmp_path: Path) -> None:
    """Issue 5, recovery: not managed; nobody dials meanwhile, and what was cut off is closed when it is back."""
    known = [*numbers(_LISTENS, 9), *numbers(_PRESSES, 9)]
    async with site(tmp_path / "world", known, asterisk_of_others=_beside) as running:
        up = await _calls_up(running, 0)
        asterisk = _of_others(running.there)
        await asterisk.stop()
        assert "does not answer" in await running.alarm(_ALARM, open_=True)
        waiting = numbers(_PRESSES, 6)[3:]
        await running.top_up(waiting)
        assert running.calls().keys() == set(up)
        await asterisk.start()
        await running.alarm(_ALARM, open_=False)
        await running.until_called(waiting)
        await _goes_on(running, 0, up)
