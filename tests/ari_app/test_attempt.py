"""What is written when a call is over, whatever happened in it? Scripted calls on a real store."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ari_app.phone import Attempt
from core.outcomes import Outcome
from tests.ari_app.office import AN, Listener, Office, OnlyLine, subscriber, topup_programme
from tests.core.sample import CATALOGUE, at

UNANSWERED = [
    ("no_answer", Outcome.NO_ANSWER, True, True, ["missed"]),
    ("busy after ringing", Outcome.BUSY, True, True, ["missed"]),
    ("busy at once", Outcome.BUSY, False, True, ["missed"]),
    ("rejected", Outcome.REJECTED, False, True, []),
    ("unreachable, never rang", Outcome.UNREACHABLE, False, False, []),
    ("unreachable, rang", Outcome.UNREACHABLE, True, True, []),
    ("failed, never rang", Outcome.FAILED, False, False, []),
    ("failed, rang", Outcome.FAILED, True, True, []),
    ("no such number", Outcome.INVALID_NUMBER, False, False, []),
    ("nobody can know", Outcome.UNKNOWN, False, True, []),
]


@pytest.mark.parametrize(
    ("outcome", "rings", "keeps_slot", "sms"),
    [row[1:] for row in UNANSWERED],
    ids=[row[0] for row in UNANSWERED],
)
async def test_an_unanswered_call_is_recorded_with_what_follows(
    office: Office, outcome: Outcome, rings: bool, keeps_slot: bool, sms: list[str]
) -> None:
    """O11, R7, DESIGN §5: the outcome, the 24-hour slot and the SMS of every unanswered end."""
    office.phone.listeners[AN] = Listener(ends=outcome, rings=rings)
    await office.topup()
    await office.call()
    call, contact = await office.one("calls"), await office.one("contacts")
    assert (call["outcome"], bool(call["keeps_slot"]), call["cause"], call["sip_code"]) == (
        outcome, keeps_slot, 34, 503,
    )  # fmt: skip
    state = "unknown" if outcome is Outcome.UNKNOWN else "done"
    assert (call["state"], contact["state"], contact["outcome"]) == (state, state, outcome)
    assert [row["kind"] for row in await office.rows("messages")] == sms
    assert await office.trigger_fate() == ("called", None)
    assert await office.rows("registrations") == []


ANSWERED: list[tuple[str, Listener, Outcome, str | None, list[str]]] = [
    ("key 1", Listener("1"), Outcome.ACCEPTED, "C90N", []),
    ("key 2", Listener("2"), Outcome.ACCEPTED, "FD50", []),
    ("key 1, gone at once", Listener("1", gone_after_key=True), Outcome.ACCEPTED, "C90N", []),
    ("key 9", Listener("9"), Outcome.REFUSED, None, ["refusal_confirmed"]),
    ("key 9, gone at once", Listener("9", gone_after_key=True), Outcome.REFUSED, None, ["refusal_confirmed"]),
    ("a no key", Listener("3"), Outcome.DECLINED, None, []),
    ("an agent", Listener("0"), Outcome.TRANSFERRED, None, []),
    ("no key", Listener(), Outcome.NO_KEY, None, ["offer"]),
    ("a wrong key", Listener("7"), Outcome.NO_KEY, None, ["offer"]),
    ("hung up", Listener(hangs_up_at=1), Outcome.HUNG_UP, None, ["offer"]),
]


@pytest.mark.parametrize(
    ("listener", "outcome", "package", "sms"), [row[1:] for row in ANSWERED], ids=[row[0] for row in ANSWERED]
)
async def test_an_answered_call_is_recorded_with_what_follows(
    office: Office, listener: Listener, outcome: Outcome, package: str | None, sms: list[str]
) -> None:
    """O13, O14, O21: registration, SMS and refusal of every answered end; the slot is kept."""
    office.phone.listeners[AN] = listener
    await office.topup()
    await office.call()
    call = await office.one("calls")
    assert (call["state"], call["outcome"], bool(call["keeps_slot"])) == ("done", outcome, True)
    assert call["answered_at"] is not None
    assert [row["package"] for row in await office.rows("registrations")] == [package] * (package is not None)
    assert [row["kind"] for row in await office.rows("messages")] == sms
    refused = [row["number"] for row in await office.rows("numbers") if row["refused_at"]]
    assert refused == [AN] * (outcome is Outcome.REFUSED)


@pytest.mark.parametrize(
    ("after", "sms", "again"),
    [({}, [], False), ({"sms": "missed"}, ["missed"], False), ({"retry": {"times": 1}}, [], True)],
    ids=["nothing said", "an SMS", "a retry"],
)
async def test_a_machine_is_followed_by_what_the_campaign_says_and_by_nothing_else(
    office: Office, after: dict[str, Any], sms: list[str], again: bool
) -> None:
    """DESIGN §5: outcome machine keeps the slot; no word is said to it."""
    campaign = {"answering_machine": {"detect": True}} | ({"after": {"machine": after}} if after else {})
    office.programmes(topup_programme(**campaign))
    office.phone.listeners[AN] = Listener(machine=True)
    await office.topup()
    await office.call()
    call, contact = await office.one("calls"), await office.one("contacts")
    assert (call["outcome"], bool(call["keeps_slot"]), call["text"]) == ("machine", True, None)
    assert call["reason"] == "machine: an answering machine: MAXWORDS-7-6"
    assert contact["state"] == ("due" if again else "done")
    assert [row["kind"] for row in await office.rows("messages")] == sms


@pytest.mark.parametrize("detect", [True, False])
async def test_a_person_hears_the_script_whether_or_not_machines_are_listened_for(
    office: Office, detect: bool
) -> None:
    """Issue 5, point 7."""
    office.programmes(topup_programme(answering_machine={"detect": detect}))
    office.phone.listeners[AN] = Listener("1")
    await office.topup()
    await office.call()
    assert (await office.one("calls"))["outcome"] == "accepted"


async def test_without_detection_a_machine_is_spoken_to_as_people_are(office: Office) -> None:
    """DESIGN §5: a voicemail without AMD is no_key."""
    office.phone.listeners[AN] = Listener(machine=True)
    await office.topup()
    await office.call()
    assert (await office.one("calls"))["outcome"] == "no_key"


async def test_the_log_holds_the_words_and_the_keys(office: Office) -> None:
    """O16: the exact text that was spoken, the offer, each key with its moment, the version."""
    office.phone.listeners[AN] = Listener("1")
    await office.topup()
    await office.call()
    call = await office.one("calls")
    assert call["text"] == "Xin chào\nbấm 1 C90N\nbấm 2 FD50\ncảm ơn"
    assert (call["offer"], call["prompt_version"]) == (["C90N", "FD50"], "v1")
    assert [pressed["key"] for pressed in call["keys"]] == ["1"]


async def test_only_what_was_offered_is_introduced_by_sms(office: Office) -> None:
    """O14: who has the first package already is offered the second, and the SMS speaks of that one."""
    await office.subscribers(subscriber(packages=frozenset({"C90N"})))
    await office.topup()
    await office.call()
    call, message = await office.one("calls"), await office.one("messages")
    assert call["offer"] == ["FD50"]
    assert call["text"] == "Xin chào\nbấm 2 FD50"
    assert "FD50" in message["text"]
    assert "C90N" not in message["text"]


async def test_an_exception_in_a_call_is_an_unknown_call_that_keeps_its_slot(office: Office) -> None:
    """DESIGN §3: whatever happens in a call, its end is recorded."""
    office.phone.listeners[AN] = Listener(breaks=RuntimeError("no such prompt"))
    await office.topup()
    await office.call()
    call = await office.one("calls")
    assert (call["state"], call["outcome"], bool(call["keeps_slot"])) == ("unknown", "unknown", True)
    assert call["reason"] == "RuntimeError: no such prompt"
    assert (await office.one("contacts"))["state"] == "unknown"
    assert office.phone.up == set()


async def test_a_decision_stands_when_the_flow_crashes_after_it(office: Office) -> None:
    """DESIGN §1: from `decide` on no fault can change the outcome."""
    office.phone.listeners[AN] = Listener("1", breaks_after_decision=RuntimeError("disk"))
    await office.topup()
    await office.call()
    call = await office.one("calls")
    assert (call["state"], call["outcome"], call["reason"]) == ("done", "accepted", "RuntimeError: disk")
    assert [row["package"] for row in await office.rows("registrations")] == ["C90N"]


async def test_a_call_that_got_no_line_is_failed_and_gives_its_slot_back(office: Office) -> None:
    """R7: nothing was sent, so the phone provably never rang."""
    office.phone.refuses = ValueError("the number is not +84 and nine digits")
    await office.topup()
    await office.call()
    call = await office.one("calls")
    assert (call["outcome"], bool(call["keeps_slot"])) == ("failed", False)
    assert call["reason"] == "ValueError: the number is not +84 and nine digits"


@pytest.mark.parametrize(
    ("claimed_at", "dialled_at", "why"),
    [
        ("10:00:00", "10:00:10", None),
        ("10:00:00", "10:00:11", "not dialled: it was claimed 11 s ago"),
        ("10:00:00", "09:59:49", "not dialled: it was claimed -11 s ago"),
        ("16:59:25", "16:59:29", None),
        ("16:59:25", "16:59:30", "R8: not dialled: it would ring after the window's end"),
    ],
)
async def test_a_call_whose_claim_was_stored_too_late_is_not_dialled(
    office: Office, claimed_at: str, dialled_at: str, why: str | None
) -> None:
    """R8, R7: a slow store or a machine that slept between the claim and the INVITE; the slot is given back."""
    office.clock.move(at(claimed_at))
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    office.clock.move(at(dialled_at))
    await office.make(claimed)
    call = await office.one("calls")
    assert len(office.phone.dialled) == (why is None)
    if why is not None:
        assert (call["outcome"], bool(call["keeps_slot"]), call["reason"]) == ("failed", False, why)


async def test_a_stopped_call_is_hung_up_and_recorded(office: Office) -> None:
    """DESIGN §1: cancellation is for shutdown, and records the end too."""
    office.phone.listeners[AN] = Listener(never=asyncio.Event())
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    task = asyncio.create_task(office.make(claimed))
    await office.phone.answered.wait()
    assert (await office.one("contacts"))["state"] == "up"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    call = await office.one("calls")
    assert (call["state"], call["reason"]) == ("unknown", "the system was stopped during the call")
    assert office.phone.up == set()


async def test_an_end_is_recorded_once(office: Office) -> None:
    """DESIGN §1: doing it twice changes nothing."""
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    await office.make(claimed)
    before = await office.rows("calls"), await office.rows("messages")
    office.phone.listeners[AN] = Listener(hangs_up_at=1)
    await office.make(claimed)
    assert (await office.rows("calls"), await office.rows("messages")) == before


async def test_a_key_on_a_call_that_was_closed_meanwhile_is_not_promised(office: Office) -> None:
    """DESIGN §3: who closed it wrote what follows; a registration that nobody would ask for is not decided."""
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    await office.make(claimed)
    office.phone.listeners[AN] = Listener("1")
    await office.make(claimed)
    call = await office.one("calls")
    assert (call["outcome"], call["decision"], await office.rows("registrations")) == ("no_key", None, [])


async def test_a_refusal_holds_on_a_call_that_was_closed_meanwhile(office: Office) -> None:
    """R6: whatever became of the call, who refused is not called again."""
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    await office.make(claimed)
    office.phone.listeners[AN] = Listener("9")
    await office.make(claimed)
    assert (await office.one("numbers", number=AN))["refused_at"] is not None


class Others(OnlyLine):
    """Gives these trunks, one after the other."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self._names = list(names)

    async def move(self, attempt: Attempt) -> Attempt | None:
        return replace(attempt, trunk=self._names.pop(0)) if self._names else None


async def test_a_call_goes_on_over_another_trunk_before_any_18x(office: Office) -> None:
    """DESIGN §5: one attempt, one row, with the trunk that it ended on and how the first one failed."""
    office.phone.listeners[AN] = Listener("1", trunks={"t": Outcome.FAILED}, rings=False)
    await office.topup()
    await office.call(Others("u", "v"))
    call = await office.one("calls")
    assert [attempt.trunk for attempt in office.phone.dialled] == ["t", "u"]
    assert (call["trunk"], call["outcome"], call["cause"]) == ("u", "accepted", None)
    assert call["reason"] == "trunk t: failed: cause 34"


async def test_a_call_that_failed_on_every_trunk_gives_its_slot_back(office: Office) -> None:
    """R7: it rang on none of them."""
    office.phone.listeners[AN] = Listener(ends=Outcome.FAILED, rings=False)
    await office.topup()
    await office.call(Others("u"))
    call, contact = await office.one("calls"), await office.one("contacts")
    assert (call["trunk"], call["outcome"], bool(call["keeps_slot"])) == ("u", "failed", False)
    assert contact["attempts"] == 1


@pytest.mark.parametrize(
    ("outcome", "rings"),
    [(Outcome.FAILED, True), (Outcome.BUSY, False), (Outcome.UNKNOWN, False), (Outcome.UNREACHABLE, False)],
)
async def test_no_other_trunk_once_it_rang_or_somebody_answered_for_the_number(
    office: Office, outcome: Outcome, rings: bool
) -> None:
    """DESIGN §5: trunk failover happens only before any 18x."""
    office.phone.listeners[AN] = Listener(ends=outcome, rings=rings)
    await office.topup()
    await office.call(Others("u"))
    assert [attempt.trunk for attempt in office.phone.dialled] == ["t"]


async def test_no_other_trunk_when_it_could_ring_past_the_window(office: Office) -> None:
    """R8: the last moment to dial is the window's end minus the ring limit, for the second trunk too."""
    office.clock.move(at("16:59:29"))
    office.phone.listeners[AN] = Listener(ends=Outcome.FAILED, rings=False, takes_s=1)
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    await office.make(claimed, Others("u"))
    assert [attempt.trunk for attempt in office.phone.dialled] == ["t"]


async def test_a_key_is_honoured_when_the_file_of_its_programme_vanished(office: Office) -> None:
    """DESIGN §1: a registration is asked for, a refusal confirmed, whatever became of the campaign file."""
    office.programmes(topup_programme())
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    office.programmes()
    office.phone.listeners[AN] = Listener("1")
    await office.make(claimed)
    assert (await office.one("calls"))["outcome"] == "accepted"
    assert (await office.one("registrations"))["package"] == "C90N"


async def test_a_refusal_is_confirmed_when_the_file_of_its_programme_vanished(office: Office) -> None:
    """R6: confirmed at once, one time."""
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    office.programmes()
    office.phone.listeners[AN] = Listener("9")
    await office.make(claimed)
    assert [row["kind"] for row in await office.rows("messages")] == ["refusal_confirmed"]


async def test_a_package_that_left_the_file_meanwhile_stays_what_was_offered(office: Office) -> None:
    """O14: the SMS introduces what the call offered, not what the file says now."""
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    office.programmes(topup_programme(offers={"1": "FD50"}))
    await office.make(claimed)
    message = await office.one("messages")
    assert set(CATALOGUE.packages) == {"C90N", "FD50"}
    assert "C90N" in message["text"]
