"""What does a call to a subscriber meet? A second Asterisk that behaves by the number, over real SIP and RTP.

It runs as a process of its own in a private folder; a listener on its AMI writes the record of calls.
"""

import asyncio
import ctypes
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from simulator.ami import Ami, Event
from simulator.asterisk_config import AgentPhone, Network, render
from simulator.record import Record
from simulator.sounds import make_sounds

__all__ = ["AgentPhone", "MobileCall", "MobileNetwork", "Network", "free_port"]

_ROOT = Path(__file__).resolve().parent.parent
_START_S = 30.0


@dataclass
class MobileCall:
    """One call as this side saw it; times are aware UTC, None: did not happen."""

    call: str
    """The channel's unique id in the simulated network."""
    role: str
    """subscriber (called), agent (desk phone), caller (a subscriber's own call), stranger (no such)."""
    number: str
    """Whom it is about, national (0901234567); for a stranger or an agent what was dialled."""
    caller_number: str
    """From user that was shown; for the role caller what was dialled."""
    caller_name: str
    sip_call_id: str
    invite_at: datetime
    answered_at: datetime | None = None
    speech_at: datetime | None = None
    """When the first sound of the other side was heard."""
    digits: list[tuple[str, datetime]] = field(default_factory=list)
    """Keys, each with the moment at which it was sent to its end."""
    ended_at: datetime | None = None
    ended_by: str = ""
    """us (the simulated subscriber or agent) or peer."""
    cause: int = 0
    """Q.850, as this side's Asterisk has it."""

    @property
    def keys(self) -> str:
        return "".join(key for key, _ in self.digits)


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port of loopback that nobody had a moment ago."""
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class MobileNetwork:
    """The simulated mobile network; `async with` starts and stops it.

    `sip_port` 0: a free one is picked. What else `Network` knows may be given by name. Raises RuntimeError
    with the tail of Asterisk's own log when it does not come up, FileNotFoundError without `.asterisk/`.
    """

    def __init__(
        self, folder: Path, sip_port: int = 0, ring_s: float = 30.0, peer: str = "", **more: Any
    ) -> None:
        paths = json.loads((_ROOT / ".asterisk" / "paths.json").read_text(encoding="utf-8"))
        folder = folder.resolve()
        self.network = Network(
            folder=folder,
            sip_port=sip_port or free_port(),
            ring_s=ring_s,
            peer=peer,
            ami_port=free_port(socket.SOCK_STREAM),
            ami_secret=secrets.token_hex(16),
            astmoddir=paths["astmoddir"],
            astdatadir=paths["astdatadir"],
            **more,
        )
        asterisk = str(_ROOT / ".asterisk" / "bin" / "asterisk")
        self._command = [asterisk, "-f", "-C", str(folder / "etc" / "asterisk.conf")]
        self._process: asyncio.subprocess.Process | None = None
        self._ami: Ami | None = None
        self._record: Record | None = None
        self._calls: dict[str, MobileCall] = {}
        self._changed = asyncio.Event()
        self._dialled = 0

    @property
    def address(self) -> str:
        """`host:port` that a trunk dials: `sip:0901234567@address`."""
        return f"127.0.0.1:{self.network.sip_port}"

    def records(self) -> list[MobileCall]:
        """All calls since the start, in the order of their INVITEs; a number called twice is there twice."""
        return [replace(call, digits=list(call.digits)) for call in self._calls.values()]

    async def start(self) -> None:
        folder = self.network.folder
        for name in ("etc", "lib", "spool/recording", "spool/tmp", "run", "log", "sounds", "heard"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, text in render(self.network).items():
            path = folder / "etc" / name
            path.touch(mode=0o600)  # the AMI secret is in one of them
            path.write_text(text, encoding="utf-8")
        make_sounds(folder / "sounds")
        self._record = Record(folder / "calls.jsonl")
        with (folder / "log" / "output").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        try:
            await asyncio.wait_for(self._come_up(), _START_S)
        except BaseException:
            await self.stop()
            raise

    async def _come_up(self) -> None:
        assert self._process
        exited = asyncio.create_task(self._process.wait())
        try:
            while self._ami is None:
                try:
                    n = self.network
                    self._ami = await Ami.connect(n.ami_port, "simulator", n.ami_secret, self._on_event)
                except OSError:
                    done, _ = await asyncio.wait({exited}, timeout=0.05)
                    if done:
                        raise RuntimeError(
                            f"the simulator's Asterisk ended at once: {self._tail()}"
                        ) from None
            booted = asyncio.create_task(self._ami.booted.wait())
            await asyncio.wait({exited, booted}, return_when=asyncio.FIRST_COMPLETED)
            if not self._ami.booted.is_set():
                raise RuntimeError(f"the simulator's Asterisk ended while starting: {self._tail()}")
            loaded = await self._ami.request("ModuleCheck", Module="chan_pjsip")
            if loaded.get("Response") != "Success" or not _taken(self.network.sip_port):
                raise RuntimeError(f"no SIP on port {self.network.sip_port}: {self._tail()}")
        finally:
            exited.cancel()

    def _tail(self) -> str:
        found = [self.network.folder / "log" / name for name in ("messages.log", "output")]
        return "\n".join(f.read_text(errors="replace")[-1500:] for f in found if f.exists())

    async def stop(self) -> None:
        """End the network; calls that are up are dropped. May be called twice."""
        if self._ami:
            await self._ami.close()
            self._ami = None
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), 5)
            except TimeoutError:
                os.killpg(self._process.pid, signal.SIGKILL)
                await self._process.wait()
        if self._record:
            self._record.close()
            self._record = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.stop()

    async def call(
        self, from_number: str, to: str, *, talk_s: float = 5.0, keys: str = "", press_s: float = 1.0
    ) -> str:
        """A subscriber calls the call centre (`peer`): dials `to`, presses `keys` `press_s` after the answer,
        hangs up `talk_s` later. Returns the call's id at once; its fate is in records(), role caller."""
        if not self._ami or not self.network.peer:
            raise RuntimeError("the network is not up, or knows no peer to call")
        self._dialled += 1
        call = f"caller-{os.getpid()}-{time.monotonic_ns()}-{self._dialled}"
        placed = {"What": "invite", "Role": "caller", "Number": from_number, "CallerNumber": to, "Call": call}
        self._on_sim(placed, time.time())
        answer = await self._ami.request(
            "Originate",
            Channel=f"PJSIP/callcentre/sip:{to}@{self.network.peer}",
            Context="calling",
            Exten="s",
            Priority="1",
            CallerID=from_number,
            Timeout="120000",
            Async="true",
            ChannelId=call,
            variables={"KEYS": keys, "PRESS_S": str(press_s), "TALK_S": str(talk_s)},
        )
        if answer.get("Response") != "Success":
            raise RuntimeError(answer.get("Message", "the call was not placed"))
        return call

    async def wait_for(
        self, condition: Callable[[list[MobileCall]], bool], timeout_s: float = 60
    ) -> list[MobileCall]:
        """The records, once `condition(records())` holds; TimeoutError after `timeout_s`."""
        async with asyncio.timeout(timeout_s):
            while not condition(calls := self.records()):
                self._changed.clear()
                await self._changed.wait()
        return calls

    def _on_event(self, event: Event) -> None:
        wall = float(event.get("Timestamp", time.time()))
        kind = event.get("Event")
        if kind == "UserEvent" and event.get("UserEvent") == "Sim":
            self._on_sim(event, wall)
        elif kind == "Hangup":
            self._on_ended(event["Uniqueid"], int(event.get("Cause", 0)), wall)
        elif kind == "OriginateResponse" and event.get("Response") == "Failure":
            self._on_ended(event.get("Uniqueid", ""), 0, wall)

    def _on_sim(self, event: Event, wall: float) -> None:
        what, id_ = event["What"], event["Call"]
        if what == "invite":
            made = MobileCall(
                call=id_,
                role=event["Role"],
                number=unquote(event["Number"]),
                caller_number=unquote(event["CallerNumber"]),
                caller_name=unquote(event.get("CallerName", "")),
                sip_call_id=unquote(event.get("SipCallId", "")),
                invite_at=datetime.now().astimezone(),
            )
            self._calls[id_] = made
        call = self._calls[id_]
        line = self._write(what, call, wall, event)
        at = datetime.fromisoformat(line["at"])
        if what == "invite":
            call.invite_at = at
        elif what == "answered":
            call.answered_at = at
        elif what == "speech" and event.get("Status") == "NOISE":
            call.speech_at = call.speech_at or at
        elif what == "digit":
            call.digits.append((event["Digit"], at))
        elif what == "hanging-up":
            call.ended_by = "us"
        self._changed.set()

    def _on_ended(self, id_: str, cause: int, wall: float) -> None:
        call = self._calls.get(id_)
        if call is None or call.ended_at:
            return
        call.ended_by = call.ended_by or "peer"
        call.cause = cause
        line = self._write("ended", call, wall, {"Cause": str(cause), "By": call.ended_by})
        call.ended_at = datetime.fromisoformat(line["at"])
        self._changed.set()

    def _write(self, what: str, call: MobileCall, wall: float, event: Event) -> dict[str, Any]:
        assert self._record
        about: dict[str, Any] = {"call": call.call, "role": call.role, "number": call.number}
        if what == "invite":
            shown = ("caller_number", "caller_name", "sip_call_id")
            about |= {name: getattr(call, name) for name in shown}
        for name in ("Digit", "Status", "By"):
            if name in event:
                about[name.lower()] = event[name]
        if "Cause" in event:
            about["cause"] = int(event["Cause"])
        return self._record.write(what, wall=wall, **about)


def _taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Linux: SIGTERM to Asterisk when its starter dies, so that a killed test leaves nothing behind."""
    if _libc is not None:
        _libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
