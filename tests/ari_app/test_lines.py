"""May a trunk carry one more call? Never more than its channels and its calls per second allow, by the store's rows."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ari_app.claim import Asks, Claims, claim
from ari_app.lines import Line, Lines
from ari_app.phone import Attempt
from ari_app.rooms import Heard, Ways, open_rooms
from core.config import Trunk
from core.congestion import REST_FROM
from core.outcomes import Outcome
from core.shares import EVEN
from core.written import duration
from store import calls, paces, settings
from store.tx import Tx
from tests.ari_app.office import AN, BINH, CHI, Listener, Office, OnlyLine, subscriber, topup_programme


def trunk(name: str = "t", channels: int = 10, rate: float = math.inf, **more: Any) -> Trunk:
    limits = {"max_channels": channels, "calls_per_second": rate}
    return Trunk(name=name, address="127.0.0.1:5070", caller_id="9090", **more).model_copy(update=limits)


def attempt(on: str = "a", id: str = "call-1") -> Attempt:
    return Attempt(id, "+84901234567", "ast1", on, "9090", duration("5m"))


async def claimed(office: Office, ways: Ways) -> Claims:
    now, asks = office.clock.now(), Asks(("ast1",), ways, EVEN)
    return await office.store.write(lambda tx: claim(tx, app=office.app, asks=asks, now=now))


async def planned(office: Office, *numbers: str) -> None:
    for n, number in enumerate(numbers):
        await office.topup(f"t{n}", number)
    await office.plan()


async def on_lines(office: Office) -> dict[tuple[str, str], int]:
    return await office.store.read(paces.lines)


async def test_calls_per_second_are_kept_in_the_store(office: Office) -> None:
    """Issue 5, 2: whoever asks, also one that has just begun, finds what was started before."""
    await planned(office, AN, BINH, CHI)
    ways = [Ways((trunk(rate=2),), now_s=now) for now in (100.0, 100.4, 100.5, 100.5, 101.0)]
    found = [len((await claimed(office, each)).claimed) for each in ways]
    assert found == [1, 0, 1, 0, 1]


async def test_who_waits_is_told_how_long(office: Office) -> None:
    """A dialer does not ask in vain: the rate, or nothing but a call that ends."""
    await planned(office, AN, BINH, CHI)
    assert (await claimed(office, Ways((trunk(rate=4),), now_s=100.0))).line_s == 0.25
    assert (await claimed(office, Ways((trunk(channels=1),)))).line_s == math.inf
    found = await claimed(office, Ways((trunk(channels=9),)))
    assert (len(found.claimed), found.line_s) == (2, 0.0)


async def test_the_channels_of_a_trunk_are_counted_from_its_calls(office: Office) -> None:
    """Issue 5, 2: exact also after a crash, for nothing but the rows is asked."""
    await planned(office, AN, BINH, CHI)
    first = await claimed(office, Ways((trunk(channels=2),)))
    assert (len(first.claimed), await on_lines(office)) == (2, {("t", "topup"): 2})
    assert (await claimed(office, Ways((trunk(channels=2),)))).claimed == ()
    await office.make(first.claimed[0])
    assert len((await claimed(office, Ways((trunk(channels=2),)))).claimed) == 1
    await office.make(first.claimed[1])
    assert await on_lines(office) == {("t", "topup"): 1}


async def test_a_call_that_agents_took_over_still_holds_its_channel(office: Office) -> None:
    """O15: the trunk bears what it bears, whoever speaks on it; until the channel is gone."""
    office.phone.listeners[AN] = Listener("0")
    await planned(office, AN, BINH)
    (first,) = (await claimed(office, Ways((trunk(channels=1),)))).claimed
    await office.make(first)
    assert (await office.one("calls"))["outcome"] == "transferred"
    assert (await claimed(office, Ways((trunk(channels=1),)))).claimed == ()
    await office.store.write(lambda tx: calls.free_line(tx, call_id=first.attempt.id))
    assert len((await claimed(office, Ways((trunk(channels=1),)))).claimed) == 1


async def test_a_call_moves_to_a_trunk_that_has_room_in_the_store(office: Office) -> None:
    """DESIGN §5: the line on the first trunk is free again, the second one's is taken and counts for its rate."""
    trunks = trunk("a"), trunk("b", channels=0), trunk("c", rate=1)
    await planned(office, AN)
    (one,) = (await claimed(office, Ways(trunks, now_s=100.0))).claimed
    assert (one.attempt.trunk, await on_lines(office)) == ("a", {("a", "topup"): 1})
    line = Line(Lines(trunks, lambda: 100.0), office.store)
    moved = await line.move(one.attempt)
    assert moved is not None
    assert (moved.trunk, moved.id) == ("c", one.attempt.id)
    assert await on_lines(office) == {("c", "topup"): 1}
    assert await office.store.write(_free(Ways((trunks[2],), now_s=100.5))) == 0
    assert await line.move(moved) is None, "b has no channel, a and c were tried"


def _free(ways: Ways) -> Callable[[Tx], int]:
    return lambda tx: open_rooms(tx, ways).free()


async def test_a_call_that_was_closed_meanwhile_moves_nowhere(office: Office) -> None:
    """Fail closed: what is no longer dialing is dialled by nobody."""
    line = Line(Lines([trunk("a"), trunk("b")]), office.store)
    assert await line.move(attempt(id="call-of-nobody")) is None


async def test_the_cheapest_trunk_is_used_first_and_then_the_next(office: Office) -> None:
    """T8: by prefix and price; what a trunk may not carry it never does."""
    trunks = (
        trunk("dear", prices=({"prefix": "0", "per_minute": 500},)),
        trunk("cheap", channels=1, prices=({"prefix": "0", "per_minute": 300},)),
        trunk("other", prefixes=("091",), prices=({"prefix": "0", "per_minute": 1},)),
    )
    await planned(office, AN, BINH)
    found = await claimed(office, Ways(trunks))
    assert [one.attempt.trunk for one in found.claimed] == ["cheap", "dear"]


async def test_who_has_no_line_now_does_not_hold_up_who_has(office: Office) -> None:
    """T8: the lines of one prefix are free, the first that are due are of another one: they wait some seconds."""
    vina = [f"+8491000000{n}" for n in range(4)]
    await office.subscribers(*(subscriber(number) for number in (*vina, AN)))
    await planned(office, *vina, AN)
    ways = Ways((trunk("vina", channels=0, prefixes=("091",)), trunk("mobi", prefixes=("090",), channels=2)))
    office.app.installation = _with_trunks(office, ways)
    assert (await claimed(office, ways)).claimed == ()
    rest = await claimed(office, ways), await claimed(office, ways)
    assert [one.attempt.number for found in rest for one in found.claimed] == [AN]
    assert {row["state"] for row in await office.rows("contacts") if row["number"] != AN} == {"due"}


async def test_whom_no_trunk_may_carry_is_told_apart(office: Office) -> None:
    """T8, O20: a test call is not made, an event goes stale with the reason."""
    ways = Ways((trunk("vina", prefixes=("091",)),))
    office.app.installation = _with_trunks(office, ways)
    await office.topup("x", only_programme="topup", kind="test")
    await office.plan()
    assert (await claimed(office, ways)).claimed == ()
    assert await office.trigger_fate("x") == ("refused_by_rule", "T8")


def _with_trunks(office: Office, ways: Ways) -> Any:
    config = office.app.config.model_copy(update={"trunks": ways.trunks})
    return replace(office.app.installation, config=config)


async def test_a_programmes_own_limits_hold_beside_the_trunks(office: Office) -> None:
    """Issue 5, 5: calls per second and channels per programme; the others have what is left."""
    slow = topup_programme(name="slow", calls_per_second=1.0)
    narrow = topup_programme(name="narrow", max_channels=1)
    office.programmes(slow, narrow, topup_programme(name="wide"))
    everybody = [f"+849010000{n:02}" for n in range(12)]
    await office.subscribers(*(subscriber(number) for number in everybody))
    for n, number in enumerate(everybody):
        await office.topup(f"t{n}", number, only_programme=("slow", "narrow", "wide")[n % 3])
    await office.plan()
    found = await claimed(office, Ways((trunk(channels=99),), now_s=100.0))
    assert sorted(one.programme.name for one in found.claimed) == ["narrow", "slow", *["wide"] * 4]
    found = await claimed(office, Ways((trunk(channels=99),), now_s=100.5))
    assert (found.claimed, found.line_s, found.again_s) == ((), 0.0, 0.5)
    assert found.idle == "what is due waits for its programme's own calls per second or channels"
    found = await claimed(office, Ways((trunk(channels=99),), now_s=101.0))
    assert [one.programme.name for one in found.claimed] == ["slow"]


async def test_programmes_share_the_lines_by_weight(office: Office) -> None:
    """Issue 5, 5: fair shares."""
    office.programmes(topup_programme(name="big", weight=3), topup_programme(name="small"))
    everybody = [f"+849010000{n:02}" for n in range(16)]
    await office.subscribers(*(subscriber(number) for number in everybody))
    for n, number in enumerate(everybody):
        await office.topup(f"t{n}", number, only_programme=("big", "small")[n % 2])
    await office.plan()
    found = await claimed(office, Ways((trunk(channels=8),)))
    assert [one.programme.name for one in found.claimed].count("big") == 6


async def test_a_trunk_that_fails_rests_with_an_alarm_and_the_next_one_carries_the_calls(
    office: Office,
) -> None:
    """Issue 5, 5: the first failing trunk does not stall the others; one call tries it, its answer clears the alarm."""
    await planned(office, AN, BINH, CHI)
    trunks = trunk("a", rate=10.0), trunk("b")
    bad = tuple(Heard("a", "failed", "SIP 503 (cause 34)") for _ in range(REST_FROM))
    found = await claimed(office, Ways(trunks, answers=bad, now_s=100.0))
    assert {one.attempt.trunk for one in found.claimed} == {"b"}
    (alarm,) = await office.store.read(settings.standing_alarms)
    assert (alarm.name, "SIP 503 (cause 34)" in alarm.text) == ("trunk:a", True)
    good = Ways(trunks, answers=(Heard("a", "through"),), now_s=112.0)
    await office.store.write(lambda tx: _heard(tx, good, office))
    assert await office.store.read(settings.standing_alarms) == ()


def _heard(tx: Tx, ways: Ways, office: Office) -> None:
    rooms = open_rooms(tx, ways)
    rooms.hear(tx, ways.answers, office.clock.now())
    rooms.write(tx)


async def test_a_resting_trunk_takes_one_probe_after_its_rest(office: Office) -> None:
    """The probe is one call, however many are due."""
    await planned(office, AN, BINH, CHI)
    bad = tuple(Heard("a", "failed", "SIP 503") for _ in range(REST_FROM))
    only = trunk("a", rate=10.0)
    found = await claimed(office, Ways((only,), answers=bad, now_s=100.0))
    assert (found.claimed, found.line_s) == ((), 10.0)
    assert found.idle.startswith(
        "trunk a failed 6 times running, the last time with SIP 503: it rests for 10 s"
    )
    assert (await claimed(office, Ways((only,), now_s=109.9))).claimed == ()
    found = await claimed(office, Ways((only,), now_s=110.0))
    assert (len(found.claimed), found.line_s) == (1, math.inf)


async def test_the_slow_start_begins_anew_when_the_nodes_were_away(office: Office) -> None:
    """slow_start_s: a tenth of the rate first; whoever else uses the trunk is not slowed again."""
    slow = trunk("a", rate=10.0, slow_start_s=10)

    def free(now: float, *, anew: bool = False, take: int = 0) -> Callable[[Tx], float]:
        def look(tx: Tx) -> float:
            rooms = open_rooms(tx, Ways((slow,), now_s=now))
            if anew:
                rooms.begin_anew()
            for _ in range(take):
                rooms.start("a")
            rooms.write(tx)
            return rooms.wait_s()

        return look

    write = office.store.write
    assert round(await write(free(100.0, take=1)), 3) == 1.0
    assert round(await write(free(120.0, take=2)), 3) == 0.1
    assert round(await write(free(125.0, anew=True, take=2)), 3) == 0.1, "in use"
    assert round(await write(free(300.0, anew=True, take=2)), 3) == 1.0


async def test_what_was_heard_is_kept_until_the_store_has_it(office: Office) -> None:
    """An answer is not lost with a transaction that was not committed, or that had not the trunk."""
    lines = Lines([trunk("a")])
    lines.hear("a", "through")
    ways = lines.ways()
    lines.hear("a", "failed", "SIP 500")
    lines.told(ways, ways.answers)
    assert [each.answer for each in lines.heard] == ["through", "failed"]
    lines.told(lines.ways(), ())
    assert (lines.heard, lines.anew) == ([], False)


async def test_the_trunk_is_told_how_calls_over_it_end(office: Office) -> None:
    """Issue 5, 5: what rang has gone through, also before it ends; 503 has not; busy has."""
    for number, listener in {
        AN: Listener("1"), BINH: Listener(ends=Outcome.FAILED, rings=False), CHI: Listener(ends=Outcome.BUSY, rings=False),
    }.items():  # fmt: skip
        office.phone.listeners[number] = listener
    await planned(office, AN, BINH, CHI)
    line = OnlyLine()
    for one in (await claimed(office, Ways((trunk(),)))).claimed:
        await office.make(one, line)
    assert sorted(line.heard) == [("t", "failed"), ("t", "through"), ("t", "through")]
