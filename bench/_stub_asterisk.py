"""What would an Asterisk say that costs nothing? Its ARI alone, for benchmarks of what steers it: no SIP, no sound.

Every call rings, is answered at once, presses 1 at the first prompt that lasts, and ends when it is told to.
`python -m bench._stub_asterisk PORT`, in a process of its own.
"""

import asyncio
import json
import sys
from typing import Any

from aiohttp import web

#: How long a prompt lasts, in seconds.
_PROMPT_S = 0.2


class Stub:
    """One node."""

    def __init__(self) -> None:
        self._sockets: set[web.WebSocketResponse] = set()
        self._pressed: set[str] = set()
        self._later: set[asyncio.Task[None]] = set()

    def routes(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_put("/ari/applications/{app}/eventFilter", self._nothing)
        app.router.add_get("/ari/channels", self._none)
        app.router.add_post("/ari/channels/create", self._create)
        app.router.add_post("/ari/channels/{id}/dial", self._dial)
        app.router.add_post("/ari/channels/{id}/play", self._play)
        app.router.add_delete("/ari/playbacks/{id}", self._stop)
        app.router.add_delete("/ari/channels/{id}", self._hang_up)
        return app

    async def _say(self, kind: str, channel: str, state: str = "Up", **more: Any) -> None:
        event = json.dumps({"type": kind, "channel": {"id": channel, "state": state}, **more})
        for socket in self._sockets:
            await socket.send_str(event)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        async for _ in socket:
            pass
        self._sockets.discard(socket)
        return socket

    async def _nothing(self, _request: web.Request) -> web.Response:
        return web.json_response({})

    async def _none(self, _request: web.Request) -> web.Response:
        return web.json_response([])

    async def _create(self, request: web.Request) -> web.Response:
        channel = (await request.json())["channelId"]
        await self._say("StasisStart", channel, "Down", args=[])
        return web.json_response({"id": channel})

    async def _dial(self, request: web.Request) -> web.Response:
        channel = request.match_info["id"]
        await self._say("Dial", channel, peer={"id": channel}, dialstatus="RINGING")
        await self._say("ChannelStateChange", channel)
        return web.Response(status=204)

    async def _play(self, request: web.Request) -> web.Response:
        channel, playback = request.match_info["id"], request.query["playbackId"]
        about = {"id": playback, "target_uri": f"channel:{channel}", "state": "done"}
        await self._say("PlaybackStarted", channel, playback=about)
        task = asyncio.create_task(self._plays(channel, about))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return web.json_response({}, status=201)

    async def _plays(self, channel: str, about: dict[str, str]) -> None:
        await asyncio.sleep(_PROMPT_S)
        if channel in self._pressed:
            await self._say("PlaybackFinished", channel, playback=about)
        else:
            self._pressed.add(channel)
            await self._say("ChannelDtmfReceived", channel, digit="1")

    async def _stop(self, request: web.Request) -> web.Response:
        playback = request.match_info["id"]
        channel = playback.rpartition("-p")[0]
        about = {"id": playback, "target_uri": f"channel:{channel}", "state": "done"}
        await self._say("PlaybackFinished", channel, playback=about)
        return web.Response(status=204)

    async def _hang_up(self, request: web.Request) -> web.Response:
        channel = request.match_info["id"]
        self._pressed.discard(channel)
        await self._say("ChannelDestroyed", channel, cause=16)
        return web.Response(status=204)


def main() -> None:
    web.run_app(Stub().routes(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
