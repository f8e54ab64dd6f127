"""What if the connection to Asterisk fails in the middle of a call, or Asterisk itself does?"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ari_app.ari import Ari, AriAway, AriRefused
from ari_app.call import AriCall
from ari_app.phone import Phone
from core.outcomes import Outcome
from runtime.asterisk import ManagedNode
from tests.asterisk.callee import Callee, Leg, answers
from tests.asterisk.conftest import (
    PASSWORD,
    MemoryJournal,
    World,
    asterisk,
    attempt,
    line,
    make_config,
    now,
    place,
)
from tests.asterisk.test_calls import FIVE, ask_for_a_minute, listens, presses_when_it_hears

pytestmark = pytest.mark.asterisk


class Wire:
    """The wire between controller and Asterisk, to be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.mended = asyncio.Event()
        self.mended.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.mended.is_set():
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
        except ConnectionError:
            pass  # the cut: the other direction sees it too
        finally:
            target.close()
            self._ends.discard(target)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self.carry(reader, writer)))

    def cut(self) -> None:
        self.mended.clear()
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        self.mended.set()

    async def over(self) -> None:
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def wire_to(world: World) -> AsyncIterator[tuple[Wire, str]]:
    wire = Wire(urlsplit(world.node.ari_url).port or 0)
    server = await asyncio.start_server(wire.accept, "127.0.0.1", 0)
    try:
        yield wire, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await wire.over()


async def test_a_call_survives_a_lost_websocket(
    world: World, callee: Callee, prompts: Callable[[str], Path]
) -> None:
    """DESIGN §3: the channel stays up while the wire is cut; after the reconnect a key is taken as always."""
    cut = asyncio.Event()

    async def presses_after_the_cut(leg: Leg) -> None:
        await listens(leg)
        await leg.hear()
        await cut.wait()
        await leg.press("1")

    async with wire_to(world) as (wire, url), Ari(url, world.node.user, PASSWORD) as ari:
        await ari.ready(10)

        async def script(call: AriCall) -> str | None:
            leg = await callee.leg("0901000001")
            asked = asyncio.create_task(ask_for_a_minute(call))
            await leg.hear()
            wire.cut()
            await ari.until("away")
            wire.mend()
            await ari.ready(10)
            cut.set()
            return await asked

        callee.behaves["0901000001"] = presses_after_the_cut
        phone = Phone(world.config, {"ast1": ari}, prompts, now)
        placed = await place(phone, attempt("0901000001"), script)
    assert placed.said == "1"
    await (await callee.leg("0901000001")).wait_for("BYE")


async def ends_by(leg: Leg, channel: str, other: Ari) -> None:
    """The callee hangs up; returns when Asterisk has told another application that the channel is gone."""
    await other.ready(10)
    with other.listen(channel) as events:
        source = {"eventSource": f"channel:{channel}"}
        await other.request("POST", "applications", other.app, "subscription", params=source)
        leg.bye()
        while (await events.get())["type"] != "ChannelDestroyed":
            pass


async def test_a_call_that_ended_unseen_is_unknown(
    world: World, callee: Callee, prompts: Callable[[str], Path]
) -> None:
    """DESIGN §5: a fate that nobody saw is `unknown`, and nothing follows it."""
    placed_as = attempt("0901000002")
    async with wire_to(world) as (wire, url), Ari(url, world.node.user, PASSWORD) as ari:
        await ari.ready(10)

        async def script(call: AriCall) -> str | None:
            leg = await callee.leg("0901000002")
            asked = asyncio.create_task(ask_for_a_minute(call))
            await leg.hear()
            wire.cut()
            await ari.until("away")
            async with Ari(world.node.ari_url, world.node.user, PASSWORD, app="other") as other:
                await ends_by(leg, placed_as.id, other)
            wire.mend()
            return await asked

        callee.behaves["0901000002"] = listens
        phone = Phone(world.config, {"ast1": ari}, prompts, now)
        placed = await place(phone, placed_as, script)
    assert placed.outcome is Outcome.UNKNOWN


async def test_asterisk_is_killed_during_a_call_and_comes_back(
    tmp_path: Path, prompts: Callable[[str], Path]
) -> None:
    """The call is `unknown`, the node is started again and the next call works."""
    async with Callee() as callee:
        config = make_config(trunk_port=callee.port, rtp="42000-42999")
        node = ManagedNode(config, config.asterisk.nodes[0], tmp_path, asterisk())
        await node.start()
        watching = asyncio.create_task(node.watch())
        try:
            async with Ari(node.node.ari_url, node.node.user, PASSWORD) as ari:
                await ari.ready(10)
                phone = Phone(config, {"ast1": ari}, prompts, now)

                async def script(call: AriCall) -> str | None:
                    asked = asyncio.create_task(ask_for_a_minute(call))
                    await (await callee.leg("0901000003")).hear()
                    os.kill(node.pid or 0, signal.SIGKILL)
                    return await asked

                callee.behaves["0901000003"] = listens
                assert (await place(phone, attempt("0901000003"), script)).outcome is Outcome.UNKNOWN
                await ari.ready(30)
                callee.behaves["0901000004"] = presses_when_it_hears("1")
                assert (await place(phone, attempt("0901000004"), ask_for_a_minute)).said == "1"
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            assert await node.stop()


async def test_no_call_is_placed_while_asterisk_is_away(
    world: World, callee: Callee, prompts: Callable[[str], Path]
) -> None:
    """Nothing reached the network, so the outcome is `failed` and no 18x was seen: the slot is given back."""
    async with wire_to(world) as (wire, url):
        wire.cut()
        async with Ari(url, world.node.user, PASSWORD) as ari:
            phone = Phone(world.config, {"ast1": ari}, prompts, now)
            callee.behaves["0901000005"] = answers(486)
            placed = await place(phone, attempt("0901000005"))
    assert placed.outcome is Outcome.FAILED
    assert placed.journal.entries == []
    assert callee.legs == []


async def test_asterisk_makes_only_the_events_that_a_call_takes(world: World) -> None:
    """Issue 5: the others were made, sent and read for nobody."""
    async with Ari(world.node.ari_url, world.node.user, PASSWORD) as ari:
        await ari.ready(10)
        found = await ari.request("GET", "applications", ari.app)
    wanted = {each["type"] for each in found["events_allowed"]}
    assert {"ChannelDestroyed", "ChannelDtmfReceived", "PlaybackFinished", "ApplicationReplaced"} <= wanted
    assert "ChannelVarset" not in wanted


async def test_a_wrong_password_is_one_clear_message(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said once, however often it is tried, and the password is not in it."""
    async with Ari(world.node.ari_url, world.node.user, "wrong-password") as ari:
        for _ in range(3):
            with pytest.raises(AriRefused, match=r"refuses the user or password of config\.yaml"):
                await ari.ready(10)
    said = capsys.readouterr().out
    assert said.count("refuses the user or password") == 1
    assert "wrong-password" not in said


async def test_asterisk_that_is_away_is_waited_for_and_named_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    async with wire_to(world) as (wire, url):
        wire.cut()
        async with Ari(url, world.node.user, PASSWORD) as ari:
            with pytest.raises(AriAway, match="did not answer within"):
                await ari.ready(0.3)
            wire.mend()
            await ari.ready(10)
    assert capsys.readouterr().out.count("Asterisk is away") == 1


async def test_a_second_controller_on_the_same_application_is_a_loud_error(world: World) -> None:
    """Two controllers would each see half of the calls: the first stops and says why."""
    async with Ari(world.node.ari_url, world.node.user, PASSWORD, app="twice") as first:
        await first.ready(10)
        async with Ari(world.node.ari_url, world.node.user, PASSWORD, app="twice") as second:
            await second.ready(10)
            await first.until("replaced")
            with pytest.raises(AriRefused, match="another controller took over the application 'twice'"):
                await first.ready(10)
            assert second.state == "connected"


async def test_the_next_controller_ends_what_a_killed_one_left(
    world: World, callee: Callee, prompts: Callable[[str], Path]
) -> None:
    """Recovery: the subscriber stays on the line while no controller is there; the next one hangs up."""
    callee.behaves["0901000006"] = listens
    left = attempt("0901000006")
    async with wire_to(world) as (wire, url), Ari(url, world.node.user, PASSWORD) as killed:
        await killed.ready(10)
        phone = Phone(world.config, {"ast1": killed}, prompts, now)
        async with phone.line(left, MemoryJournal()) as call:
            await call.dial()
            await call.ask((line("0.1"),), "1", FIVE / 500)
            wire.cut()
    async with Ari(world.node.ari_url, world.node.user, PASSWORD) as ari:
        await ari.ready(10)
        phone = Phone(world.config, {"ast1": ari}, prompts, now)
        assert [(c.id, c.in_app) for c in await phone.live_channels()] == [(left.id, True)]
        assert await phone.hang_up_orphan("ast1", left.id)
    await (await callee.leg("0901000006")).wait_for("BYE")
