"""What do the calls cost that ARI steers, and nothing else? A loop of Python that knows no rules and stores nothing.

The same five requests for each call as our dialer makes (create, dial, play, stop, hang up) and the events that they
need, in one process. What our system takes more than this goes into rules, rows, script and recovery.
"""

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from ari_app.rest import Rest
from bench._until import until_came
from simulator import bare_asterisk
from simulator.asterisk_process import Asterisk
from simulator.ports import free_port
from simulator.sounds import make_sounds

_USER, _APP = "bench", "loop"
_MODULES = """
res_http_websocket res_websocket_client res_stasis res_stasis_answer res_stasis_playback res_stasis_recording
res_stasis_snoop res_ari res_ari_model
bridge_simple bridge_holding res_ari_applications res_ari_channels res_ari_events res_ari_playbacks app_stasis
"""
_EVENTS = ("ChannelDestroyed", "ChannelDtmfReceived", "ChannelStateChange", "PlaybackFinished", "StasisStart")


class Loop:
    """Every call, and how many ended as they should."""

    def __init__(self, url: str, password: str, endpoint: str, media: str) -> None:
        self._url, self._password = url, password
        self._endpoint, self._media = endpoint, media
        signed = b64encode(f"{_USER}:{password}".encode()).decode()
        self._rest = Rest(url, {"Authorization": f"Basic {signed}"}, most=200, idle_s=30.0)
        self._keys: dict[str, str] = {}
        self.good, self.cpu_s = 0, 0.0
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self, numbers: list[str], rate: float, quiet_s: float) -> None:
        """Call them at this rate; ends when all were called, or none ended any more for so long."""
        query = urlencode({"app": _APP, "api_key": f"{_USER}:{self._password}"})
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self._url}/events?{query}") as events,
        ):
            hearing = asyncio.create_task(self._hear(events))
            allowed = json.dumps({"allowed": [{"type": kind} for kind in _EVENTS]}).encode()
            await self._rest.request("PUT", f"/applications/{_APP}/eventFilter", allowed)
            loop, own = asyncio.get_running_loop(), time.process_time()
            print("ready", flush=True)
            began = loop.time()
            for place, number in enumerate(numbers):
                await asyncio.sleep(max(0.0, began + place / rate - loop.time()))
                self._begin(self._create(f"c{place}", number))
            await until_came(lambda: self.good, len(numbers), quiet_s)
            self.cpu_s = time.process_time() - own
            hearing.cancel()
        self._rest.close()

    def _begin(self, doing: Any) -> None:
        task = asyncio.ensure_future(doing)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _create(self, channel: str, number: str) -> None:
        body = {"endpoint": self._endpoint.format(number), "app": _APP, "channelId": channel}
        await self._ask("POST", "/channels/create", json.dumps(body).encode())

    async def _ask(self, method: str, target: str, body: bytes | None = None) -> None:
        answer = await self._rest.request(method, target, body)
        if answer.status >= 400:
            print(f"{method} {target}: {answer.status} {answer.body!r}", file=sys.stderr)

    async def _hear(self, events: aiohttp.ClientWebSocketResponse) -> None:
        async for message in events:
            event = json.loads(message.data)
            if "playback" in event:
                channel = event["playback"]["target_uri"].removeprefix("channel:")
            else:
                channel = event["channel"]["id"]
            match event["type"]:
                case "StasisStart":
                    self._begin(self._ask("POST", f"/channels/{channel}/dial?timeout=20"))
                case "ChannelStateChange" if event["channel"]["state"] == "Up":
                    query = urlencode({"media": self._media, "playbackId": f"{channel}-p"}, quote_via=quote)
                    self._begin(self._ask("POST", f"/channels/{channel}/play?{query}"))
                case "ChannelDtmfReceived":
                    self._keys[channel] = event["digit"]
                    self._begin(self._ask("DELETE", f"/playbacks/{channel}-p"))
                case "PlaybackFinished" if channel in self._keys:
                    self._begin(self._ask("DELETE", f"/channels/{channel}"))
                case "ChannelDestroyed":
                    self.good += self._keys.pop(channel, "") == "1"


async def _main() -> None:
    """Its own process: told what to do as JSON on its input."""
    told = json.loads(sys.stdin.readline())
    loop = Loop(told["url"], os.environ["BENCH_ARI_PASSWORD"], told["endpoint"], told["media"])
    await loop.run(told["numbers"], told["rate"], told["quiet_s"])
    print(json.dumps({"good": loop.good, "cpu_s": loop.cpu_s}), flush=True)


async def started(folder: Path, callee: str) -> tuple[Asterisk, str, str]:
    """An Asterisk with ARI and nothing of ours, the address of its ARI, and its password."""
    make_sounds(folder / "sounds")
    sip, ari, password = free_port(socket.SOCK_DGRAM), free_port(), secrets.token_hex(16)
    files = bare_asterisk.files(sip, callee, (40000, 49999), "[nowhere]\n", modules=_MODULES)
    files |= {
        "http.conf": f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={ari}\nsessionlimit=500\n"
        "session_inactivity=60000\nsession_keep_alive=60000\n",
        "ari.conf": f"[general]\nenabled=yes\npretty=no\n[{_USER}]\ntype=user\npassword_format=plain\n"
        f"password={password}\n",
    }
    asterisk = Asterisk(folder, files, lambda event: None)
    await asterisk.start()
    return asterisk, f"http://127.0.0.1:{ari}/ari", password


def controller(url: str, password: str, **told: object) -> "subprocess.Popen[str]":
    """The loop as a process; it says `ready` before the first call, at its end how many were good and its CPU seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.ari_loop"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"BENCH_ARI_PASSWORD": password},
    )
    assert process.stdin
    process.stdin.write(json.dumps({"url": url, **told}) + "\n")
    process.stdin.flush()
    return process


if __name__ == "__main__":
    asyncio.run(_main())
