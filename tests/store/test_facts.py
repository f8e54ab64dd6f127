"""Do the rules see all that was felt, and nothing that was not?"""

from core.after_call import AfterCall
from core.facts import Facts
from core.outcomes import Outcome
from store import calls, facts, messages, parts, received, settings
from store.database import Store, Tx
from store.reach import touched
from tests.store.sample import AN, BINH, NOW, claim, dialing, end, later, message, topup


async def _facts(
    store: Store, programme: str = "topup", contact: str | None = None, hours: float = 0
) -> Facts:
    return await store.read(
        lambda tx: facts.facts_for(
            tx, number=AN, programme=programme, event=topup(), now=later(hours=hours), contact=contact
        )
    )


async def test_nothing_is_known_of_a_new_number(store: Store) -> None:
    assert await _facts(store) == Facts(number=AN, subscriber=None, event=topup())


async def test_calls_and_messages_of_the_last_day_are_seen_with_their_class(store: Store) -> None:
    """R7: over all programmes."""

    def run(tx: Tx) -> None:
        dialing(tx)
        end(tx, "call-1", Outcome.NO_ANSWER)
        dialing(tx, "c2", "call-2", number=BINH)
        for key in ("missed:1", "offer:2", "never:3"):
            messages.add(tx, message(key), now=NOW)
        messages.mark_sending(tx, id=messages.id_of("missed:1"), parts=1, bind="b", at=later(minutes=1))
        messages.mark_sending(tx, id=messages.id_of("offer:2"), parts=1, bind="b", at=later(minutes=2))
        parts.failed(tx, message=messages.id_of("offer:2"), part=1, status="no", at=later(minutes=2))

    await store.write(run)
    known = await _facts(store, hours=24)
    assert [(touch.kind, touch.class_, touch.at, touch.outcome) for touch in known.history] == [
        ("voice", "advertising", NOW, Outcome.NO_ANSWER),
        ("sms", "advertising", later(minutes=1), None),
    ]
    assert (await _facts(store, hours=26)).history == ()


async def test_a_call_counts_from_the_moment_its_phone_rang(store: Store) -> None:
    """R7: 24 h from one ring to the next; the claim may be seconds before, and the clock may have gone back since."""

    def run(tx: Tx) -> None:
        for place, rang in enumerate((later(seconds=8), later(seconds=-100))):
            dialing(tx, f"c{place}", f"call-{place}")
            calls.rang(tx, call_id=f"call-{place}", at=rang)
        dialing(tx, "c2", "call-2")
        calls.up(tx, call_id="call-2", at=later(seconds=3))

    await store.write(run)
    known, many = await _facts(store), await store.read(lambda tx: touched(tx, now=NOW))
    seen = {touch.ref: touch.at for touch in known.history}
    assert seen == {"call-0": later(seconds=8), "call-1": NOW, "call-2": later(seconds=3)}
    assert {touch.ref: touch.at for touch in many[AN]} == seen


async def test_a_message_does_not_count_against_itself(store: Store) -> None:
    def run(tx: Tx) -> tuple[int, int]:
        messages.add(tx, message("offer:1"), now=NOW)
        own = messages.id_of("offer:1")
        messages.mark_sending(tx, id=own, parts=1, bind="b", at=NOW)
        others = facts.facts_for(tx, number=AN, programme="p", now=NOW)
        itself = facts.facts_for(tx, number=AN, programme="p", now=NOW, message=own)
        return len(others.history), len(itself.history)

    assert await store.write(run) == (1, 0)


async def test_a_retry_is_not_called_before_but_another_contact_is(store: Store) -> None:
    """B3: one call per subscriber, and once more for those who did not pick up."""

    def run(tx: Tx) -> None:
        dialing(tx)
        end(tx, "call-1", Outcome.NO_ANSWER, AfterCall(retry_at=NOW, retry_pass=2))

    assert not (await _facts(store)).called_before
    await store.write(run)
    assert (await _facts(store)).called_before
    assert not (await _facts(store, contact="c1")).called_before
    assert not (await _facts(store, programme="weekend")).called_before
    assert await store.write(lambda tx: claim(tx, "c1", "call-2"))


async def test_a_pause_is_seen_until_it_is_lifted(store: Store) -> None:
    def pause(tx: Tx) -> list[bool]:
        return [
            settings.pause(tx, programme=name, by=by, now=NOW)
            for name, by in (("topup", "Lan"), ("topup", "X"))
        ]

    assert await store.write(pause) == [True, False]
    assert (await _facts(store)).paused == "Lan"
    assert (await _facts(store, programme="weekend")).paused is None
    assert await store.write(lambda tx: settings.resume(tx, programme="topup"))
    assert not await store.write(lambda tx: settings.resume(tx, programme="topup"))
    await store.write(lambda tx: settings.pause(tx, programme=settings.ALL, by="night shift", now=NOW))
    assert (await _facts(store, programme="weekend")).paused == "night shift"
    assert await store.write(lambda tx: settings.resume(tx, programme=settings.ALL))
    assert await store.read(settings.paused) == ()


async def test_an_alarm_stands_until_it_is_cleared(store: Store) -> None:
    """R2: with an alarm that says so."""

    def raised(tx: Tx, text: str) -> bool:
        return settings.raise_alarm(tx, name="dnc", text=text, now=NOW)

    assert await store.write(lambda tx: raised(tx, "24 h old"))
    assert not await store.write(lambda tx: raised(tx, "25 h old"))
    assert [each.text for each in await store.read(settings.standing_alarms)] == ["25 h old"]
    assert await store.write(lambda tx: settings.clear_alarm(tx, name="dnc", now=later(hours=1)))
    assert not await store.write(lambda tx: settings.clear_alarm(tx, name="dnc", now=later(hours=1)))
    assert await store.read(settings.standing_alarms) == ()
    assert await store.write(lambda tx: raised(tx, "again"))


async def test_a_redelivered_sms_is_one_and_the_same_words_later_are_another(store: Store) -> None:
    """notes-smpp: de-duplicated within a time."""

    def come(tx: Tx, minutes: float) -> str | None:
        return received.add(
            tx, id="h", number=AN, to="8989", text="TC", bind="smsc1", at=later(minutes=minutes)
        )

    stored = [await store.write(lambda tx, m=minutes: come(tx, m)) for minutes in (0, 1, 30, 31)]  # type: ignore[misc]
    assert stored[1] is None
    assert stored[3] is None
    waiting = await store.read(lambda tx: received.new(tx, limit=10))
    assert [each.id for each in waiting] == [stored[0], stored[2]]
    await store.write(lambda tx: received.done(tx, id="h", as_="refusal"))
    assert len(await store.read(lambda tx: received.new(tx, limit=10))) == 1
