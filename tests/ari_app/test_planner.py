"""Which events and targets become contacts, and which are used up? On a real store."""

from datetime import timedelta

import pytest

from core.facts import Programme
from core.outcomes import Outcome
from store import numbers, settings
from tests.ari_app.office import AN, BINH, CHI, Listener, Office, notice, subscriber, topup_programme
from tests.core import sample
from tests.core.sample import at

OFFERS_OF_FEATUREPHONES = {"audience": {"device": ["featurephone"]}}


def named(name: str, **changes: object) -> Programme:
    return topup_programme(name=name, **changes)


async def test_a_top_up_becomes_a_contact_that_is_due_at_once(office: Office) -> None:
    """O1, O20: right after it, with its freshness limit."""
    await office.topup()
    await office.plan()
    contact = await office.one("contacts")
    assert (contact["state"], contact["programme"], contact["number"]) == ("due", "topup", AN)
    assert contact["stale_at"] - contact["due_at"] == timedelta(minutes=15) / timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("number", "fate", "rule"),
    [
        ("+84908888888", "unknown_number", "O2"),
        ("+84909999999", "unknown_number", "O2"),
        (BINH, "refused_by_rule", "R6"),
    ],
)
async def test_a_top_up_that_may_not_be_called_is_settled_with_the_rule(
    office: Office, number: str, fate: str, rule: str
) -> None:
    """O2, R6: the fate and the rule that said no, and no contact."""
    now = office.clock.now()
    await office.store.write(lambda tx: numbers.refuse(tx, number=BINH, at=now, via="cli", ref="x"))
    await office.topup(number=number)
    await office.plan()
    assert await office.trigger_fate() == (fate, rule)
    assert await office.rows("contacts") == []


async def test_a_number_on_do_not_call_is_not_planned(office: Office) -> None:
    """R2: listed for calls."""
    await office.list_of("dnc", [{"number": AN, "channel": "voice"}])
    await office.topup()
    await office.plan()
    assert await office.trigger_fate() == ("refused_by_rule", "R2")


async def test_a_stale_do_not_call_list_refuses_a_top_up_at_once(office: Office) -> None:
    """R2: the moment of the offer passes; the log names the list, not that the event grew old."""
    office.clock.move(hours=23, minutes=59)
    office.clock.move(hours=2)
    await office.topup()
    await office.plan()
    assert await office.trigger_fate() == ("refused_by_rule", "R2")


async def test_a_top_up_at_night_is_out_of_the_window(office: Office) -> None:
    """R8: tomorrow morning it would be stale."""
    office.clock.move(at("22:00:00"))
    await office.topup()
    await office.plan()
    assert await office.trigger_fate() == ("out_of_window", "R8")


async def test_a_top_up_just_before_the_window_waits_for_it(office: Office) -> None:
    """R8, O20: fresh for 15 minutes."""
    office.clock.move(at("07:50:00"))
    await office.list_of("dnc", [{"number": "+84909999999", "channel": "both"}])
    await office.topup()
    await office.plan()
    contact = await office.one("contacts")
    assert contact["due_at"] == at("08:00:00").timestamp() * 1_000_000


async def test_an_event_goes_to_the_programme_whose_audience_fits(office: Office) -> None:
    """O10: each segment has its own programme."""
    office.programmes(named("a-feature", **OFFERS_OF_FEATUREPHONES), named("b-smart"))
    await office.topup()
    await office.plan()
    assert (await office.one("contacts"))["programme"] == "b-smart"


async def test_a_paused_programme_does_not_take_events_from_those_that_run(office: Office) -> None:
    """A pause starts no call of its own programme, and of no other one."""
    office.programmes(named("a"), named("b"))
    await office.store.write(lambda tx: settings.pause(tx, programme="a", by="An", now=office.clock.now()))
    await office.topup()
    await office.plan()
    assert (await office.one("contacts"))["programme"] == "b"


async def test_a_pause_hides_no_other_reason(office: Office) -> None:
    """A subscriber that the paused programme would never call is not held for it."""
    office.programmes(named("a-feature", **OFFERS_OF_FEATUREPHONES))
    pause = settings.pause
    await office.store.write(lambda tx: pause(tx, programme="a-feature", by="An", now=office.clock.now()))
    await office.topup()
    await office.plan()
    assert await office.trigger_fate() == ("refused_by_rule", "O2")


async def test_an_event_of_a_paused_programme_waits_while_it_is_fresh_and_then_is_stale(
    office: Office,
) -> None:
    """O20: every event ends in a fate, also during a pause."""
    now = office.clock.now()
    await office.store.write(lambda tx: settings.pause(tx, programme="topup", by="An", now=now))
    await office.topup()
    await office.plan()
    assert (await office.one("contacts"))["state"] == "due"
    assert (await office.claim()).idle == "every programme is paused or held back"
    office.clock.move(minutes=15)
    await office.sweep("topup")
    assert await office.trigger_fate() == ("stale", "O20")


async def test_contacts_of_a_vanished_programme_get_their_fate(office: Office) -> None:
    """O20: its file is gone, and nobody claims them."""
    await office.topup()
    await office.plan()
    office.programmes(named("another"))
    assert (await office.claim()).looked_at == 0
    office.clock.move(minutes=15)
    await office.sweep("topup")
    assert await office.trigger_fate() == ("stale", "O20")


async def test_no_programme_for_an_event_is_said(office: Office) -> None:
    """O1: every event ends in exactly one fate."""
    office.programmes(notice())
    await office.topup()
    await office.plan()
    assert await office.trigger_fate() == ("refused_by_rule", "O1")


async def test_a_repeated_event_is_planned_once(office: Office) -> None:
    """O1: a repeated id changes nothing."""
    await office.topup()
    await office.topup()
    await office.plan()
    assert len(await office.rows("contacts")) == 1


async def test_a_test_call_is_for_its_programme_and_under_the_rules(office: Office) -> None:
    """`mai call`: planned for the named programme, fresh as any event."""
    office.programmes(named("a"), named("b"))
    await office.topup("x", only_programme="b", kind="test")
    await office.topup("y", "+84908888888", only_programme="b", kind="test")
    await office.plan()
    contact = await office.one("contacts")
    assert (contact["id"], bool(contact["test"])) == ("b-x", True)
    assert await office.trigger_fate("y") == ("unknown_number", "O2")


async def test_a_test_call_that_may_not_be_made_now_is_not_made_later(office: Office) -> None:
    """`mai call`: who asked for it waits for it; nobody is called when he has gone."""
    office.clock.move(at("07:59:00"))
    await office.topup("x", only_programme="topup", kind="test")
    await office.plan()
    assert await office.trigger_fate("x") == ("out_of_window", "R8")


async def test_a_list_is_planned_just_ahead_of_the_dialer(office: Office) -> None:
    """B1: of a long list only as many contacts as the dialer can take soon."""
    office.programmes(notice(audience={}))
    await office.targets([f"+849010{n:05}" for n in range(2_000)])
    await office.plan()
    assert 250 <= len(await office.rows("contacts")) <= 500


async def test_targets_that_are_excluded_for_good_are_done_with_the_rule(office: Office) -> None:
    """B1: MDT subscribers are not called; who is not known is not either."""
    office.programmes(notice(audience={"exclude_flags": ["mdt"]}))
    await office.subscribers(subscriber(AN), subscriber(BINH, flags=frozenset({"mdt"})))
    await office.targets([AN, BINH, CHI])
    await office.plan()
    found = {
        row["number"]: (row["state"], (row["reason"] or "").partition(":")[0])
        for row in await office.rows("contacts")
    }
    assert found == {AN: ("due", ""), BINH: ("done", "O3"), CHI: ("done", "O2")}


def advertising(**changes: object) -> Programme:
    """A list of advertising: R2 and R3 bind it."""
    return topup_programme(name="bluezone", trigger={"kind": "list"}, **changes)


@pytest.mark.parametrize(
    "programme",
    [
        advertising(enabled=False),
        advertising(approval=None),
        advertising(caller_id="1234"),
        notice(signed_off=None, audience={}),
    ],
    ids=["not enabled", "not approved", "a caller id without grant", "a notice nobody signed off"],
)
async def test_what_is_wrong_with_a_programme_burns_no_target(office: Office, programme: Programme) -> None:
    """O5, R10, R1: when a person has mended it the whole list is called."""
    office.programmes(programme)
    await office.targets([AN, BINH])
    await office.plan()
    assert await office.rows("contacts") == []
    office.programmes(advertising())
    await office.plan()
    assert [row["state"] for row in await office.rows("contacts")] == ["due", "due"]


async def test_a_stale_list_a_pause_and_a_closed_window_burn_no_target(office: Office) -> None:
    """R2, R8: no target is taken from the list while nobody may be called."""
    office.programmes(advertising())
    await office.targets([AN])
    office.clock.move(hours=25)
    await office.plan()
    assert await office.rows("contacts") == []
    await office.list_of("dnc", [{"number": f"+8490100{n:04}"} | {"channel": "both"} for n in range(2)])
    await office.store.write(lambda tx: settings.pause(tx, programme="*", by="An", now=office.clock.now()))
    await office.plan()
    assert await office.rows("contacts") == []
    await office.store.write(lambda tx: settings.resume(tx, programme="*"))
    office.clock.move(at("17:00:00", sample.MONDAY))
    await office.plan()
    assert await office.rows("contacts") == []
    office.clock.move(at("09:00:00", sample.MONDAY) + timedelta(days=1))
    await office.list_of("dnc", [{"number": f"+8490100{n:04}"} | {"channel": "both"} for n in range(2)])
    await office.plan()
    assert [row["state"] for row in await office.rows("contacts")] == ["due"]


async def test_the_second_pass_begins_when_all_were_called_once(office: Office) -> None:
    """B3: those who did not pick up are called once more, after all others, and then no more."""
    office.programmes(notice(audience={}))
    office.phone.listeners[AN] = Listener(ends=Outcome.NO_ANSWER)
    await office.targets([AN, BINH])
    await office.plan()
    (first,) = (await office.claim(1)).claimed
    await office.make(first)
    (second,) = (await office.claim(5)).claimed
    assert [first.attempt.number, second.attempt.number] == [AN, BINH]
    assert (await office.claim()).looked_at == 0, "the second call of the first pass is not over"
    await office.make(second)
    (again,) = (await office.claim()).claimed
    await office.make(again)
    contact = await office.one("contacts", number=AN)
    assert (again.attempt.number, contact["attempts"], contact["state"]) == (AN, 2, "done")
    assert (await office.claim()).looked_at == 0


async def test_many_who_did_not_pick_up_do_not_stop_the_first_pass(office: Office) -> None:
    """B3: contacts that wait for the second pass are not ahead of the dialer."""
    office.programmes(notice(audience={}))
    office.phone.listeners[""] = Listener(ends=Outcome.NO_ANSWER)
    office.places = 50
    everybody = [f"+849010{n:05}" for n in range(300)]
    await office.targets(everybody)
    while (await office.call()).claimed:
        pass
    assert len(office.phone.dialled) == 2 * len(everybody)
    assert {attempt.number for attempt in office.phone.dialled[: len(everybody)]} == set(everybody)


async def test_a_list_imported_again_calls_nobody_twice(office: Office) -> None:
    """B3: one call per subscriber of the programme, whatever list names him."""
    office.programmes(notice(audience={}))
    await office.targets([AN])
    await office.call()
    await office.targets([AN, BINH])
    await office.call()
    assert [attempt.number for attempt in office.phone.dialled] == [AN, BINH]
