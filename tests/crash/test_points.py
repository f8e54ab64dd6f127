"""What if the controller dies at this very moment? At every committed arrow of DESIGN §3, and at the bytes between them.

One world, one load, one death after another; judged in the end by the callee's, the SMSC's and the package system's records.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from demo.world import ROOT, World, world, write_lists
from simulator.behaviours import digits
from soak import invariants
from tests.crash.dying import die_at
from tests.crash.forked import Forked
from tests.crash.points import ARROWS, ELSEWHERE, OUTSIDE, POINTS
from tests.kill.evidence import Snapshot, Watched
from tests.kill.load import Load, quick_installation
from tests.kill.system import Kill, System

_SHORT = Path(__file__).parent.parent / "kill" / "short.yaml"
_PER_SECOND = 8.0
#: Longer than the test lasts at this rate.
_NUMBERS = 6000
#: Last three digits of the numbers, in turn (simulator/behaviours.py): few who ring for long, so that no point waits long.
_TAILS = (
    *("031", "931", "111", "003", "731", "009", "002", "103"),
    *("831", "111", "061", "031", "111", "103", "003", "041"),
)
#: SMS to numbers that end so are refused by the SMSC; or accepted, and never reach their phone.
_REFUSED_TAIL, _UNDELIVERED_TAIL, _INVALID_ADDRESS = "103", "003", 0x0B


@dataclass
class Story:
    """What the world outside saw, and what the store said at each death and at the end."""

    world: World
    load: Load
    kills: dict[str, Kill] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """SMS that subscribers sent."""
    answers: list[int] = field(default_factory=list)
    """What the SMSC was told of each in the end."""
    left_open: int = -1
    end: Snapshot = field(default_factory=lambda: Snapshot({}, Counter()))


def _seen_outside(there: World) -> dict[str, Callable[[], int]]:
    """How often each moment of OUTSIDE has come so far, by the world's own records."""

    def calls() -> int:
        return len(there.network.records())

    return {
        "the INVITE has arrived": calls,
        "the phone rings": lambda: sum(call.ringing_at is not None for call in there.network.records()),
        "the phone was answered": lambda: sum(
            call.answered_at is not None for call in there.network.records()
        ),
        "a key was pressed": lambda: sum(len(call.digits) for call in there.network.records()),
        "the package system has decided": lambda: len(there.packages.records()),
        "the SMSC has the message": lambda: sum(
            line["event"] == "submit" for line in there.smsc.record.lines
        ),
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    """The whole run, once; each test looks at one thing that must hold."""
    folder = tmp_path_factory.mktemp("crash")
    numbers = [f"090{place // len(_TAILS):04d}{_TAILS[place % len(_TAILS)]}" for place in range(_NUMBERS)]
    async with world(folder / "world", ring_s=7, calls_per_second=16, channels=120) as there:
        faults = there.smsc.faults
        faults.response_delay_s, faults.receipt_delay_s = 0.2, 0.3
        abroad = {
            tail: [f"84{n[1:]}" for n in numbers if n.endswith(tail)]
            for tail in (_REFUSED_TAIL, _UNDELIVERED_TAIL)
        }
        faults.status_of = dict.fromkeys(abroad[_REFUSED_TAIL], _INVALID_ADDRESS)
        faults.receipt_stat = dict.fromkeys(abroad[_UNDELIVERED_TAIL], "UNDELIV")
        quick_installation(there, there.folder, _SHORT)
        write_lists(there.folder, numbers, [], [])
        for kind in ("subscribers", "dnc"):
            done = await asyncio.to_thread(there.mai, "import", kind, str(there.folder / f"{kind}.csv"))
            assert done.returncode == 0, done.stdout + done.stderr
        made = Story(there, Load(there, _PER_SECOND, numbers))
        system = System(there, Watched(there.folder / "mai.db"), folder)
        feeding, asking = asyncio.create_task(made.load.run()), asyncio.create_task(_ask(made))
        try:
            await _die_everywhere(made, system, feeding, asking)
        finally:
            made.load.full.set()
            await asyncio.gather(feeding, asking)
            await system.stop()
        made.end = system.store.snapshot(folder / "snapshots" / "end")
        yield made


async def _die_everywhere(
    story: Story, system: System, feeding: "asyncio.Task[None]", asking: "asyncio.Task[None]"
) -> None:
    there = story.world
    for point in POINTS:
        if left := point.arrow.left:
            system.start(lambda: Forked(there))
            await system.until(lambda left=left: system.store.count(left) > 0, left)  # type: ignore[misc]
            await system.kill(left)
        system.start(partial(Forked, there, partial(die_at, point.name)))
        story.kills[point.name] = await system.dies(point.name)
    for name, seen in _seen_outside(there).items():
        system.start(lambda: Forked(there))
        before = seen()
        await system.until(lambda seen=seen, before=before: seen() > before, name)  # type: ignore[misc]
        story.kills[name] = await system.kill(name)
    for kill in story.kills.values():
        print(f"{kill.ran_s:6.1f} s  {kill.wanted}")
    system.start(lambda: Forked(there))
    await system.up()
    story.load.full.set()
    await asyncio.gather(feeding, asking)
    with suppress(TimeoutError):  # what is left is shown by a test of its own
        await system.until(lambda: system.store.open() == 0, "the end of everything", 90.0)
        accepted = "message accepted"
        await system.until(lambda: system.store.count(accepted) == 0, "the last receipts", 30.0)
    story.left_open = system.store.open()


async def _ask(story: Story) -> None:
    """Subscribers who are called by nobody send an SMS, one every half second, until the load ends."""
    waiting = []
    while not story.load.full.is_set():
        place = len(story.asked)
        number, text = f"84931{place:06d}", f"hỏi {place}"
        story.asked.append((f"+{number}", text))
        waiting.append(asyncio.create_task(story.world.smsc.send_mo(number, "8989", text)))
        with suppress(TimeoutError):
            await asyncio.wait_for(story.load.full.wait(), 0.5)
    story.answers = await asyncio.wait_for(asyncio.gather(*waiting), 60)


pytest_loop = pytest.mark.asyncio(loop_scope="module")


def test_the_table_names_every_arrow() -> None:
    """Issue 5: each arrow of ARCHITECTURE.md's States (DESIGN §3) has its crash points, or says where else it is shown."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    states = " ".join(text.partition("**States.**")[2].partition("Each arrow")[0].split())
    written = set()
    for what, chain in re.findall(r"(\w+) `([^`]*)`", states):
        *steps, ends = [step.split(" | ") for step in chain.split(" → ")]
        written |= {(what, a[0], b[0]) for a, b in zip(steps, [*steps[1:], ends], strict=True)}
        written |= {(what, steps[-1][0], end) for end in ends}
    assert len(written) > 10
    shown = {step for arrow in ARROWS for step in arrow.states} | ELSEWHERE.keys()
    assert written - shown == set()


@pytest.mark.asterisk
@pytest_loop
async def test_it_died_at_every_point(story: Story) -> None:
    """Issue 5: before and after each commit, and at the bytes that only the other side sees; each by SIGKILL."""
    assert story.kills.keys() == {point.name for point in POINTS} | set(OUTSIDE)
    assert len({kill.at for kill in story.kills.values()}) == len(story.kills)


@pytest.mark.asterisk
@pytest_loop
async def test_no_phone_rings_twice(story: Story) -> None:
    """R7, O7: one dialog at the callee for each number, though every third was topped up twice."""
    calls = [digits(c.number) for c in story.world.network.records() if c.role == "subscriber"]
    assert invariants.called_twice(calls) == {}
    assert len(calls) > 100


@pytest.mark.asterisk
@pytest_loop
async def test_nothing_is_registered_twice(story: Story) -> None:
    """O13: one registration for each key and for each number."""
    fates = [(each.key, digits(each.number)) for each in story.world.packages.records()]
    assert invariants.registered_twice(fates) == {}
    assert len(fates) > 20


@pytest.mark.asterisk
@pytest_loop
async def test_no_message_is_submitted_twice(story: Story) -> None:
    """DESIGN §1.6: the SMSC accepted each part of each text for a number once."""
    assert invariants.submitted_twice(story.world.smsc.record.lines) == {}
    assert len(story.world.smsc.records()) > 50


@pytest.mark.asterisk
@pytest_loop
async def test_every_decision_is_honoured(story: Story) -> None:
    """DESIGN §1.1: a key whose decision stood at one of the deaths is registered or refused in the end."""
    fates = {each.key: each.status for each in story.world.packages.records()}
    calls, registrations = story.end.of("calls"), story.end.of("registrations")
    decided = {id_ for kill in story.kills.values() for id_ in kill.store.decided()}
    registered = {id_ for id_ in decided if '"register"' in calls[id_]["decision"]}
    assert registered
    assert decided - registered
    assert {id_ for id_ in registered if calls[id_]["outcome"] != "accepted"} == set()
    assert {
        id_ for id_ in registered if registrations[f"reg-{id_}"]["state"] != fates.get(f"reg-{id_}")
    } == set()
    numbers = story.end.of("numbers")
    unheard = {id_ for id_ in decided - registered if not numbers[calls[id_]["number"]]["refused_at"]}
    assert unheard == set()


@pytest.mark.asterisk
@pytest_loop
async def test_every_trigger_that_was_taken_has_one_fate(story: Story) -> None:
    """O1: 202 means that it is stored; each has its fate in the end, and keeps it."""
    triggers = story.end.of("triggers")
    fates = {id_: row["fate"] for id_, row in triggers.items()}
    assert story.load.wrong == []
    assert invariants.without_a_fate(story.load.taken, fates) == set()
    changed = {
        id_
        for kill in story.kills.values()
        for id_, row in kill.store.of("triggers").items()
        if row["fate"] is not None and row["fate"] != fates.get(id_)
    }
    assert changed == set()


@pytest.mark.asterisk
@pytest_loop
async def test_nothing_is_stuck(story: Story) -> None:
    """DESIGN §3: no trigger, contact, registration or message is under way in the end; no message waits for its receipt."""
    assert story.left_open == 0
    assert {row["state"] for row in story.end.of("contacts").values()} <= {"done", "unknown"}
    assert story.end.ids("messages", "accepted") == set()


@pytest.mark.asterisk
@pytest_loop
async def test_every_sms_of_a_subscriber_is_kept_once(story: Story) -> None:
    """DESIGN §1.6: stored before it is acknowledged, under a key of its own; the SMSC offers it again until then."""
    kept = Counter(
        (row["number"], row["text"]) for row in story.end.of("received").values() if row["kind"] == "mo"
    )
    assert kept == Counter(story.asked)
    assert set(story.answers) == {0}
