"""Which contact is claimed, and which is put off or settled? Between the plan and the claim everything may change."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from ari_app import claim as claiming
from ari_app.rooms import Heard
from core.facts import Programme
from core.outcomes import Outcome
from core.shares import EVEN
from store import numbers, schema, settings
from store.times import us
from tests.ari_app.office import AN, BINH, CHI, Listener, Office, notice, subscriber, topup_programme, ways_of
from tests.core import sample
from tests.core.sample import at


async def test_two_programmes_at_the_same_instant_call_once(office: Office) -> None:
    """R7: asked twice in one transaction, called once; the other one waits or is told why not."""
    office.programmes(topup_programme(name="a"), topup_programme(name="b"))
    await office.topup("x", only_programme="a")
    await office.topup("y", only_programme="b")
    await office.plan()
    assert len(await office.rows("contacts", state="due")) == 2
    found = await office.claim()
    assert (len(found.claimed), found.looked_at) == (1, 2)
    assert len(await office.rows("calls")) == 1
    assert await office.trigger_fate("y") == ("refused_by_rule", "R7")


async def test_a_second_top_up_within_24_hours_is_not_called(office: Office) -> None:
    """O7, R7: one call in any rolling 24 hours; what is free again to the second is called."""
    office.phone.listeners[AN] = Listener(ends=Outcome.NO_ANSWER)
    await office.topup("x")
    await office.call()
    office.clock.move(hours=23, minutes=50)
    await office.list_of("dnc", [{"number": "+84909999999", "channel": "both"}])
    await office.topup("y")
    await office.call()
    assert len(office.phone.dialled) == 1
    assert (await office.one("contacts", trigger="y"))["due_at"] == us(sample.TEN + timedelta(hours=24))
    office.clock.move(minutes=10)
    await office.call()
    assert len(office.phone.dialled) == 2


async def test_a_call_whose_fate_is_unknown_counts(office: Office) -> None:
    """R7: it may have been felt."""
    office.phone.listeners[AN] = Listener(ends=Outcome.UNKNOWN, rings=False)
    await office.topup("x")
    await office.call()
    await office.topup("y")
    await office.call()
    assert len(office.phone.dialled) == 1
    assert await office.trigger_fate("y") == ("refused_by_rule", "R7")


async def test_a_slot_that_was_given_back_is_free_again(office: Office) -> None:
    """R7: the phone provably never rang."""
    office.phone.listeners[AN] = Listener(ends=Outcome.FAILED, rings=False)
    for id_ in ("x", "y"):
        await office.topup(id_)
        await office.call()
    assert len(office.phone.dialled) == 2


async def test_a_window_that_closes_between_plan_and_claim_is_kept(office: Office) -> None:
    """R8: the last moment to dial is the end minus the ring limit, exclusive; a fresh event has no later moment."""
    office.clock.move(at("16:59:29"))
    await office.topup()
    await office.plan()
    office.clock.move(at("16:59:30"))
    assert (await office.claim()).claimed == ()
    assert await office.trigger_fate() == ("out_of_window", "R8")


async def test_a_target_waits_for_the_next_window(office: Office) -> None:
    """B2: two windows a day; a target that is not reached in one is due in the next."""
    office.programmes(notice(audience={}))
    await office.targets([AN])
    await office.plan()
    office.clock.move(at("11:59:30"))
    assert (await office.claim()).claimed == ()
    assert (await office.one("contacts"))["due_at"] == us(at("15:30:00"))
    office.clock.move(at("15:30:00"))
    assert len((await office.claim()).claimed) == 1


async def test_a_stale_contact_is_dropped(office: Office) -> None:
    """O20: not dialled before its freshness limit."""
    await office.topup()
    await office.plan()
    office.clock.move(minutes=15)
    assert (await office.claim()).claimed == ()
    assert await office.trigger_fate() == ("stale", "O20")
    assert (await office.one("contacts"))["state"] == "done"


async def test_a_refusal_between_plan_and_claim_holds(office: Office) -> None:
    """R6: from that moment, also for what is planned."""
    await office.topup()
    await office.plan()
    now = office.clock.now()
    await office.store.write(lambda tx: numbers.refuse(tx, number=AN, at=now, via="sms", ref="m1"))
    assert (await office.claim()).looked_at == 0
    assert await office.trigger_fate() == ("refused_by_rule", "R6")


async def test_a_do_not_call_list_in_doubt_holds_targets_and_refuses_top_ups(office: Office) -> None:
    """R2: all advertising stops; the list of targets is not used up, a top-up's moment passes."""
    listed = topup_programme(name="list", trigger={"kind": "list"})
    office.programmes(topup_programme(), listed)
    await office.targets([BINH], "list")
    await office.topup()
    await office.plan()
    await office.list_of("dnc", [])
    assert (await office.claim()).claimed == ()
    assert await office.trigger_fate() == ("refused_by_rule", "R2")
    assert (await office.one("contacts", number=BINH))["due_at"] == us(sample.TEN + timedelta(seconds=60))
    await office.list_of("dnc", [{"number": "+84909999999", "channel": "both"}])
    office.clock.move(seconds=60)
    assert [one.attempt.number for one in (await office.claim()).claimed] == [BINH]


@pytest.mark.parametrize("wrong", [{"enabled": False}, {"approval": None}, {"caller_id": "1234"}])
async def test_a_target_is_not_used_up_by_what_is_wrong_with_its_programme(
    office: Office, wrong: dict[str, object]
) -> None:
    """O5, R10: it waits until a person has mended that."""
    office.programmes(topup_programme(name="list", trigger={"kind": "list"}))
    await office.targets([AN], "list")
    await office.plan()
    office.programmes(topup_programme(name="list", trigger={"kind": "list"}, **wrong))
    assert (await office.claim()).claimed == ()
    assert (await office.one("contacts"))["state"] == "due"


async def test_a_pause_starts_no_call(office: Office) -> None:
    """A pause of all or of one programme; `mai status` says who paused."""
    await office.topup()
    await office.plan()
    pause, now = settings.pause, office.clock.now()
    await office.store.write(lambda tx: pause(tx, programme="*", by="An", now=now))
    found = await office.claim()
    assert (found.looked_at, found.idle) == (0, "every programme is paused by An")
    await office.store.write(lambda tx: settings.resume(tx, programme="*"))
    assert len((await office.claim()).claimed) == 1


async def test_a_held_back_programme_starts_no_call(office: Office) -> None:
    """R11: what the linter holds back."""
    await office.topup()
    await office.plan()
    office.programmes(topup_programme(), held_back={"topup": "R11: no name first"})
    assert (await office.claim()).looked_at == 0


async def test_programmes_are_served_in_turn(office: Office) -> None:
    """Fairness: also where only one line is free at a time."""
    office.programmes(*(topup_programme(name=name) for name in "abc"))
    everybody = [f"+849010{n:05}" for n in range(9)]
    await office.subscribers(*(subscriber(number) for number in everybody))
    for n, number in enumerate(everybody):
        await office.topup(f"t{n}", number, only_programme="abc"[n // 3])
    await office.plan()
    served, shares = list[str](), EVEN
    for _ in everybody:
        found = await office.claim(1, shares)
        shares = found.shares
        served += [one.programme.name for one in found.claimed]
    assert served == ["a", "b", "c"] * 3


async def test_no_more_is_claimed_than_there_are_lines(office: Office) -> None:
    """What is not claimed keeps its slot and stays due."""
    for n, number in enumerate((AN, BINH, CHI)):
        await office.topup(f"t{n}", number)
    await office.plan()
    assert len((await office.claim(2)).claimed) == 2
    states = Counter(row["state"] for row in await office.rows("contacts"))
    assert (states["due"], len(await office.rows("calls"))) == (1, 2)


async def test_many_at_once_are_asked_as_each_of_them_is(office: Office) -> None:
    """R2, R6, R7: what is read for all of them at once hides nothing; one number waits twice."""
    office.programmes(topup_programme(name="a"), topup_programme(name="b"))
    everybody = [f"+849010{n:05}" for n in range(8)]
    await office.subscribers(*(subscriber(number) for number in everybody))
    for n, number in enumerate(everybody):
        await office.topup(f"t{n}", number, only_programme="a")
    await office.topup("again", everybody[0], only_programme="b")
    await office.plan()
    await office.list_of("dnc", [{"number": everybody[1], "channel": "voice"}])
    refused = {"number": everybody[2], "refused_at": us(sample.TEN), "refused_via": "sms"}
    await office.store.write(lambda tx: tx.execute(schema.numbers.insert(), refused))
    found = await office.claim(20)
    assert (len(found.claimed), found.looked_at) == (6, 9)
    assert sorted(one.attempt.number for one in found.claimed) == [everybody[0], *everybody[3:]]
    fates = {await office.trigger_fate(id_) for id_ in ("t1", "t2", "again")}
    assert fates == {("refused_by_rule", rule) for rule in ("R2", "R6", "R7")}


async def test_a_glance_takes_nothing_and_forgets_nothing(office: Office) -> None:
    """Issue 5: where another controller was sooner, no trunk's row is taken; what trunks answered is told later."""
    heard = (Heard(office.app.config.trunks[0].name, "through"),)
    asks = claiming.Asks(("ast1",), replace(ways_of(office.app, 5), answers=heard), glance=True)
    now = office.clock.now()
    found = await office.store.write(lambda tx: claiming.claim(tx, app=office.app, asks=asks, now=now))
    assert (found.claimed, found.unheard, found.idle) == ((), heard, "no contact is due")
    assert await office.rows("paces") == []
    await office.topup("x")
    await office.plan()
    found = await office.store.write(lambda tx: claiming.claim(tx, app=office.app, asks=asks, now=now))
    assert (len(found.claimed), found.unheard) == (1, ())


async def test_a_claim_holds_the_writer_for_a_moment_only(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 5: calls that are up write too; what is left is taken in the next turn, at once."""
    monkeypatch.setattr(claiming, "LONGEST_S", -1.0)
    for n, number in enumerate((AN, BINH, CHI)):
        await office.topup(f"t{n}", number)
    await office.plan()
    turns = [await office.claim(10) for _ in range(3)]
    assert [len(found.claimed) for found in turns] == [1, 1, 1]
    assert [found.more for found in turns] == [True, True, False]
    assert all(found.line_s == 0 for found in turns)


async def test_who_has_every_package_is_not_called(office: Office) -> None:
    """O5: no offer is left for him."""
    await office.subscribers(subscriber(packages=frozenset({"C90N", "FD50"})))
    await office.topup()
    await office.call()
    assert office.phone.dialled == []
    assert await office.trigger_fate() == ("refused_by_rule", "O5")


async def test_a_script_that_says_what_is_not_known_is_not_begun(office: Office) -> None:
    """R15: a doubt is no contact."""
    say = [
        {"say": "Số dư {{ subscriber.balance }}đ"},
        {"menu": {"keys": {"1": {"then": [{"register": "1"}]}}}},
    ]
    office.programmes(topup_programme(script=say))
    await office.topup()
    await office.call()
    assert office.phone.dialled == []
    assert await office.trigger_fate() == ("refused_by_rule", "R15")


async def test_a_test_call_says_what_the_script_says(office: Office) -> None:
    """`mai call`: no event binds it, and yet its own moment can be spoken."""
    say: list[object] = [{"say": "Ngày {{ event.at }}"}]
    office.programmes(topup_programme(script=say))
    await office.topup("x", only_programme="topup", kind="test")
    await office.call()
    assert (await office.one("calls"))["text"] == "Ngày 23/11/2026"


async def test_a_test_call_is_never_put_off(office: Office) -> None:
    """`mai call`: a second one within 24 hours is refused, not made tomorrow."""
    for id_ in ("x", "y"):
        await office.topup(id_, only_programme="topup", kind="test")
    await office.plan()
    found = await office.claim()
    assert len(found.claimed) == 1
    assert await office.trigger_fate("y") == ("refused_by_rule", "R7")


async def test_the_agent_reads_what_is_offered(office: Office) -> None:
    """O15: packages and programme, for a call that the script hands over."""
    await office.topup()
    await office.call()
    assert office.phone.dialled[0].offer_text == "C90N FD50 topup"


def retrying(**changes: object) -> Programme:
    after = {"busy": {"retry": {"times": 1, "after": "5m"}}}
    return notice(audience={}, after=after, **changes)


async def test_retries_of_many_do_not_count_against_themselves(office: Office) -> None:
    """B3: their facts are read at once; the contact that is claimed was called before, and may be again."""
    office.programmes(retrying())
    everybody = [f"+849010{n:05}" for n in range(8)]
    await office.subscribers(*(subscriber(number) for number in everybody))
    for number in everybody:
        office.phone.listeners[number] = Listener(ends=Outcome.BUSY)
    await office.targets(everybody)
    await office.plan()
    for each in (await office.claim(20)).claimed:
        await office.make(each)
    office.clock.move(minutes=5)
    assert len((await office.claim(20)).claimed) == 8


async def test_a_retry_is_a_second_attempt_of_the_same_contact(office: Office) -> None:
    """O11: one row for each attempt; the contact keeps count."""
    office.programmes(retrying())
    office.phone.listeners[AN] = Listener(ends=Outcome.BUSY)
    await office.targets([AN])
    await office.call()
    assert (await office.claim()).claimed == ()
    office.clock.move(minutes=5)
    await office.call()
    assert (await office.one("contacts"))["attempts"] == 2
    assert [row["outcome"] for row in await office.rows("calls")] == ["busy", "busy"]
