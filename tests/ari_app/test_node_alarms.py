"""Is a person told when an Asterisk refuses our password, and again when it does not? (issue 2: bad input)"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from ari_app.ari import Ari
from ari_app.node_alarms import tell_of
from store import settings
from tests.ari_app.fake_ari import served
from tests.ari_app.office import Office


class Door:
    """An Asterisk that has one password for the websocket."""

    def __init__(self) -> None:
        self.opens = False
        self.url = ""
        self._sockets: set[web.WebSocketResponse] = set()

    async def events(self, request: web.Request) -> web.StreamResponse:
        if not self.opens:
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        async for _ in socket:
            pass
        return socket

    async def known(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=204)

    async def replace(self) -> None:
        for socket in self._sockets:
            await socket.send_str('{"type": "ApplicationReplaced", "application": "mai"}')


@asynccontextmanager
async def door() -> AsyncIterator[Door]:
    one = Door()
    app = web.Application()
    app.router.add_get("/ari/events", one.events)
    app.router.add_route("*", "/ari/applications/{rest:.*}", one.known)
    async with served(app) as (one.url, _):
        yield one


async def standing(office: Office, wanted: bool) -> str | None:
    """The text of the alarm, when it is there or gone as wanted."""
    async with asyncio.timeout(30):
        while True:
            found = {each.name: each.text for each in await office.store.read(settings.standing_alarms)}
            if ("ari:ast1" in found) is wanted:
                return found.get("ari:ast1")
            await office.store.write(lambda tx: None)


async def test_a_wrong_password_is_an_alarm_until_it_is_right(office: Office) -> None:
    """An Asterisk that others run does not know the password of config.yaml."""
    async with door() as asterisk, Ari(asterisk.url, "mai", "geheim", name="ast1") as ari:
        telling = asyncio.create_task(tell_of(office.app, ari))
        said = await standing(office, True)
        assert said is not None
        assert "refuses the user or password of config.yaml: nothing is dialled" in said
        assert "geheim" not in said
        asterisk.opens = True
        assert await standing(office, False) is None
        await asterisk.replace()
        assert "another controller took over" in str(await standing(office, True))
    await asyncio.wait_for(telling, 30)


async def test_an_alarm_of_an_earlier_start_ends_when_it_connects(office: Office) -> None:
    await office.app.alarm("ari:ast1", "of yesterday")
    async with door() as asterisk:
        asterisk.opens = True
        async with Ari(asterisk.url, "mai", "p", name="ast1") as ari:
            telling = asyncio.create_task(tell_of(office.app, ari))
            assert await standing(office, False) is None
        await asyncio.wait_for(telling, 30)
