"""What becomes of a registration when the package system misbehaves? A real HTTP server, a clock that a test moves."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ari_app import registrar
from store import registrations
from store.times import us
from tests.ari_app.office import AN, BINH, Listener, Office, open_office, subscriber
from tests.core.sample import TEN
from tests.hooks.package_system import answering, speaking
from tests.small_app import running

YES = {"status": "registered", "reference": "R1", "message": "Goi C90N da duoc dang ky."}
NO = {"status": "refused", "reason": "not enough balance", "message": "Tai khoan khong du tien."}


class System:
    """A package system that answers as a test says, in order (the last for ever), and notes what it was asked."""

    def __init__(self, *answers: Callable[[], web.Response]) -> None:
        self.answers = list(answers)
        self.known: Callable[[], web.Response] = lambda: web.json_response({"error": "no"}, status=404)
        self.asked: list[tuple[str, str]] = []  #: method, key
        self.bodies: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            self.asked.append(("GET", request.path.rpartition("/")[2]))
            return self.known()
        self.asked.append(("POST", request.headers["Idempotency-Key"]))
        self.bodies.append(await request.json())
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        return answer()

    @property
    def keys(self) -> set[str]:
        return {key for _, key in self.asked}


def says(body: object, status: int = 200) -> Callable[[], web.Response]:
    text = body if isinstance(body, str) else json.dumps(body)
    return lambda: web.Response(text=text, status=status)


def office_with(folder: Path, url: str, **settings: Any) -> AbstractAsyncContextManager[Office]:
    return open_office(folder, registration={"url": url, "tries": 3, "backoff_s": 2.0, **settings})


async def decided(office: Office, number: str = AN, id: str = "t1") -> None:
    """A call that decided to register C90N."""
    office.phone.listeners[number] = Listener("1")
    await office.topup(id, number)
    await office.call()


async def until_state(office: Office, *states: str, tries: int = 1) -> dict[str, Any]:
    """The registration once it is in one of these states and was asked so often; moving no clock."""
    async with asyncio.timeout(60):
        while (row := await office.one("registrations"))["state"] not in states or row["tries"] < tries:
            await office.store.write(lambda tx: None)
    return row


async def go_on(office: Office, *, seconds: float) -> None:
    """The decision clock moves on, and who sleeps looks at it."""
    office.clock.move(seconds=seconds)
    await office.store.write(lambda tx: tx.wake("registrations"))


async def sms(office: Office) -> list[tuple[str, str]]:
    return sorted((row["kind"], row["text"]) for row in await office.rows("messages"))


async def test_a_registration_is_asked_for_and_thanked(tmp_path: Path) -> None:
    """O13: the key is the registration's id; SMS1 thanks, SMS2 is the system's own text and comes after it."""
    system = System(says(YES))
    async with answering(system.answer) as url, office_with(tmp_path, url) as office:
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            row = await until_state(office, "registered")
    assert (row["reference"], row["message"], row["tries"]) == ("R1", YES["message"], 1)
    assert system.bodies == [
        {"id": row["id"], "number": AN, "package": "C90N", "programme": "topup", "at": TEN.isoformat()}
    ]


async def test_the_subscriber_is_thanked_and_then_told_what_the_system_says(tmp_path: Path) -> None:
    """O13: SMS1, and after it SMS2."""
    async with answering(System(says(YES)).answer) as url, office_with(tmp_path, url) as office:
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            await until_state(office, "registered")
        first, second = (
            await office.one("messages", kind="thanks"),
            await office.one("messages", kind="registered"),
        )
        assert (second["after"], second["text"]) == (first["id"], YES["message"])


@pytest.mark.parametrize("status", [200, 402])
async def test_a_refusal_is_told_in_the_systems_words(tmp_path: Path, status: int) -> None:
    """Issue 2, item 8: told honestly, never thanked; 200 or 4xx."""
    system = System(says(NO, status))
    async with answering(system.answer) as url, office_with(tmp_path, url) as office:
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            row = await until_state(office, "refused")
        assert row["reason"] == "not enough balance"
        assert await sms(office) == [("not_registered", "Tai khoan khong du tien.")]
    assert len(system.asked) == 1


UNCLEAR = [
    ("500", says("oops", 500)),
    ("503 with a refusal", says(NO, 503)),
    ("200 that is not JSON", says("<html>")),
    ("200 of another protocol", says({"ok": True})),
    ("404 that is not ours", says("not found", 404)),
    ("302", says(YES, 302)),
    ("an empty answer", says("")),
]


@pytest.mark.parametrize("answer", [row[1] for row in UNCLEAR], ids=[row[0] for row in UNCLEAR])
async def test_no_clear_answer_is_asked_again_with_the_same_key(
    tmp_path: Path, answer: Callable[[], web.Response]
) -> None:
    """DESIGN §5: anything else is asked again, backing off by the decision clock; then it is well."""
    system = System(answer, says(YES))
    async with answering(system.answer) as url, office_with(tmp_path, url) as office:
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            row = await until_state(office, "due")
            assert (row["due_at"], len(system.asked)) == (us(TEN + timedelta(seconds=2)), 1)
            await go_on(office, seconds=2)
            row = await until_state(office, "registered", tries=2)
        assert {kind for kind, _ in await sms(office)} == {"thanks", "registered"}
    assert system.asked == [("POST", row["id"])] * 2


@pytest.mark.parametrize(("unclear", "asked_soon"), [(5, True), (4, False)])
async def test_what_backs_off_is_asked_as_soon_as_a_system_that_was_away_answers(
    tmp_path: Path, unclear: int, asked_soon: bool
) -> None:
    """Issue 5: five unclear answers running are the system's; fewer may be those of their keys, which wait on."""
    system = System(*[says("oops", 500)] * unclear, says(YES))
    everybody = [f"+849010{n:05}" for n in range(unclear + 2)]
    settings = {"backoff_s": 60.0, "concurrency": 1}
    async with answering(system.answer) as url, office_with(tmp_path, url, **settings) as office:
        await office.subscribers(*(subscriber(number) for number in everybody))
        for n, number in enumerate(everybody):
            await decided(office, number, f"t{n}")
        async with running(registrar.run, office.app, "registrar"), asyncio.timeout(60):
            wanted = len(everybody) if asked_soon else 2
            while len(await office.rows("registrations", state="registered")) < wanted:
                await office.store.write(lambda tx: None)
        left = await office.rows("registrations", state="due")
    assert [row["due_at"] for row in left] == [us(TEN + timedelta(seconds=60))] * (
        0 if asked_soon else unclear
    )


async def test_tries_end_and_an_alarm_says_so(tmp_path: Path) -> None:
    """DESIGN §5: at most `tries` times, the waits doubling, then unknown; the subscriber is told that it is."""
    system = System(says("oops", 500))
    async with answering(system.answer) as url, office_with(tmp_path, url) as office:
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            waits = []
            for tries in (1, 2):
                row = await until_state(office, "due", tries=tries)
                waits.append(row["due_at"] - us(office.clock.now()))
                await go_on(office, seconds=waits[-1] / 1e6)
            row = await until_state(office, "unknown", tries=3)
        assert (waits, len(system.asked), len(system.keys)) == ([2_000_000, 4_000_000], 3, 1)
        alarm = await office.one("alarms")
        assert alarm["name"] == f"registration:{row['id']}"
        assert "no clear answer after 3 tries" in alarm["text"]
        assert [kind for kind, _ in await sms(office)] == ["not_registered"]
        assert "chua xac nhan duoc" in (await sms(office))[0][1]


async def test_a_system_that_is_not_idempotent_is_asked_once(tmp_path: Path) -> None:
    """DESIGN §5: `idempotent: false`."""
    system = System(says("oops", 500))
    async with answering(system.answer) as url, office_with(tmp_path, url, idempotent=False) as office:
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            await until_state(office, "unknown")
        assert len(await office.rows("alarms")) == 1
    assert len(system.asked) == 1


@pytest.mark.parametrize(
    ("known", "asked"),
    [(says(YES), ["POST", "GET"]), (lambda: web.Response(status=404), ["POST", "GET", "POST"])],
    ids=["it knows the key", "it never saw the key"],
)
async def test_a_key_is_looked_up_before_it_is_asked_again(
    tmp_path: Path, known: Callable[[], web.Response], asked: list[str]
) -> None:
    """DESIGN §5: `lookup: true`, also where a repeat would not be harmless."""
    system = System(says("oops", 500), says(YES))
    system.known = known
    async with (
        answering(system.answer) as url,
        office_with(tmp_path, url, lookup=True, idempotent=False) as office,
    ):
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            await until_state(office, "due")
            await go_on(office, seconds=2)
            await until_state(office, "registered", tries=2)
    assert [method for method, _ in system.asked] == asked


async def test_a_look_up_without_answer_asks_for_nothing(tmp_path: Path) -> None:
    """DESIGN §5: the fate is asked for before any repeat."""
    system = System(says("oops", 500), says(YES))
    system.known = says("oops", 500)
    async with answering(system.answer) as url, office_with(tmp_path, url, lookup=True, tries=2) as office:
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            await until_state(office, "due")
            await go_on(office, seconds=2)
            await until_state(office, "unknown", tries=2)
    assert [method for method, _ in system.asked] == ["POST", "GET"]


async def test_a_dropped_connection_is_no_answer(tmp_path: Path) -> None:
    """DESIGN §5: it may or may not have been done."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
        await writer.drain()

    async with speaking(cut) as url, office_with(tmp_path, url) as office:
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            assert (await until_state(office, "due"))["tries"] == 1


async def test_an_answer_that_comes_too_late_is_no_answer(tmp_path: Path) -> None:
    """DESIGN §5: `timeout_s`; the same key asked again gets the same result."""
    late = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await late.wait()

    async with speaking(wait) as url, office_with(tmp_path, url, timeout_s=0.2) as office:
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            row = await until_state(office, "due")
        late.set()
    assert row["reason"] == "no answer within 0.2 s"


async def test_nobody_listens_and_then_somebody_does(tmp_path: Path) -> None:
    """Issue 2, bad input: a package system that is away loses nothing."""
    async with office_with(tmp_path, "http://127.0.0.1:9/register") as office:
        await decided(office)
        async with running(registrar.run, office.app, "registrar"):
            assert (await until_state(office, "due"))["tries"] == 1


async def crashed(office: Office, tries: int = 1) -> None:
    """A registrar that died while it asked for the last time of `tries`."""
    await decided(office)
    for n in range(tries):
        (asked,) = await office.store.write(
            lambda tx: registrations.claim_due(tx, now=TEN, limit=1, worker="")
        )
        again = partial(registrations.again, asked=asked, due_at=TEN, reason="")
        if n < tries - 1:
            await office.store.write(again)


@pytest.mark.parametrize(
    ("settings", "tries", "state", "asked"),
    [
        ({}, 1, "registered", ["POST"]),
        ({"lookup": True}, 1, "registered", ["GET", "POST"]),
        ({"idempotent": False, "lookup": True}, 1, "registered", ["GET", "POST"]),
        ({"idempotent": False}, 1, "unknown", []),
        ({}, 3, "unknown", []),
    ],
    ids=["idempotent", "lookup", "lookup only", "neither", "no try is left"],
)
async def test_what_a_killed_registrar_asked_is_asked_again_where_that_is_harmless(
    tmp_path: Path, settings: dict[str, Any], tries: int, state: str, asked: list[str]
) -> None:
    """DESIGN §3: after a crash the same key is asked again, or the registration is called unknown, with an alarm."""
    system = System(says(YES))
    async with answering(system.answer) as url, office_with(tmp_path, url, **settings) as office:
        await crashed(office, tries)
        async with running(registrar.run, office.app, "registrar"):
            row = await until_state(office, state)
        assert len(await office.rows("alarms")) == (state == "unknown")
    assert [method for method, _ in system.asked] == asked
    assert system.keys <= {row["id"]}


async def test_one_registration_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    """Issue 2, bad input: the rest goes on; a stop waits for what was being asked."""
    let_go, begun = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if (await request.json())["number"] == AN:
            begun.set()
            await let_go.wait()
        return web.json_response(YES)

    async with answering(answer) as url, office_with(tmp_path, url) as office:
        await decided(office, AN, "t1")
        await decided(office, BINH, "t2")
        async with running(registrar.run, office.app, "registrar"):
            await begun.wait()
            async with asyncio.timeout(60):
                while (await office.one("registrations", number=BINH))["state"] != "registered":
                    await office.store.write(lambda tx: None)
            assert (await office.one("registrations", number=AN))["state"] == "asked"
            let_go.set()
        assert (await office.one("registrations", number=AN))["state"] == "registered"


async def test_a_result_is_kept_when_the_file_of_its_programme_vanished(tmp_path: Path) -> None:
    """O13: registered is registered; only its texts are gone with the file."""
    async with answering(System(says(YES)).answer) as url, office_with(tmp_path, url) as office:
        await decided(office)
        office.programmes()
        async with running(registrar.run, office.app, "registrar"):
            await until_state(office, "registered")
        assert await office.rows("messages") == []
