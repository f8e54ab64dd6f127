"""What is felt outside when the controller is killed in the middle of its work, again and again?

Counted at the callee, at the SMSC and in the package system, in their own records; the store only tells which
states the kills hit, and what it knows of what was seen outside.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from demo.world import World, world, write_lists
from simulator.behaviours import KEYS, digits, expected, subscriber
from simulator.mobile_network import MobileCall
from tests.kill.evidence import STATES, Row, Snapshot, Watched
from tests.kill.load import Load, quick_installation, sample
from tests.kill.system import Kill, System, moments

pytestmark = pytest.mark.asterisk

_SEED = 20261121
_PER_SECOND = 8.0
_RING_S = 7
#: What the log says one after the other while the system starts.
_STARTING = ("running", "adopted", "bound", "recovered")
#: States that last so short that they may be over between the look and the kill: waited for twice.
_SHORT = ("contact due", "registration due", "message due", "message sending")
#: From the end of a key at the callee to the commit of what it decided, at the very most.
_NOT_COMMITTED_S = 1.0
#: Longer than the test lasts at this rate.
_NUMBERS = 4000


@dataclass(frozen=True)
class Story:
    """What the world outside saw in the end, and what the store said at each kill and at the end."""

    world: World
    kills: list[Kill]
    end: Snapshot
    load: Load
    left_open: int

    @property
    def calls(self) -> list[MobileCall]:
        """Every INVITE that reached a subscriber, by the network's record."""
        return [call for call in self.world.network.records() if call.role == "subscriber"]


def _import(there: World, numbers: list[str]) -> None:
    write_lists(there.folder, numbers, [], [])
    for kind in ("subscribers", "dnc"):
        done = there.mai("import", kind, str(there.folder / f"{kind}.csv"))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    """The whole run, once; each test looks at one thing that must hold."""
    folder = tmp_path_factory.mktemp("kill")
    numbers = sample(_NUMBERS)
    async with world(folder / "world", ring_s=_RING_S, calls_per_second=16, channels=120) as there:
        there.smsc.faults.response_delay_s = 0.3
        there.smsc.faults.receipt_delay_s = 1.0
        quick_installation(there, there.folder, Path(__file__).with_name("short.yaml"))
        await asyncio.to_thread(_import, there, numbers)
        system = System(there, Watched(there.folder / "mai.db"), folder)
        load = Load(there, _PER_SECOND, numbers)
        feeding = asyncio.create_task(load.run())
        try:
            left_open = await _kill_and_drain(system, load, feeding)
        finally:
            load.full.set()
            await feeding
            await system.stop()
        end = system.store.snapshot(folder / "snapshots" / "end")
        print(f"\n{_table(system.kills)}")
        yield Story(there, system.kills, end, load, left_open)


async def _kill_and_drain(system: System, load: Load, feeding: "asyncio.Task[None]") -> int:
    """Kill at every moment of the plan, start a last time, let everything end; returns what is still open then."""
    for moment in moments([*STATES, *_SHORT], _STARTING, _SEED):
        system.start()
        await moment.come(system)
        await system.kill(moment.wanted)
    system.start()
    await system.up()
    load.full.set()
    await feeding
    with suppress(TimeoutError):  # what is left is shown by a test of its own
        await system.until(lambda: system.store.open() == 0, "the end of everything", 90.0)
        accepted = "message accepted"
        await system.until(lambda: system.store.count(accepted) == 0, "the last receipts", 15.0)
    return system.store.open()


def _table(kills: list[Kill]) -> str:
    """One line a kill: what was waited for, how long it ran, and the rows in each state at that moment."""
    head = f"{'kill':>4} {'waited for':24} {'up s':>5} {'ran s':>6}  " + "  ".join(STATES)
    lines = [head]
    for number, kill in enumerate(kills, start=1):
        up = "-" if kill.came_up_s is None else f"{kill.came_up_s:.1f}"
        hits = "  ".join(f"{kill.hit[state] or '.':>{len(state)}}" for state in STATES)
        lines.append(f"{number:4} {kill.wanted:24} {up:>5} {kill.ran_s:6.1f}  {hits}")
    return "\n".join(lines)


pytest_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_loop
async def test_every_state_was_hit_by_a_kill(story: Story) -> None:
    """Issue 2, kill test: at least 20 kills, and each state of DESIGN §3 on disk at one of them or more."""
    hit: Counter[str] = Counter()
    for kill in story.kills:
        hit += kill.hit
    assert len(story.kills) >= 20
    assert {state for state in STATES if not hit[state]} == set()


@pytest_loop
async def test_no_number_is_called_twice(story: Story) -> None:
    """R7, O7: whatever died when, and topped up twice or not, a subscriber's phone got one INVITE at most."""
    called = Counter(digits(call.number) for call in story.calls)
    assert {number: times for number, times in called.items() if times > 1} == {}
    assert len(called) > 100


@pytest_loop
async def test_nothing_is_registered_twice(story: Story) -> None:
    """O13: the package system decided at most one registration for each number, and each under its own key."""
    fates = story.world.packages.records()
    assert {n: t for n, t in Counter(digits(each.number) for each in fates).items() if t > 1} == {}
    assert len(fates) > 10
    assert len({each.key for each in fates}) == len(fates)


@pytest_loop
async def test_no_message_reaches_the_smsc_twice(story: Story) -> None:
    """DESIGN §1.6: no number was sent the same text twice, nor any part of it."""
    messages = story.world.smsc.records()
    assert len(messages) > 25
    whole = Counter((message.number, message.text) for message in messages)
    assert {sent: times for sent, times in whole.items() if times > 1} == {}
    lines = story.world.smsc.record.lines
    parts = Counter(
        (line["number"], line["octets"]) for line in lines if line["event"] == "submit" and line["accepted"]
    )
    assert {sent: times for sent, times in parts.items() if times > 1} == {}
    assert [line for line in lines if line["event"] == "part-again"] == []


@pytest_loop
async def test_a_decision_once_committed_is_honoured(story: Story) -> None:
    """DESIGN §1.1: what a key asked for before a kill is registered, or refused, after it."""
    left = [(kill, id_, row) for kill in story.kills for id_, row in kill.store.decided().items()]
    cut_off = {json.loads(row["decision"])["kind"] for _, _, row in left if row["outcome"] is None}
    assert cut_off == {"register", "refuse"}  # between the key and the end of the call
    calls = story.end.of("calls")
    assert {id_ for _, id_, row in left if calls[id_]["decision"] != row["decision"]} == set()
    assert _not_honoured(story, story.end.decided()) == {}


def _not_honoured(story: Story, decided: dict[str, Row]) -> dict[str, str]:
    """Call -> what was decided and did not come about outside, or is not recorded."""
    fates = {each.key: each for each in story.world.packages.records()}
    confirmed = Counter(
        digits(message.number)
        for message in story.world.smsc.records()
        if message.text.startswith("MobiFone da ghi nhan Quy khach tu choi")
    )
    wrong = {}
    for call, row in decided.items():
        decision, number = json.loads(row["decision"]), row["number"]
        if decision["kind"] == "refuse":
            refused = story.end.of("numbers").get(number, {}).get("refused_at")
            well = row["outcome"] == "refused" and refused and confirmed[digits(number)] <= 1
        else:
            fate = fates.get(f"reg-{call}")
            recorded = story.end.of("registrations").get(f"reg-{call}", {})
            well = (
                fate is not None
                and row["outcome"] == "accepted"
                and (digits(fate.number), fate.package) == (digits(number), decision["package"])
                and recorded.get("state") == fate.status
            )
        if not well:
            wrong[call] = str(decision)
    return wrong


@pytest_loop
async def test_a_key_without_a_decision_was_pressed_when_nobody_could_take_it(story: Story) -> None:
    """DESIGN §1.1: a key is lost only in the last second before a kill, or while the controller was away."""
    decided = {digits(row["number"]) for row in story.end.decided().values()}
    lost = [
        call
        for call in story.calls
        if call.keys[-1:] in KEYS["topup-smartphone"] and digits(call.number) not in decided
    ]
    kills = [kill.at for kill in story.kills]
    before, away, unexcused = 0, 0, []
    for call in lost:
        pressed_at = call.digits[-1][1].timestamp()
        cut_off = next(
            (at for at in kills if call.invite_at.timestamp() < at), None
        )  # nobody held it from then on
        if cut_off is None or pressed_at <= cut_off - _NOT_COMMITTED_S:
            unexcused.append((call.number, call.digits))
        elif pressed_at < cut_off:
            before += 1
        else:
            away += 1
    pressed = sum(call.keys[-1:] in KEYS["topup-smartphone"] for call in story.calls)
    print(
        f"\nkeys pressed: {pressed}; lost: {before} in the last second before a kill, {away} while nobody was there"
    )
    assert unexcused == []


@pytest_loop
async def test_every_contact_ends_in_an_outcome_or_unknown(story: Story) -> None:
    """DESIGN §3: nothing stays in flight; what the kills did not touch ended as the number demands."""
    assert story.left_open == 0
    contacts = story.end.of("contacts")
    unended = {
        id_: row["state"]
        for id_, row in contacts.items()
        if row["state"] not in ("done", "unknown") or not (row["outcome"] or row["reason"])
    }
    assert unended == {}
    called = [row for row in contacts.values() if row["outcome"]]
    strange = {
        row["number"]: row["outcome"]
        for row in called
        if row["outcome"] not in ("unknown", _demanded(row["number"]))
    }
    assert strange == {}
    assert any(row["outcome"] == "unknown" for row in called)


def _demanded(number: str) -> str:
    return expected(number, "topup-smartphone").outcome


@pytest_loop
async def test_every_call_at_the_callee_is_in_the_log(story: Story) -> None:
    """O16: no INVITE left without its row, and who pressed nothing was not registered."""
    logged = {digits(row["number"]) for row in story.end.of("calls").values()}
    assert {call.number for call in story.calls if digits(call.number) not in logged} == set()
    silent = {digits(call.number) for call in story.calls if not subscriber(call.number).key}
    assert silent & {digits(each.number) for each in story.world.packages.records()} == set()


@pytest_loop
async def test_every_top_up_that_was_taken_has_a_fate(story: Story) -> None:
    """O1: 202 means stored: each is there, with what became of it; and it was there at every kill that followed."""
    triggers = story.end.of("triggers")
    assert story.load.wrong == []
    assert len(story.load.taken) > 100
    assert {id_ for id_ in story.load.taken if triggers.get(id_, {}).get("fate") is None} == set()
    for kill in story.kills:
        taken = {id_ for id_, at in story.load.taken.items() if at < kill.at}
        assert taken - set(kill.store.of("triggers")) == set()


@pytest_loop
async def test_no_row_is_lost(story: Story) -> None:
    """DESIGN §3: whatever a kill found committed is there at the next one, and an end stays that end."""
    snapshots = [kill.store for kill in story.kills] + [story.end]
    for before, after in pairwise(snapshots):
        for table, rows in before.rows.items():
            assert rows.keys() - after.of(table).keys() == set()
        ended = {id_: row["outcome"] for id_, row in before.of("calls").items() if row["outcome"]}
        assert {id_ for id_, end in ended.items() if after.of("calls")[id_]["outcome"] != end} == set()


@pytest_loop
async def test_a_message_that_was_being_sent_at_a_kill_is_not_sent_again(story: Story) -> None:
    """DESIGN §3, §1.6: `sending` becomes unknown unless a receipt proves it; the SMSC has it once at most."""
    sending = {id_ for kill in story.kills for id_ in kill.store.ids("messages", "sending")}
    rows = {id_: story.end.of("messages")[id_] for id_ in sending}
    assert {id_: row["state"] for id_, row in rows.items()} == {
        id_: row["state"] for id_, row in rows.items() if row["state"] in ("unknown", "accepted", "delivered")
    }
    sent = Counter((digits(m.number), m.text) for m in story.world.smsc.records())
    assert {id_ for id_, row in rows.items() if sent[digits(row["number"]), row["text"]] > 1} == set()


@pytest_loop
async def test_a_call_that_was_up_at_a_kill_is_never_placed_again(story: Story) -> None:
    """R7: its fate is unknown or what its key decided; the number counts as called."""
    cut = {
        id_ for kill in story.kills for state in ("dialing", "up") for id_ in kill.store.ids("calls", state)
    }
    calls = story.end.of("calls")
    assert cut
    assert {id_: calls[id_]["outcome"] for id_ in cut if calls[id_]["outcome"] not in
            ("unknown", "accepted", "refused")} == {}  # fmt: skip
    assert all(calls[id_]["keeps_slot"] for id_ in cut)
