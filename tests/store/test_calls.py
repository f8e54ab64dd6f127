"""Does a call end once, with all that follows, and does a decision outweigh everything?"""

import pytest

from core.after_call import AfterCall
from core.facts import Facts
from core.outcomes import Outcome
from core.phone import Decision
from store import calls, contacts, facts, inbound, logs, messages, numbers, registrations
from store.database import Store, Tx
from tests.store.sample import (
    AN,
    BINH,
    NOW,
    REGISTER,
    WORKER,
    claim,
    contact,
    contacts_of,
    dialing,
    end,
    later,
    message,
)

YES = Decision(kind="register", key="1", package="C90N", offer="1")
NO = Decision(kind="refuse", key="9")


async def test_the_end_of_a_call_brings_all_that_follows_at_once(store: Store) -> None:
    """DESIGN §3: call -> registration -> SMS is a chain of rows, written in one transaction."""

    def run(tx: Tx) -> bool:
        dialing(tx)
        calls.rang(tx, call_id="call-1", at=later(seconds=2))
        calls.up(tx, call_id="call-1", at=later(seconds=5))
        calls.decide(tx, call_id="call-1", decision=YES, at=later(seconds=9))
        ended = calls.Ended(
            "call-1",
            Outcome.ACCEPTED,
            later(seconds=20),
            rang=True,
            keys=(("1", later(seconds=9)),),
            text="MobiFone xin chào",
            cause=16,
        )
        return calls.finish(tx, ended, REGISTER, now=later(seconds=20))

    assert await store.write(run)
    [call] = await store.read(lambda tx: [*logs.calls(tx)])
    assert call["outcome"] == "accepted"
    assert call["keys"] == [{"key": "1", "at": "2026-11-23T09:00:09+07:00"}]
    assert (call["text"], call["offer"], call["cause"]) == ("MobiFone xin chào", ["C90N", "BL5G"], 16)
    assert call["answered_at"] == "2026-11-23T09:00:05+07:00"
    [registration] = await store.write(
        lambda tx: registrations.claim_due(tx, now=later(minutes=1), limit=5, worker=WORKER)
    )
    assert (registration.id, registration.package, registration.offer) == ("reg-call-1", "C90N", "1")
    assert (registration.version, registration.contact, registration.tries) == ("v1", "c1", 1)
    [trigger] = await store.read(lambda tx: [*logs.triggers(tx)])
    assert (trigger["fate"], trigger["call"]) == ("called", "call-1")
    assert await store.read(lambda tx: contacts_of(tx, programme="topup")) == {"done": 1}


async def test_a_call_that_is_done_is_not_done_again(store: Store) -> None:
    """Idea 6: at most once for what people feel."""
    missed = AfterCall(messages=(message("missed:c1"),))
    await store.write(dialing)
    assert await store.write(lambda tx: end(tx, "call-1", Outcome.NO_ANSWER, missed))
    again = AfterCall(messages=(message("offer:c1"),), retry_at=NOW, refuse=True)
    assert not await store.write(lambda tx: end(tx, "call-1", Outcome.BUSY, again))
    [call] = await store.read(lambda tx: [*logs.calls(tx)])
    assert call["outcome"] == "no_answer"
    assert [entry["kind"] for entry in await store.read(lambda tx: [*logs.sms(tx)])] == ["missed"]
    assert await store.read(lambda tx: contacts_of(tx, programme="topup")) == {"done": 1}


async def test_the_first_decision_of_a_call_stands(store: Store) -> None:
    """DESIGN §1: from then on nothing can change the outcome."""
    await store.write(dialing)
    assert await store.write(lambda tx: calls.decide(tx, call_id="call-1", decision=YES, at=NOW)) == YES
    assert await store.write(lambda tx: calls.decide(tx, call_id="call-1", decision=NO, at=NOW)) == YES
    [call] = await store.read(calls.open_calls)
    assert call.decision == YES
    with pytest.raises(ValueError, match="decided as accepted"):
        await store.write(lambda tx: end(tx, "call-1", Outcome.HUNG_UP))
    assert await store.write(lambda tx: end(tx, "call-1", Outcome.ACCEPTED, REGISTER))


async def test_a_refusal_holds_from_its_key_on_for_every_programme(store: Store) -> None:
    """R6, O21: queued advertising is withdrawn, what he asked for is not."""

    def run(tx: Tx) -> None:
        dialing(tx)
        contacts.plan(tx, contact("c-other", programme="weekend"), now=NOW)
        contacts.plan(tx, contact("c-notice", programme="bluezone", class_="public_notice"), now=NOW)
        contacts.plan(tx, contact("c-binh", number=BINH), now=NOW)
        messages.add(tx, message("offer:old"), now=NOW)
        messages.add(tx, message("thanks:old", class_="transactional"), now=NOW)
        messages.add(tx, message("offer:binh", number=BINH), now=NOW)
        calls.decide(tx, call_id="call-1", decision=NO, at=later(seconds=3))

    await store.write(run)
    known = await store.read(lambda tx: facts.facts_for(tx, number=AN, programme="weekend", now=NOW))
    assert known.refused_at == later(seconds=3)
    states = {
        entry["kind"] + entry["number"]: entry["state"]
        for entry in await store.read(lambda tx: [*logs.sms(tx)])
    }
    assert states == {"offer" + AN: "dropped", "thanks" + AN: "due", "offer" + BINH: "due"}
    counted = {
        name: await store.read(lambda tx, n=name: contacts_of(tx, programme=n))  # type: ignore[misc]
        for name in ("weekend", "bluezone", "topup")
    }
    assert counted == {"weekend": {"done": 1}, "bluezone": {"due": 1}, "topup": {"dialing": 1, "due": 1}}
    assert await store.read(lambda tx: numbers.refused_by(tx, number=AN)) == "call-1"


async def test_a_refusal_can_be_taken_back_by_a_person(store: Store) -> None:
    refuse = lambda tx: numbers.refuse(tx, number=AN, at=NOW, via="sms", ref="mo-1")  # noqa: E731
    assert await store.write(refuse)
    assert not await store.write(refuse)
    assert await store.write(
        lambda tx: numbers.allow_again(tx, number=AN, at=NOW, by="lan", reason="asked by mail")
    )
    assert not await store.write(
        lambda tx: numbers.allow_again(tx, number=AN, at=NOW, by="lan", reason="asked by mail")
    )
    known = await store.read(lambda tx: facts.facts_for(tx, number=AN, programme="p", now=NOW))
    assert known.refused_at is None


def _history(tx: Tx) -> Facts:
    return facts.facts_for(tx, number=AN, programme="topup", now=later(minutes=5))


@pytest.mark.parametrize(
    ("outcome", "rang", "kept"),
    [
        (Outcome.ACCEPTED, True, True),
        (Outcome.NO_ANSWER, True, True),
        (Outcome.BUSY, False, True),
        (Outcome.UNREACHABLE, False, False),
        (Outcome.UNREACHABLE, True, True),
        (Outcome.FAILED, False, False),
        (Outcome.FAILED, True, True),
        (Outcome.INVALID_NUMBER, False, False),
        (Outcome.UNKNOWN, False, True),
    ],
)
async def test_the_slot_is_given_back_only_when_it_never_rang(
    store: Store, outcome: Outcome, rang: bool, kept: bool
) -> None:
    """R7: and DESIGN §5's table."""
    await store.write(dialing)
    assert len((await store.read(_history)).history) == 1  # while it is dialled it counts
    await store.write(lambda tx: end(tx, "call-1", outcome, rang=rang))
    assert len((await store.read(_history)).history) == (1 if kept else 0)


async def test_an_18x_that_was_stored_keeps_the_slot_even_if_its_end_knows_nothing_of_it(
    store: Store,
) -> None:
    """R7: the controller died after the 180."""
    await store.write(dialing)
    await store.write(lambda tx: calls.rang(tx, call_id="call-1", at=NOW))
    await store.write(lambda tx: end(tx, "call-1", Outcome.FAILED, rang=False))
    assert len((await store.read(_history)).history) == 1


async def test_a_call_whose_fate_is_unknown_is_not_redialled(store: Store) -> None:
    """DESIGN §3: recover closes what it cannot know as unknown."""
    await store.write(dialing)
    await store.write(lambda tx: end(tx, "call-1", Outcome.UNKNOWN))
    assert await store.read(calls.open_calls) == ()
    assert await store.read(lambda tx: contacts_of(tx, programme="topup")) == {"unknown": 1}
    assert not await store.write(lambda tx: claim(tx, "c1", "call-2"))


async def test_a_retry_is_a_second_call_of_the_same_contact(store: Store) -> None:
    def twice(tx: Tx) -> None:
        dialing(tx)
        end(tx, "call-1", Outcome.BUSY, AfterCall(retry_at=later(minutes=5)))
        claim(tx, "c1", "call-2", at=later(minutes=5))
        end(tx, "call-2", Outcome.NO_KEY, at=later(minutes=6))

    await store.write(twice)
    entries = await store.read(lambda tx: [*logs.calls(tx)])
    assert [(each["id"], each["contact"], each["outcome"]) for each in entries] == [
        ("call-1", "c1", "busy"),
        ("call-2", "c1", "no_key"),
    ]


async def test_a_call_that_is_not_there_is_an_error(store: Store) -> None:
    with pytest.raises(LookupError, match="no call nobody"):
        await store.write(lambda tx: calls.decide(tx, call_id="nobody", decision=YES, at=NOW))
    with pytest.raises(LookupError, match="no call nobody"):
        await store.write(lambda tx: end(tx, "nobody", Outcome.BUSY))


async def test_who_calls_back_stands_beside_the_campaigns_call(store: Store) -> None:
    """O15: the agent sees which programme and offer it was."""
    await store.write(dialing)
    await store.write(lambda tx: end(tx, "call-1", Outcome.NO_ANSWER))
    last = await store.write(
        lambda tx: inbound.add_inbound(tx, call_id="in-1", number=AN, at=later(minutes=9), wall_at=NOW)
    )
    assert last is not None
    assert (last.programme, last.offer, last.call_id, last.outcome) == (
        "topup",
        ("C90N", "BL5G"),
        "call-1",
        "no_answer",
    )
    ending = lambda tx: inbound.end_inbound(  # noqa: E731
        tx, call_id="in-1", at=later(minutes=12), outcome=Outcome.TRANSFERRED
    )
    assert await store.write(ending)
    assert not await store.write(ending)
    entries = await store.read(lambda tx: [*logs.calls(tx, number=AN)])
    assert [(each["direction"], each["programme"], each["outcome"]) for each in entries] == [
        ("out", "topup", "no_answer"),
        ("in", "topup", "transferred"),
    ]
    assert len((await store.read(_history)).history) == 1  # being called takes no slot
    assert await store.read(lambda tx: inbound.last_offer(tx, number=BINH)) is None


async def test_a_refusal_by_sms_finds_the_call_that_is_up(store: Store) -> None:
    """R6: running calls end; not the call whose own key refused, nor one that is over, nor another number's."""

    def run(tx: Tx) -> None:
        dialing(tx)
        numbers.refuse(tx, number=BINH, at=NOW, via="sms", ref="mo-2")

    await store.write(run)
    assert await store.read(numbers.refused_while_called) == ()
    woken = store.watch("refusals")
    await store.write(lambda tx: numbers.refuse(tx, number=AN, at=NOW, via="sms", ref="mo-1"))
    assert await woken.wait(30)
    [found] = await store.read(numbers.refused_while_called)
    assert (found.id, found.via) == ("call-1", "sms")
    await store.write(lambda tx: end(tx, "call-1", Outcome.REFUSED))
    assert await store.read(numbers.refused_while_called) == ()
