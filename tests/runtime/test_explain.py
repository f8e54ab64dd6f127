"""Does `mai explain` say what the dialer says, with every rule, now and for a moment that has passed?"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ari_app.planner import plan_events
from core.outcomes import Outcome
from core.rules import binding
from runtime.app import App
from runtime.explain import explain
from runtime.explained import explained
from runtime.failed import WrongUsage
from store import contacts, journal, logs, messages, numbers, settings, triggers, versions
from store.tx import Tx
from tests.core.sample import notice, programme, subscriber
from tests.runtime.town import AN, NOW, put_list, set_clock, town
from tests.store import sample


async def _of(app: App, name: str = "topup", at: datetime | None = None) -> dict[str, Any]:
    (found,) = await explain(app, number=AN, programme=name, at=at)
    return found


def _no(found: dict[str, Any]) -> list[str]:
    return [verdict["rule"] for verdict in found["verdicts"] if not verdict["allowed"]]


async def _topup(app: App, at: datetime = NOW, id: str = "t1") -> None:
    event = sample.topup(id, at=at)
    await app.store.write(lambda tx: triggers.add(tx, event=event, received_at=at))


async def test_every_rule_that_binds_is_shown_in_its_order_with_value_and_limit(tmp_path: Path) -> None:
    """R15: a yes carries what was seen as well as a no."""
    async with town(tmp_path) as app:
        await _topup(app)
        found = await _of(app)
    assert [verdict["rule"] for verdict in found["verdicts"]] == [
        rule.id for rule in binding("voice", "advertising")
    ]
    assert (found["allowed"], found["rule"], _no(found)) == (True, None, [])
    assert all(verdict["seen"] and verdict["limit"] and verdict["version"] for verdict in found["verdicts"])
    assert found["event"] == {"id": "t1", "kind": "topup", "at": NOW.isoformat(), "amount": 50_000}


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"base": [subscriber(consent=None)]}, ["R3"]),
        ({"base": [subscriber(flags=frozenset({"vip"}))]}, ["O3"]),
        ({"base": []}, ["O2", "O2", "O3", "R3"]),
        ({"do_not_call": [AN]}, ["R2"]),
    ],
)
async def test_the_planner_and_explain_give_the_same_first_no(
    tmp_path: Path, change: dict[str, Any], rules: list[str]
) -> None:
    """O2, O3, R2, R3: the same reasons that the dialer used, from the same code."""
    async with town(tmp_path, **change) as app:
        await _topup(app)
        found = await _of(app)
        await app.store.write(partial(plan_events, app=app, now=NOW))
        (trigger,) = await app.store.read(lambda tx: [*logs.triggers(tx, number=AN)])
    assert _no(found)[0] == rules[0]
    assert set(_no(found)) <= set(rules)
    assert trigger["rule"] == f"{found['rule']}: {found['reason']}"


async def test_what_happened_is_with_its_programme_and_the_rest_in_the_last_object(tmp_path: Path) -> None:
    """O16: planned, called, sent, registered, refused."""

    def happen(tx: Tx) -> None:
        sample.dialing(tx, at=NOW)
        sample.end(tx, "call-1", Outcome.NO_ANSWER, at=NOW)
        messages.add(tx, sample.message("missed:c1"), now=NOW)
        contacts.plan(tx, sample.contact("old", programme="gone"), now=NOW)
        numbers.refuse(tx, number=AN, at=NOW, via="key", ref="call-1")

    async with town(tmp_path) as app:
        await app.store.write(happen)
        ours, rest = await explain(app, number=AN, programme=None, at=None)
    assert [(ours["programme"], rest["programme"])] == [("topup", None)]
    assert [row["outcome"] for row in ours["called"]] == ["no_answer"]
    assert [(row["kind"], row["state"]) for row in ours["sent"]] == [("missed", "dropped")]
    assert [row["state"] for row in ours["planned"]] == ["done"]
    assert [row["id"] for row in rest["planned"]] == ["old"]
    assert [entry["did"] for entry in ours["journal"]] == ["refused"]
    assert ours["rule"] == "R6"


async def test_for_a_moment_that_has_passed_what_came_later_is_left_out(tmp_path: Path) -> None:
    """R15: the refusal, the call and the pause of ten o'clock said nothing at nine."""

    def later(tx: Tx) -> None:
        ten = NOW + timedelta(hours=1)
        sample.dialing(tx, at=ten)
        sample.end(tx, "call-1", Outcome.DECLINED, at=ten)
        numbers.refuse(tx, number=AN, at=ten, via="key", ref="call-1")
        settings.pause(tx, programme="topup", by="lan", now=ten)

    async with town(tmp_path) as app:
        await _topup(app)
        await app.store.write(later)
        await put_list(app, "dnc", [{"number": AN, "channel": "both"}], at=NOW + timedelta(hours=1))
        set_clock(app, NOW + timedelta(hours=2))
        then, now = await _of(app, at=NOW), await _of(app)
    assert _no(then) == []
    assert then["doubts"] == ["Pauses that were lifted since are not kept."]
    assert _no(now) == ["pause", "R6", "R2", "R7", "O7"]


async def test_a_refusal_that_was_taken_back_held_in_between(tmp_path: Path) -> None:
    """R6, R13: the journal tells what the present state no longer does."""
    async with town(tmp_path) as app:
        await app.store.write(lambda tx: numbers.refuse(tx, number=AN, at=NOW, via="sms", ref="m"))
        undone = NOW + timedelta(hours=2)
        await app.store.write(
            lambda tx: numbers.allow_again(tx, number=AN, at=undone, by="lan", reason="ticket")
        )
        set_clock(app, NOW + timedelta(hours=4))
        hours = {h: "R6" in _no(await _of(app, at=NOW + timedelta(hours=h))) for h in (-0.5, 0, 1, 2, 3)}
        kept = await app.store.read(lambda tx: journal.of_number(tx, number=AN))
    assert hours == {-0.5: False, 0: True, 1: True, 2: False, 3: False}
    assert len(kept) == 2


async def test_a_call_that_was_still_up_had_no_outcome_yet(tmp_path: Path) -> None:
    """O7: a call that runs counts as a successful one, whatever it ended as."""

    def call(tx: Tx) -> None:
        sample.dialing(tx, at=NOW)
        sample.end(tx, "call-1", Outcome.NO_ANSWER, at=NOW + timedelta(seconds=30))

    async with town(tmp_path) as app:
        await app.store.write(call)
        set_clock(app, NOW + timedelta(hours=1))
        during = await _of(app, at=NOW + timedelta(seconds=10))
        after = await _of(app, at=NOW + timedelta(seconds=40))
    assert ("O7" in _no(during), "O7" in _no(after)) == (True, False)


async def test_an_event_that_is_no_longer_fresh_is_not_the_one_that_is_asked_about(tmp_path: Path) -> None:
    """O20: yesterday's top-up calls nobody today; the log says what became of it."""
    async with town(tmp_path) as app:
        await _topup(app, NOW - timedelta(minutes=14), "fresh")
        await _topup(app, NOW - timedelta(hours=2), "old")
        fresh = await _of(app)
        set_clock(app, NOW + timedelta(minutes=2))
        later = await _of(app)
    assert (fresh["event"]["id"], later["event"]) == ("fresh", None)
    assert [row["id"] for row in later["triggers"]] == ["old", "fresh"]


async def test_a_held_back_programme_says_so_before_any_rule(tmp_path: Path) -> None:
    """R11, O5: the dialer does not even ask the rules of a programme that may not start."""
    async with town(tmp_path) as app:
        app.installation = replace(app.installation, held_back={"topup": "x.yaml:3: R11: no address"})
        found = await _of(app)
    assert (found["allowed"], found["rule"]) == (False, "start")
    assert len(found["verdicts"]) > 1


async def test_another_version_of_the_programme_then_is_told(tmp_path: Path) -> None:
    async with town(tmp_path) as app:
        await app.store.write(
            lambda tx: versions.keep(tx, programme="topup", version="v0", content="…", now=NOW)
        )
        set_clock(app, NOW + timedelta(hours=1))
        found = await _of(app, at=NOW + timedelta(minutes=1))
    assert "The programme was version v0 then; the verdicts are those of v1." in found["doubts"]


async def test_every_kind_of_message_is_asked_too(tmp_path: Path) -> None:
    """rules.md: advertising is refused outside its hours, a transactional message is not."""
    async with town(tmp_path) as app:
        set_clock(app, NOW.replace(hour=23))
        found = await _of(app)
    allowed = {message["class"]: message["allowed"] for message in found["messages"]}
    assert allowed == {"advertising": False, "transactional": True}


async def test_a_programme_that_is_not_there_is_refused_with_the_names_that_are(tmp_path: Path) -> None:
    async with town(tmp_path, programme(), notice()) as app:
        with pytest.raises(WrongUsage, match="'nope' is not a programme: one of bluezone, topup"):
            await _of(app, "nope")


async def test_the_table_masks_numbers_and_the_objects_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """R14."""
    async with town(tmp_path) as app:
        await _topup(app)
        await app.store.write(lambda tx: sample.dialing(tx, "c1", "call-1", at=NOW))
        await app.store.write(
            lambda tx: messages.add(tx, replace(sample.message("missed:c1"), text=f"goi {AN} [QC]"), now=NOW)
        )
        found = await explain(app, number=AN, programme=None, at=None)
    explained(found)
    shown = capsys.readouterr().out
    assert found[0]["number"] == AN
    assert "+8490****567" in shown
    assert "901234567" not in shown
    assert "R7" in shown


async def test_a_subscriber_who_has_every_package_is_told_so_after_the_rules(tmp_path: Path) -> None:
    """O5: the dialer's last question, and the same answer."""
    menu = {"menu": {"keys": {"1": {"say": "bấm 1 {{ offer.name }}", "offer": "1"}}}}
    asked = programme(script=[menu], offers={"1": "C90N"})
    has = [subscriber(packages=frozenset({"C90N"}))]
    async with town(tmp_path, asked, base=has) as app:
        found = await _of(app)
    assert (found["allowed"], found["rule"], found["offers"]) == (False, "O5", [])
    assert found["reason"] == "none of the programme's offers is left for this subscriber"
