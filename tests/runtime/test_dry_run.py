"""Does the dry-run count as the dialer decides? The same rules, for every subscriber and every rule."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import rules_of_programme as own
from core.audience import conditions
from core.campaigns import Audience, Campaign
from core.facts import Event, Law, Programme, Subscriber, law_of
from core.forecast import Assumed, through
from core.funnel import _COLUMN, _MASKS, UNIFORM, People, answers, funnel
from core.outcomes import Outcome
from core.packages import Catalogue
from core.rules import RULES, may_contact
from runtime.app import Installation
from runtime.dry_run import dry_run, show
from runtime.failed import WrongUsage
from smpp.segments import how_many_parts
from store import facts, lists, numbers
from store.database import open_store
from store.reach import people_of
from store.tx import Tx
from tests.core import sample
from tests.small_app import small_config
from tests.store import sample as stored

NOW = sample.TEN
NUMBERS = [f"+8490123400{digit}" for digit in range(8)]
EVENT = Event("e1", "topup", "", NOW, 50_000)

_MONEY = st.tuples(*[st.sampled_from([None, 0, 29_999, 30_000, 60_000])] * 3)
_SETS = st.sampled_from([None, frozenset(), frozenset({"C90N"}), frozenset({"C90N", "M50"})])
SUBSCRIBERS = st.builds(
    Subscriber,
    number=st.just(""),
    payment=st.sampled_from([None, "prepaid", "postpaid"]),
    device=st.sampled_from([None, "smartphone", "featurephone"]),
    region=st.sampled_from([None, "CTKV1", "CTKV2"]),
    status=st.sampled_from([None, "two_way", "one_way", "off"]),
    vlr=st.sampled_from([None, True, False]),
    segment=st.sampled_from([None, "youth", "rural"]),
    tariff=st.sampled_from([None, "T1"]),
    activated_on=st.sampled_from([None, NOW.date() - timedelta(days=364), NOW.date() - timedelta(days=366)]),
    arpu=_MONEY, arpu_data=_MONEY, arpu_voice=_MONEY,
    balance=st.sampled_from([None, 0, 4_999, 5_000, 9_000]),
    packages=_SETS,
    flags=st.sampled_from([None, frozenset(), frozenset({"vip"}), frozenset({"gold"}), frozenset({"test", "mdt"})]),
    consent=st.sampled_from([None, "HD 1", "HD 2"]),
)  # fmt: skip
AUDIENCES = st.fixed_dictionaries(
    {},
    optional={
        "payment": st.just(("prepaid",)), "device": st.just(("smartphone",)), "region": st.just(("CTKV1", "X")),
        "status": st.just(("two_way",)), "vlr": st.booleans(), "segment": st.just(("youth",)),
        "tariff": st.just(("T1",)), "months_on_network": st.just(12), "balance_at_least": st.just(5_000),
        "balance_at_most": st.just(5_000), "holds": st.just(("M50",)), "holds_none_of": st.just(("M50",)),
        "topup_at_least": st.sampled_from([50_000, 50_001]), "exclude_flags": st.just(("gold", "mdt")),
        "arpu": st.sampled_from([
            ({"of": "total", "months": 3, "at_least": 30_000},), ({"of": "data", "months": 2, "at_most": 30_000},),
            ({"of": "voice", "months": 1, "at_least": 29_999}, {"of": "total", "months": 1, "at_most": 59_999}),
        ]),
    },
)  # fmt: skip
PROGRAMMES = st.builds(
    lambda audience, once, list_, class_, hold_out: sample.programme(
        audience=audience, per_subscriber="once" if once else "each_event", hold_out=hold_out,
        trigger={"kind": "list" if list_ else "topup"}, **{"class": class_},
    ),
    AUDIENCES, st.booleans(), st.booleans(), st.sampled_from(["advertising", "care", "public_notice"]),
    st.sampled_from([0, 50]),
)  # fmt: skip


def _fill(tx: Tx, built: list[lists.Built], refused: list[str], called: list[tuple[str, Outcome]]) -> None:
    for each in built:
        lists.switch(tx, each, source="x", now=NOW)
    for number in refused:
        numbers.refuse(tx, number=number, at=NOW, via="cli", ref="x")
    for at, (number, outcome) in enumerate(called):
        stored.dialing(tx, f"c{at}", f"call-{at}", number=number, at=NOW - timedelta(hours=2))
        stored.end(tx, f"call-{at}", outcome, at=NOW - timedelta(hours=1))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), programme=PROGRAMMES, now=st.sampled_from([NOW, NOW - timedelta(hours=3)]))
async def test_the_funnel_and_the_gate_agree_for_every_subscriber_and_rule(
    data: st.DataObject, programme: Programme, now: datetime, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Issue 3 item 9: the dry-run uses the same rules."""
    folder = tmp_path_factory.mktemp("funnel")
    some = st.lists(st.sampled_from(NUMBERS), unique=True, max_size=4)
    base = {n: data.draw(SUBSCRIBERS)._replace(number=n) for n in data.draw(some.filter(bool))}
    channels = st.sampled_from(["voice", "sms", "both"])
    dnc = [{"number": n, "channel": data.draw(channels)} for n in data.draw(some.filter(bool))]
    called = [(n, data.draw(st.sampled_from([Outcome.NO_ANSWER, Outcome.NO_KEY]))) for n in data.draw(some)]
    event = data.draw(st.sampled_from([None, EVENT]))
    async with open_store("sqlite:///mai.db", folder) as store:
        place, name = store.lists, programme.name
        built = [
            lists.build(place, "subscribers", [facts.row_of(each) for each in base.values()]),
            lists.build(place, "dnc", dnc),
            lists.build(place, "targets", [{"number": n} for n in NUMBERS], programme=name),
            lists.build(
                place, "exclusions", [{"number": n, "reason": "x"} for n in data.draw(some)], programme=name
            ),
        ][: data.draw(st.sampled_from([1, 4]))]
        refused = data.draw(some)
        await store.write(lambda tx: _fill(tx, built, refused, called))
        people = await store.read(lambda tx: people_of(tx, programme, "voice", now, event))
        if people is None:
            assert programme.campaign.trigger.kind == "list"
            assert len(built) == 1
            return
        everybody = sorted(base) if programme.campaign.trigger.kind != "list" else NUMBERS
        assert list(people.numbers) == everybody
        said = list(answers(people, programme, "voice", now, sample.LAW))
        for at, number in enumerate(everybody):
            known = await store.read(
                lambda tx, n=number: facts.facts_for(tx, number=n, programme=name, event=event, now=now)  # type: ignore[misc]
            )
            answer = may_contact(known, programme, "voice", programme.campaign.class_, now, sample.LAW)
            gate = [(verdict.rule, verdict.allowed) for verdict in answer.verdicts]
            assert [(rule.id, bool(mask[at])) for rule, mask, _ in said] == gate
        steps, left = funnel(people, programme, "voice", now, sample.LAW)
        assert len(everybody) - sum(step.removed for step in steps) == steps[-1].left == left.sum()


_BALANCES = (None, 0, 4_999, 5_000, 5_001)
_MONTHS = (None, 29_999, 30_000, 30_001)
_PERIODS = [(a, b, c) for a in _MONTHS for b in _MONTHS for c in _MONTHS]
_BASE: list[Subscriber] = [
    sample.subscriber()._replace(
        balance=balance,
        arpu=months,
        arpu_data=(months[2], months[1], months[0]),
        arpu_voice=months,
    )
    for balance in _BALANCES
    for months in _PERIODS
]


@pytest.mark.parametrize(
    "written",
    [
        {"balance_at_least": 5_000}, {"balance_at_most": 5_000}, {"balance_at_least": 0},
        *({"arpu": ({"of": of, "months": months, which: 30_000},)}
          for of in ("total", "data", "voice") for months in (1, 2, 3) for which in ("at_least", "at_most")),
    ],
    ids=str,
)  # fmt: skip
def test_amounts_are_compared_to_the_dong(written: dict[str, Any]) -> None:
    """O4: at the limit, one below, one above, unknown; an average of several months."""
    rows = [facts.row_of(each) for each in _BASE]
    nobody = np.zeros(len(rows), bool)
    people = People(
        numbers=[], in_base=~nobody, texts=lambda column: (np.zeros(len(rows), int), [None]),
        amounts=lambda column: np.array([0 if row[column] is None else row[column] + 1 for row in rows]),
        excluded=nobody, do_not_call=None, on_do_not_call=nobody, refused=nobody, called_before=nobody,
    )  # fmt: skip
    programme = sample.programme(audience=written)
    (mask,) = (
        mask
        for rule, mask, _ in answers(people, programme, "voice", NOW, sample.LAW)
        if rule.check is own.audience
    )
    audience = programme.campaign.audience
    assert mask.tolist() == [all(c.met for c in conditions(audience, each, None)) for each in _BASE]


def test_every_rule_and_every_condition_is_counted() -> None:
    """A rule that is new to the gate must be new to the funnel."""
    assert {rule.check for rule in RULES} == {*_MASKS, *UNIFORM}
    others = {
        "arpu",
        "balance_at_least",
        "balance_at_most",
        "balance_below",
        "vlr",
        "topup_at_least",
        "exclude_flags",
    }
    assert set(Audience.model_fields) == {*_COLUMN, *others}


def _installation(folder: Path, programme: Programme, **law: Any) -> Installation:
    trunk = {
        "name": "t",
        "address": "127.0.0.1:5070",
        "caller_id": "9090",
        "calls_per_second": 2,
        "max_channels": 100,
    }
    config = small_config(trunks=(trunk,), clock={"now": datetime.fromisoformat("2026-11-23T18:00:00+07:00")})
    figures: Law = replace(law_of(config), granted=sample.LAW.granted, **law)
    return Installation(
        config=config, folder=folder, catalogue=Catalogue(packages=sample.CATALOGUE.packages),
        programmes={programme.name: programme}, files={}, held_back={}, law=figures,
    )  # fmt: skip


def _notice(**changes: Any) -> Programme:
    follow = {"retry": {"times": 1, "after": "1h", "after_first_pass": True}}
    return sample.notice(after={Outcome.NO_ANSWER: follow, Outcome.ACCEPTED: {"sms": "link"}}, **changes)


async def _with_targets(folder: Path, programme: Programme, count: int) -> None:
    async with open_store("sqlite:///mai.db", folder) as store:
        rows = ({"number": f"+849{at:08d}"} for at in range(count))
        built = lists.build(store.lists, "targets", rows, programme=programme.name)
        await store.write(lambda tx: lists.switch(tx, built, source="x", now=NOW))


async def test_days_channels_and_messages_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """B2: two windows, 10:00-12:00 and 15:30-17:30, each less 30 s of ringing: 14,340 s a day, 2 calls a second."""
    programme = _notice()
    await _with_targets(tmp_path, programme, 50_000)
    found = await dry_run(
        _installation(tmp_path, programme), programme.name, parts=how_many_parts,
        assumed=Assumed(answered=0.5, registered=0.5, ring_s=10, talk_s=20),
    )  # fmt: skip
    assert (found["asked"], found["reached"]) == (50_000, 50_000)
    assert found["as_of"] == "2026-11-24T10:00:00+07:00"
    assert found["calls"] == 75_000  # half are called once more
    assert found["calls_per_day"] == 2 * 14_340
    assert found["days"] == 3
    # two days carry 57,360; of the third day 17,640 calls are 8,820 s: 7,170 s of the first window and 1,650 s
    assert found["finished"] == "2026-11-26T15:57:30+07:00"
    assert found["peak_channels"] == 40
    assert (found["sms"], found["segments"]) == (18_750, 18_750)
    assert found["sms_per_day"] == 7_170
    show(found)
    assert "50,000 of 50,000 would be called" in capsys.readouterr().out


async def test_a_long_vietnamese_text_costs_its_parts(tmp_path: Path) -> None:
    """Issue 3 item 9: the cost in segments."""
    text = "Quý khách vừa bỏ lỡ cuộc gọi, gói {{ offer.name }}. " * 4
    messages = {"missed": {"sender": "8989", "text": text}}
    programme = sample.programme(messages=messages, after={})
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        known = [facts.row_of(sample.subscriber()._replace(number=number)) for number in NUMBERS]
        dnc = lists.build(store.lists, "dnc", [{"number": NUMBERS[0], "channel": "voice"}])
        built = [lists.build(store.lists, "subscribers", known), dnc]
        at = datetime.fromisoformat("2026-11-24T07:00:00+07:00")
        await store.write(lambda tx: [lists.switch(tx, each, source="x", now=at) for each in built])
    found = await dry_run(
        _installation(tmp_path, programme), programme.name, parts=how_many_parts, assumed=Assumed(answered=0)
    )
    whole = f"[QC] {text.replace('{{ offer.name }}', 'C90N').strip()} Tu choi QC soan TC gui 8989"
    (missed,) = found["messages"]
    assert found["reached"] == 7
    assert {step["rule"]: step["removed"] for step in found["funnel"]}["R2"] == 1
    assert (missed["sms"], missed["parts_each"]) == (7, how_many_parts(whole))
    assert found["segments"] == 7 * how_many_parts(whole) > 7


async def test_a_programme_without_its_list_is_told(tmp_path: Path) -> None:
    async with open_store("sqlite:///mai.db", tmp_path):
        pass
    installation = _installation(tmp_path, _notice())
    with pytest.raises(WrongUsage, match="no target list yet"):
        await dry_run(installation, "bluezone", parts=how_many_parts)
    with pytest.raises(WrongUsage, match="'x' is not a programme"):
        await dry_run(installation, "x", parts=how_many_parts)


def test_a_campaign_without_windows_does_not_end() -> None:
    """Not within ten years: said so, not counted for ever."""
    never = sample.programme(windows={"calls": ("06:00-07:00",)})
    assert isinstance(never.campaign, Campaign)
    found = through(never, sample.LAW, NOW, 1, first=5)
    assert (found.end, found.days) == (None, None)
