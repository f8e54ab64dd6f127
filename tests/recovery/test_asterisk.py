"""What if an Asterisk dies, or says nothing any more? It is noticed, said, and got over; nobody is called again for it."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
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
async def test_nobody_is_lost_over_an_asterisk_that_says_nothing(running: Site) -> None:
    """R7: what was not dialled is called when it answers again, once; nothing more is claimed for it meanwhile, and
    the channels that it makes late are dialled by nobody and do not stay."""
    tried, waiting = numbers(_PRESSES, 4, block=4), numbers(_PRESSES, 4, block=5)
    running.signal_asterisk(signal.SIGSTOP)
    try:
        await running.top_up(tried)
        await running.until("a dialer that says why it waits", lambda: _says(running, "says nothing"))
        claimed = await running.ledger.numbers_called()
        await running.top_up(waiting)
        assert "takes what it is asked and says nothing" in await running.alarm(_ALARM, open_=True)
        await running.until("the end of every attempt", lambda: _nothing_in_flight(running))
        assert await running.ledger.numbers_called() == claimed
        assert await _outcomes(running, tried) == {"failed"}
    finally:
        running.signal_asterisk(signal.SIGCONT)
    await running.alarm(_ALARM, open_=False)
    await running.until_called([*tried, *waiting])
    await running.until_all_ended()
    assert invariants.called_twice(running.calls().elements()) == {}
    assert await _outcomes(running, [*tried, *waiting]) == {"accepted"}
    await running.until("an Asterisk without a channel", lambda: _has_no_channel(running))


async def _outcomes(running: Site, of: list[str]) -> set[str | None]:
    """How the last attempts at these numbers ended, those that were tried at all."""
    last = await running.ledger.last_outcomes()
    return {last[number] for number in (f"+84{each[1:]}" for each in of) if number in last}


async def _says(running: Site, what: str) -> bool:
    """Whether `mai status` gives this reason."""
    return what in str((await running.health())["parts"]["dialer"])


async def _nothing_in_flight(running: Site) -> bool:
    return not await running.ledger.since()


async def _has_no_channel(running: Site) -> bool:
    node = _config(running.there).asterisk.nodes[0]
    known = aiohttp.encode_basic_auth(node.user, node.password.get_secret_value())
    async with (
        aiohttp.ClientSession(headers={"Authorization": known}) as session,
        session.get(f"{node.ari_url}/ari/channels") as answer,
    ):
        answer.raise_for_status()
        return not await answer.json()


@pytest_loop
async def test_controller_and_asterisk_killed_at_once(running: Site) -> None:
    """Issue 5, recovery: as when the machine loses its power."""
    up = await _calls_up(running, 3)
    running.signal_asterisk(signal.SIGKILL)
    await running.killed()
    running.start()
    await _goes_on(running, 3, up)


def _config(there: World) -> Config:
    config = parse_config(there.config.read_text(encoding="utf-8"), "config.yaml", there.environment)
    assert isinstance(config, Config)
    return config


def _of_others(there: World) -> ManagedNode:
    """An Asterisk with the settings of config.yaml that somebody else starts and ends."""
    config = _config(there)
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
