"""How is an Asterisk of the simulator started, followed and ended? In a private folder, over its AMI."""

import asyncio
import ctypes
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from simulator.ami import Ami, Event
from simulator.ports import free_port

_ROOT = Path(__file__).resolve().parent.parent
_START_S = 30.0
_STOP_S = 5.0


class Asterisk:
    """One Asterisk process, in a session of its own; on Linux it ends with whoever started it.

    `files` are its configuration without asterisk.conf and manager.conf, which are made here; every AMI event
    goes to `on_event`. Raises FileNotFoundError without `.asterisk/` (`make setup` makes it).
    """

    def __init__(self, folder: Path, files: dict[str, str], on_event: Callable[[Event], None]) -> None:
        self.folder = folder.resolve()
        self.ami: Ami | None = None
        self._on_event = on_event
        self._port, self._secret = free_port(socket.SOCK_STREAM), secrets.token_hex(16)
        self._files = files | {"asterisk.conf": self._asterisk_conf(), "manager.conf": self._manager_conf()}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns once it is fully booted; RuntimeError with the tail of its log when it does not come up."""
        folder = self.folder
        for name in ("etc", "lib", "spool/recording", "spool/tmp", "run", "log"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, text in self._files.items():
            path = folder / "etc" / name
            path.touch(mode=0o600)  # the AMI secret is in one of them
            path.write_text(f"; made anew by the simulator at every start\n{text}", encoding="utf-8")
        asterisk = str(_ROOT / ".asterisk" / "bin" / "asterisk")
        with (folder / "log" / "output").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(asterisk, "-f", "-C", str(folder / "etc" / "asterisk.conf")),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        try:
            async with asyncio.timeout(_START_S):
                await self._come_up(self._process)
        except TimeoutError:
            await self.stop()
            raise RuntimeError(
                f"the simulator's Asterisk was not up in {_START_S:.0f} s: {self.tail()}"
            ) from None
        except BaseException:
            await self.stop()
            raise

    async def _come_up(self, process: asyncio.subprocess.Process) -> None:
        exited = asyncio.create_task(process.wait())
        booted: asyncio.Task[bool] | None = None
        try:
            while self.ami is None:
                try:
                    self.ami = await Ami.connect(self._port, "simulator", self._secret, self._on_event)
                except OSError:  # not listening yet
                    await asyncio.wait({exited}, timeout=0.05)
                    if exited.done():
                        break
            if self.ami:
                booted = asyncio.create_task(self.ami.booted.wait())
                await asyncio.wait({exited, booted}, return_when=asyncio.FIRST_COMPLETED)
            if exited.done():
                raise RuntimeError(f"the simulator's Asterisk ended while starting: {self.tail()}")
        finally:
            exited.cancel()
            if booted:
                booted.cancel()

    def tail(self) -> str:
        """The end of what Asterisk said, for a person."""
        found = [self.folder / "log" / name for name in ("messages.log", "output")]
        return "\n".join(f.read_text(errors="replace")[-1500:] for f in found if f.exists())

    async def stop(self) -> None:
        """End it; calls that are up are dropped. May be called twice."""
        if self.ami:
            await self.ami.close()
            self.ami = None
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_S)
            except TimeoutError:
                os.killpg(self._process.pid, signal.SIGKILL)
                await self._process.wait()

    def _asterisk_conf(self) -> str:
        paths = json.loads((_ROOT / ".asterisk" / "paths.json").read_text(encoding="utf-8"))
        f = self.folder
        folders = {
            "astetcdir": f / "etc",
            "astmoddir": paths["astmoddir"],
            "astvarlibdir": f / "lib",
            "astdbdir": f / "lib",
            "astkeydir": f / "lib",
            "astdatadir": paths["astdatadir"],
            "astagidir": f / "lib",
            "astspooldir": f / "spool",
            "astrundir": f / "run",
            "astlogdir": f / "log",
        }
        lines = "".join(f"{name} => {path}\n" for name, path in folders.items())
        return f"[directories]\n{lines}[options]\nlive_dangerously=no\n"

    def _manager_conf(self) -> str:
        return f"""\
[general]
enabled=yes
bindaddr=127.0.0.1
port={self._port}
timestampevents=yes
displayconnects=no
[simulator]
secret={self._secret}
deny=0.0.0.0/0.0.0.0
permit=127.0.0.1/255.255.255.255
read=user,call,system
write=originate,call,system
writetimeout=5000
eventfilter(action(include),name(FullyBooted))=
eventfilter(action(include),name(UserEvent))=
eventfilter(action(include),name(Hangup))=
eventfilter(action(include),name(Registry))=
eventfilter(action(include),name(OriginateResponse))=
"""


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Linux: SIGTERM to Asterisk when its starter dies, so that a killed test leaves nothing behind."""
    if _libc is not None:
        _libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
