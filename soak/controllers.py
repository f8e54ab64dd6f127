"""Which processes make up the system? One on SQLite; on PostgreSQL two over one store, each with an Asterisk of its own."""

import asyncio
import json
import socket
import subprocess
from dataclasses import dataclass, replace

from bench.dialer import until_up
from demo.world import World, stop_system
from simulator.ports import free_port

_SECOND = {"run_dir": "run2", "file": "config2.yaml", "node": "ast2", "rtp_ports": "40000-49999"}


@dataclass
class Controller:
    """One `mai run`. `there`: the world, with the config.yaml of this one; `words`: what is written behind `mai run`."""

    there: World
    words: tuple[str, ...]
    process: "subprocess.Popen[bytes]"
    _killed: bool = False  #: and not started again yet

    async def killed(self) -> None:
        """SIGKILL, and started again."""
        self._killed = True
        self.process.kill()
        await asyncio.to_thread(self.process.wait)
        self.process = self.there.start(*self.words)
        self._killed = False

    def fell(self) -> int | None:
        """Its exit status, if it ended by itself; it is started again."""
        status = None if self._killed else self.process.poll()
        if status is not None:
            self.process = self.there.start(*self.words)
        return status

    async def stop(self) -> None:
        await stop_system(self.there, self.process)


async def started(there: World, *, two: bool) -> list[Controller]:
    """The controllers, when they would dial."""
    worlds = [(there, ())] if not two else _two(there)
    found = [Controller(each, words, each.start(*words)) for each, words in worlds]
    for each in found:
        await until_up(each.there)
    return found


def _two(there: World) -> list[tuple[World, tuple[str, ...]]]:
    """Both know both nodes, and each works with its own."""
    config = json.loads(there.config.read_text(encoding="utf-8"))
    first = config["asterisk"]["nodes"][0]
    sip, ari, web, agi = free_port(socket.SOCK_DGRAM), free_port(), free_port(), free_port()
    second = first | {
        "name": _SECOND["node"],
        "ari_url": f"http://127.0.0.1:{ari}",
        "sip_bind": f"127.0.0.1:{sip}",
        "rtp_ports": _SECOND["rtp_ports"],
    }
    config["asterisk"]["nodes"] = [first, second]
    there.config.write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    config |= {"run_dir": _SECOND["run_dir"]}
    config["web"] |= {"port": web}
    config["agi"] |= {"port": agi}
    file = there.folder / _SECOND["file"]
    file.write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    other = replace(there, config=file, web=f"http://127.0.0.1:{web}")
    return [(there, ("--node", first["name"])), (other, ("--node", second["name"]))]
