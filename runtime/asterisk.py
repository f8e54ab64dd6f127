"""Is our Asterisk up? Starts, adopts, watches and stops a managed node.

It runs in a session of its own and outlives a controller that is killed: calls go on. The next controller
finds it by its pid file, proves that the process is really the one it names, and adopts it.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import aiohttp

from core.config import Config, Node
from runtime import processes
from runtime.asterisk_files import Installed, digest, render, write
from runtime.logs import log

_READY_S = 30.0
_STOP_S = 10.0
_AGAIN_FIRST_S, _AGAIN_MOST_S = 1.0, 30.0


class AsteriskTrouble(Exception):
    """A managed Asterisk does not run; the message says why and what to do, in one sentence."""


@dataclass(frozen=True)
class _Note:
    """What the pid file says: the process, when it began the digest of its settings."""

    pid: int
    started: int | None
    digest: str


class ManagedNode:
    """One Asterisk that we run ourselves, in `run_dir`/asterisk/<name>."""

    def __init__(self, config: Config, node: Node, run_dir: Path, asterisk: Installed | None) -> None:
        self.node = node
        self.folder = (run_dir / "asterisk" / node.name).resolve()
        self._config, self._asterisk = config, asterisk
        self._log = log("asterisk").bind(node=node.name)

    async def start(self) -> Literal["started", "adopted", "reloaded"]:
        """Returns when ARI answers. An Asterisk that still runs is adopted; one with other settings starts
        again when it carries no calls, else told to reload what can be reloaded.

        Raises AsteriskTrouble, BadAsteriskConfig.
        """
        made = render(self._config, self.node, self.folder, self._needed())
        found = self._running()
        if found:
            same = found.digest == digest(made)
            if same and await self._answers(found.pid):
                self._log.info("adopted the Asterisk that runs", pid=found.pid)
                return "adopted"
            if not same and await asyncio.to_thread(self._calls) > 0:
                write(made, self.folder)
                await asyncio.to_thread(self._command, "module reload")
                self._log.warning(
                    "settings changed while calls are up: reloaded; ports change at the next start"
                )
                return "reloaded"
            await self.stop()
        self._refuse_taken_ports()
        pid = self._spawn(made)
        await self._ready(pid)
        self._log.info("started", pid=pid, version=self._needed().version)
        return "started"

    async def watch(self) -> None:
        """Start Asterisk again whenever it ends, with growing pauses. Cancelling it leaves Asterisk up."""
        again_s = _AGAIN_FIRST_S
        while True:
            found = self._running()
            if found:
                lived = asyncio.get_running_loop().time()
                await _ended(found.pid)
                if asyncio.get_running_loop().time() - lived > _AGAIN_MOST_S:
                    again_s = _AGAIN_FIRST_S
                _reap(found.pid)
                self._log.error("Asterisk ended by itself, starting it again", pid=found.pid, again_s=again_s)
            await asyncio.sleep(again_s)
            again_s = min(again_s * 2, _AGAIN_MOST_S)
            try:
                await self.start()
            except AsteriskTrouble as trouble:
                self._log.error(str(trouble), again_s=again_s)

    async def stop(self) -> bool:
        """End Asterisk and all its calls, whoever started it; False when it did not run."""
        found = self._running()
        if not found:
            return False
        with suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOP_S):
                    await _ended(found.pid)
            except TimeoutError:
                self._log.warning("Asterisk did not stop in time, killing it", pid=found.pid)
                os.kill(found.pid, signal.SIGKILL)
                await _ended(found.pid)
        _reap(found.pid)
        self._note_path.unlink(missing_ok=True)
        return True

    @property
    def pid(self) -> int | None:
        """The running process; None when there is none."""
        found = self._running()
        return found.pid if found else None

    async def _answers(self, pid: int) -> bool:
        """Whether a running Asterisk answers ARI; one that does not cannot be worked with."""
        try:
            await self._ready(pid)
        except AsteriskTrouble as trouble:
            self._log.error(f"{trouble}: it is started again")
            return False
        return True

    # -- the process

    @property
    def _note_path(self) -> Path:
        return self.folder / "run" / "managed.json"

    def _needed(self) -> Installed:
        if self._asterisk is None:
            raise AsteriskTrouble("Asterisk is missing: run `make setup`, which puts it into .asterisk/")
        return self._asterisk

    def _running(self) -> _Note | None:
        """The Asterisk that runs on our files: the one that was noted, or one whose starter was killed before
        it could note it."""
        noted = self._note()
        if noted and self._is_ours(noted):
            return noted
        strays = (pid for pid in _our_processes() if {b"-f", str(self._conf).encode()} <= {*_arguments(pid)})
        return next((_Note(pid, _started_at(pid), "not noted") for pid in strays), None)

    def _note(self) -> _Note | None:
        try:
            return _Note(**json.loads(self._note_path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _is_ours(self, note: _Note) -> bool:
        """The process has the start time of the note and runs on our configuration file."""
        return (
            note.started is not None
            and _started_at(note.pid) == note.started
            and str(self._conf).encode() in _arguments(note.pid)
        )

    @property
    def _conf(self) -> Path:
        return self.folder / "etc" / "asterisk.conf"

    def _spawn(self, made: dict[str, str]) -> int:
        written = write(made, self.folder)
        command = [*self._needed().command, "-f", "-C", str(self._conf)]
        console, appending = str(self.folder / "log" / "console.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND
        # Not subprocess.Popen: this process is meant to be left running, which Popen takes for a leak.
        pid = os.posix_spawnp(
            command[0],
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, console, appending, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        note = _Note(pid, _started_at(pid), written)
        fresh = self._note_path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(note)))
        fresh.replace(self._note_path)
        return pid

    async def _ready(self, pid: int) -> None:
        """Returns when ARI answers with our password. While Asterisk boots it says 404 and then 503."""
        gone = asyncio.ensure_future(_ended(pid))
        secret = self.node.password.get_secret_value()
        auth = {"Authorization": aiohttp.encode_basic_auth(self.node.user, secret)}
        said = "it does not answer"
        try:
            async with asyncio.timeout(_READY_S), aiohttp.ClientSession(headers=auth) as session:
                while not gone.done():
                    try:
                        async with session.get(f"{self.node.ari_url}/ari/asterisk/ping") as answer:
                            if answer.status == 200:
                                return
                            said = f"it answers {answer.status}"
                    except aiohttp.ClientError as error:
                        said = str(error)
                    await asyncio.wait([gone], timeout=0.05)
        except TimeoutError:
            raise AsteriskTrouble(
                f"Asterisk {self.node.name} is not ready after {_READY_S:g} s ({said}): "
                f"see {self.folder / 'log'}"
            ) from None
        finally:
            gone.cancel()
        _reap(pid)
        raise AsteriskTrouble(f"Asterisk {self.node.name} ended at start: {self._last_words()}")

    def _last_words(self) -> str:
        """The last thing it said, for people."""
        for name in ("console.log", "messages.log"):
            with suppress(FileNotFoundError):
                lines = (self.folder / "log" / name).read_text(errors="replace").strip().splitlines()
                told = [line for line in lines[-20:] if "ERROR" in line or "nable" in line]
                if told:
                    return f"{told[-1][:200]} (more in {self.folder / 'log' / name})"
        return f"it says nothing; see {self.folder / 'log'}"

    def _calls(self) -> int:
        """How many channels are up; 1 when it does not say, so that nothing is cut off in doubt; 0 when it stands still."""
        try:
            words = self._command("core show channels count").split()
        except subprocess.TimeoutExpired:
            self._log.error("Asterisk does not answer on its console: it is started again")
            return 0
        return int(words[0]) if words and words[0].isdigit() else 1

    def _command(self, command: str) -> str:
        done = subprocess.run(
            [*self._needed().command, "-C", str(self._conf), "-rx", command],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return done.stdout

    def _refuse_taken_ports(self) -> None:
        """One clear sentence instead of an Asterisk that starts deaf."""
        ari = self.node.ari_url.partition("//")[2]
        wanted = [("ari_url", ari, socket.SOCK_STREAM), ("sip_bind", self.node.sip_bind, socket.SOCK_DGRAM)]
        if self.node.ami_port:
            wanted.append(("ami_port", f"127.0.0.1:{self.node.ami_port}", socket.SOCK_STREAM))
        for key, address, kind in wanted:
            host, _, port = address.rpartition(":")
            host = host.strip("[]")
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
                if kind is socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, int(port)))
                except OSError as error:
                    raise AsteriskTrouble(
                        f"node {self.node.name}: {key} {address} cannot be used ({error.strerror}): "
                        "another program has it, or the address is not of this machine"
                    ) from None


def _started_at(pid: int) -> int | None:
    """When a process began, in ticks since boot (proc(5), stat field 22); None: gone, or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def _arguments(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def _our_processes() -> Iterator[int]:
    """Processes of the user that we are."""
    for entry in Path("/proc").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            if entry.name.isdigit() and entry.stat().st_uid == os.geteuid():
                yield int(entry.name)


async def _ended(pid: int) -> None:
    """Returns when a process, ours or adopted, has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await processes.ended(descriptor)
    finally:
        os.close(descriptor)


def _reap(pid: int) -> None:
    """Take the exit status of a process that has ended, if it was our child; else its parent does."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
