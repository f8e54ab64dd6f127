"""What if the clock is stepped? Nobody is called outside the windows, nobody twice, and nothing spins."""

import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from bench.dialer import cpu_s
from soak import invariants
from tests.recovery.altered import clock_as_told
from tests.recovery.site import Site, numbers, site

pytestmark = pytest.mark.asterisk

#: The world's day begins at 10:05; from 17:00 on nobody is called.
_TO_THE_EVENING_S, _TO_EARLY_MORNING_S = 8 * 3600.0, -90 * 60.0
_LISTENS, _PRESSES = "009", "031"
_KNOWN = [n for tail in (_LISTENS, _PRESSES) for block in range(4) for n in numbers(tail, 3, block=block)]

Step = Callable[[Site, float], Awaitable[None]]


def _told(folder: Path) -> Path:
    return folder / "step"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path / "world", _KNOWN, alter=partial(clock_as_told, _told(tmp_path))) as made:
        yield made


async def _host_clock(running: Site, by_s: float) -> None:
    """The machine's clock is set while the system runs."""
    _told(running.there.folder.parent).write_text(str(by_s))
    running.process.send_signal(signal.SIGUSR1)


async def _kept_offset(running: Site, by_s: float) -> None:
    """The offset that the store keeps is another one at the next start."""
    await running.killed()
    with closing(sqlite3.connect(running.there.folder / "mai.db")) as store, store:
        changed = store.execute(
            "UPDATE settings SET value = CAST(CAST(value AS INTEGER) + ? AS TEXT) WHERE name = 'clock_offset_us'",
            (int(by_s * 1_000_000),),
        )
        assert changed.rowcount == 1
    running.start(partial(clock_as_told, _told(running.there.folder.parent)))


@pytest.mark.parametrize("step", [_host_clock, _kept_offset])
async def test_the_clock_steps_forward_and_back(running: Site, step: Step) -> None:
    """Issue 5, recovery: out of the windows nobody is called, back in them who was called before is not called again."""
    before = numbers(_LISTENS, 3)
    await running.top_up(before)
    await running.until("calls that are up", lambda: set(before) <= running.up())
    began = time.monotonic()

    await step(running, _TO_THE_EVENING_S)
    evening = numbers(_PRESSES, 3, block=1)
    await running.top_up(evening)
    await running.until_all_ended()
    fates = await running.fates()
    assert {fates[number] for number in evening} == {"out_of_window"}
    assert running.calls().keys() == set(before)

    await step(running, -_TO_THE_EVENING_S)
    morning = numbers(_PRESSES, 3, block=2)
    await running.top_up(morning)
    await running.until_called(morning)

    await step(
        running, _TO_EARLY_MORNING_S
    )  # the DoNotCall register is of the future now: R15, in doubt nobody is called
    earlier = numbers(_PRESSES, 3, block=3)
    await running.top_up([*before, *morning], event="again")
    await running.top_up(earlier)
    await running.until_all_ended()
    rules = await running.ledger.rules()
    assert {number for number in earlier if "a clock is wrong" not in str(rules[f"t-{number}"])} == set()
    assert running.calls().keys() == {*before, *morning}

    await step(running, -_TO_EARLY_MORNING_S)  # it is right again
    await running.top_up(earlier, event="later")
    await running.until_called(earlier)
    await running.until_all_ended()
    fates = await running.ledger.fates()
    assert {fates[f"again-{number}"] for number in [*before, *morning]} == {"refused_by_rule"}
    assert running.calls().keys() == {*before, *morning, *earlier}
    assert invariants.called_twice(running.calls().elements()) == {}
    if step is _host_clock:  # one process all the while; a loop that spins takes what it gets
        assert cpu_s(running.process.pid) < (time.monotonic() - began) / 2
