"""Does a call end when Asterisk does not keep its word? AriCall against a fake that goes silent or too fast."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ari_app.ari import Ari
from ari_app.call import AriCall
from ari_app.dialling import Dialling
from core.outcomes import Outcome
from core.phone import CallEnded, Decision
from core.speech import Line
from tests.ari_app.fake_ari import PATIENCE_S, Answers, FakeAri, fake_ari

LINE = Line("hello", ("hello",))
START = {"type": "StasisStart", "channel": {"id": "c1"}}
UP = {"type": "ChannelStateChange", "channel": {"id": "c1", "state": "Up"}}


class Forgetful:
    """A journal that commits nothing."""

    async def rang(self, at: datetime) -> None: ...

    async def up(self, at: datetime) -> None: ...

    async def decide(self, decision: Decision) -> None: ...


@asynccontextmanager
async def call_and_ari(
    folder: Path, answers: Answers = lambda *_: None, silent_s: float = PATIENCE_S, margin_s: float = 1
) -> AsyncIterator[tuple[FakeAri, AriCall, Ari]]:
    (folder / "hello.wav").write_bytes(b"")
    what = Dialling("c1", "PJSIP/0@t", "090", timedelta(seconds=0), timedelta(minutes=1), "0901234567")
    async with fake_ari(answers) as fake, Ari(fake.url, "u", "p", deadline_s=2, silent_s=silent_s) as ari:
        await ari.ready(5)
        with ari.listen("c1") as events:

            def media(piece: str) -> Path:
                return folder / f"{piece}.wav"

            call = AriCall(ari, events, what, Forgetful(), media, lambda: datetime.now(UTC), margin_s)
            yield fake, call, ari


@asynccontextmanager
async def call_over(
    folder: Path, answers: Answers = lambda *_: None, margin_s: float = 1
) -> AsyncIterator[tuple[FakeAri, AriCall]]:
    async with call_and_ari(folder, answers, margin_s=margin_s) as (fake, call, _):
        yield fake, call


def playback(kind: str, state: str = "done") -> dict[str, Any]:
    return {
        "type": f"Playback{kind}",
        "playback": {"id": "c1-p1", "state": state, "target_uri": "channel:c1"},
    }


async def answered(fake: FakeAri, call: AriCall) -> None:
    await fake.send(START, UP)
    await call.dial()


async def ended(doing: Callable[[], Any]) -> Outcome:
    with pytest.raises(CallEnded) as over:
        await doing()
    return over.value.outcome


async def test_a_prompt_that_never_ends_is_given_up_and_the_call_hung_up(tmp_path: Path) -> None:
    """ARI reports a playback that fails in no usable way: every wait has a deadline."""
    async with call_over(tmp_path) as (fake, call):
        await answered(fake, call)
        assert await ended(lambda: call.say(LINE)) is Outcome.UNKNOWN
        assert fake.asked[-1] == ("DELETE", "/ari/channels/c1")


async def test_a_prompt_may_be_finished_before_it_was_seen_to_start(tmp_path: Path) -> None:
    async with call_over(tmp_path) as (fake, call):
        await answered(fake, call)
        await fake.send(playback("Finished"))
        await call.say(LINE)
        assert call.report.spoken == []


async def test_an_event_that_comes_before_the_answer_to_its_request_is_not_lost(tmp_path: Path) -> None:
    """StasisStart was processed before POST returned in 13 of 200 calls."""
    async with call_over(tmp_path) as (fake, call):
        fake.answering.clear()
        dialling = asyncio.create_task(call.dial())
        await fake.was_asked("POST", "/ari/channels/create")
        await fake.send(START, UP)
        fake.answering.set()
        await dialling
        assert call.report.answered_at is not None
        assert ("POST", "/ari/channels/c1/dial") in fake.asked


@pytest.mark.parametrize(("status", "outcome"), [(500, "failed"), (409, "failed"), (400, "failed")])
async def test_a_call_that_asterisk_refuses_is_failed(tmp_path: Path, status: int, outcome: str) -> None:
    async with call_over(tmp_path, lambda *_: web.json_response({"message": "no"}, status=status)) as (
        _,
        call,
    ):
        assert await ended(call.dial) == outcome


async def lost_at(fake: FakeAri, call: AriCall, path: str) -> Outcome:
    """Dial; the connection ends before this request is answered, which Asterisk may carry out all the same."""
    fake.answering.clear()
    dialling = asyncio.create_task(call.dial())
    await fake.was_asked("POST", path)
    await fake.abort()
    fake.answering.set()
    return await ended(lambda: dialling)


async def test_a_call_that_may_be_dialled_is_unknown_and_is_ended(tmp_path: Path) -> None:
    """R7: it may have rung, so it counts and is not tried again."""
    async with call_over(tmp_path) as (fake, call):
        fake.always.add("/ari/channels/create")
        await fake.send(START)
        assert await lost_at(fake, call, "/ari/channels/c1/dial") is Outcome.UNKNOWN
        assert not call.report.nothing_sent
        assert fake.asked[-1] == ("DELETE", "/ari/channels/c1")


async def test_a_channel_that_may_come_is_no_call_and_is_ended(tmp_path: Path) -> None:
    """R7: create rings nobody, and dial was never sent: there is no doubt, and the slot is given back."""
    async with call_over(tmp_path) as (fake, call):
        assert await lost_at(fake, call, "/ari/channels/create") is Outcome.FAILED
        assert call.report.nothing_sent
        await call.hang_up()
        assert fake.asked[-1] == ("DELETE", "/ari/channels/c1")


async def test_a_channel_that_is_never_seen_is_never_dialled(tmp_path: Path) -> None:
    """Its StasisStart was lost, or does not come: the same."""
    async with call_over(tmp_path) as (fake, call):
        assert await ended(call.dial) is Outcome.FAILED
        assert call.report.nothing_sent
        assert fake.asked[-1] == ("DELETE", "/ari/channels/c1")
        assert ("POST", "/ari/channels/c1/dial") not in fake.asked


async def test_a_dial_that_could_not_be_written_rang_nobody(tmp_path: Path) -> None:
    """R7: no connection was to be had after the channel's creation, so Asterisk was never told to dial."""

    def answers(method: str, path: str, _: dict[str, str]) -> web.Response | None:
        return web.Response(headers={"Connection": "close"}) if path.endswith("/create") else None

    async with call_over(tmp_path, answers, margin_s=PATIENCE_S) as (fake, call):
        assert fake.door
        await fake.door.stop()
        await fake.send(START)
        assert await ended(call.dial) is Outcome.FAILED
        assert call.report.nothing_sent
        assert fake.asked[-1] == ("POST", "/ari/channels/create")


async def test_a_key_pressed_while_asterisk_stood_still_is_honoured(tmp_path: Path) -> None:
    """It comes when Asterisk speaks again: till then nobody can say that no key was pressed."""
    async with call_and_ari(tmp_path, silent_s=0.1, margin_s=PATIENCE_S) as (fake, call, ari):
        await answered(fake, call)
        fake.answering.clear()
        other = asyncio.create_task(ari.request("GET", "channels"))
        async with asyncio.timeout(PATIENCE_S):
            await ari.until("silent")
            asking = asyncio.create_task(call.ask((), "1", timedelta(seconds=0.1)))
            await asyncio.wait({asking}, timeout=0.5)
            await fake.send({"type": "ChannelDtmfReceived", "digit": "1", "channel": {"id": "c1"}})
            assert await asking == "1"
        fake.answering.set()
        await asyncio.wait({other})


async def test_a_call_that_asterisk_forgets_at_the_ring_limit_is_unknown(tmp_path: Path) -> None:
    async with call_over(tmp_path) as (fake, call):
        await fake.send(START)
        assert await ended(call.dial) is Outcome.UNKNOWN
        assert fake.asked[-1] == ("DELETE", "/ari/channels/c1")


async def test_a_key_that_is_none_is_not_taken(tmp_path: Path) -> None:
    """A-D and rubbish in `digit` are no keys."""
    async with call_over(tmp_path) as (fake, call):
        await answered(fake, call)
        for digit in ("A", "", "12", "#"):
            await fake.send({"type": "ChannelDtmfReceived", "digit": digit, "channel": {"id": "c1"}})
        assert await call.ask((), "#", timedelta(seconds=5)) == "#"
        assert [key for key, _ in call.report.keys] == ["#"]


async def test_a_hang_up_while_a_decision_is_committed_does_not_undo_it(tmp_path: Path) -> None:
    """DESIGN §1.1: from the commit on nothing changes the outcome."""
    async with call_over(tmp_path) as (fake, call):
        await answered(fake, call)
        await fake.send({"type": "ChannelDestroyed", "cause": 16, "channel": {"id": "c1"}})
        assert await ended(lambda: call.ask((), "1", timedelta(seconds=5))) is Outcome.NO_KEY
        await call.decide(Decision("refuse", "9"))
        assert await ended(lambda: call.say(LINE)) is Outcome.REFUSED


async def test_a_refusal_by_another_way_ends_the_prompt_that_is_played(tmp_path: Path) -> None:
    """R6: running calls end; told once, however often it is seen."""
    async with call_over(tmp_path) as (fake, call):
        await answered(fake, call)
        saying = asyncio.create_task(ended(lambda: call.say(LINE)))
        await fake.was_asked("POST", "/ari/channels/c1/play")
        assert (call.end_refused("sms"), call.end_refused("sms")) == (True, False)
        assert await saying is Outcome.REFUSED
        await call.hang_up()
        assert fake.asked[-1] == ("DELETE", "/ari/channels/c1")


async def test_a_key_pressed_before_the_refusal_came_is_honoured(tmp_path: Path) -> None:
    """DESIGN §1.1: a key once pressed is honoured; the call ends after it."""
    async with call_over(tmp_path) as (fake, call):
        await answered(fake, call)
        await fake.send({"type": "ChannelDtmfReceived", "digit": "1", "channel": {"id": "c1"}})
        assert await call.ask((), "1", timedelta(seconds=5)) == "1"
        call.end_refused("cli")
        await call.decide(Decision("register", "1", "C90N"))
        assert await ended(lambda: call.say(LINE)) is Outcome.ACCEPTED


async def test_a_phone_that_rings_stops_when_its_subscriber_refuses(tmp_path: Path) -> None:
    """R6: not answered yet."""
    async with call_over(tmp_path) as (fake, call):
        dialling = asyncio.create_task(ended(call.dial))
        await fake.was_asked("POST", "/ari/channels/create")
        call.end_refused("sms")
        assert await dialling is Outcome.REFUSED


def _in(app_name: str) -> dict[str, Any]:
    return {"id": "c1", "state": "Up", "dialplan": {"context": "amd", "app_name": app_name}}


@pytest.mark.parametrize(
    ("status", "cause", "outcome"),
    [("MACHINE", "MAXWORDS-7-6", "machine"), ("HUMAN", "HUMAN-800-800", None)],
)
async def test_what_was_heard_while_the_connection_was_lost_is_asked_for(
    tmp_path: Path, status: str, cause: str, outcome: str | None
) -> None:
    """Events of a gap are lost: the call came back into our application and no StasisStart tells."""

    def answers(method: str, path: str, query: dict[str, str]) -> web.Response | None:
        if path.endswith("/variable"):
            return web.json_response({"value": {"AMDSTATUS": status, "AMDCAUSE": cause}[query["variable"]]})
        return web.json_response(_in("Stasis")) if method == "GET" else None

    async with call_over(tmp_path, answers) as (fake, call):
        await answered(fake, call)
        listening = asyncio.create_task(call.expect_person())
        await fake.was_asked("POST", "/ari/channels/c1/continue")
        await fake.drop()
        if outcome:
            assert await ended(lambda: listening) == outcome
        else:
            assert await listening == cause


async def test_a_call_that_does_not_come_back_from_listening_is_ended_as_unknown(tmp_path: Path) -> None:
    """Every wait has a deadline; the connection is lost and found meanwhile, and Asterisk still listens."""

    def answers(method: str, path: str, _: dict[str, str]) -> web.Response | None:
        if path.endswith("/variable"):
            return web.json_response({"message": "Provided variable was not found"}, status=404)
        return web.json_response(_in("AMD")) if method == "GET" else None

    async with call_over(tmp_path, answers) as (fake, call):
        await answered(fake, call)
        listening = asyncio.create_task(call.expect_person())
        await fake.was_asked("POST", "/ari/channels/c1/continue")
        await fake.drop()
        assert await ended(lambda: listening) is Outcome.UNKNOWN
        assert fake.asked[-1] == ("DELETE", "/ari/channels/c1")
