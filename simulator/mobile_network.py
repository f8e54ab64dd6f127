"""What does a call to a subscriber meet? A second Asterisk that behaves by the number, over real SIP and RTP.

It runs as a process of its own in a private folder; a listener on its AMI writes the record of calls.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from simulator.ami import Event
from simulator.asterisk_config import AgentPhone, Network, render
from simulator.asterisk_process import Asterisk
from simulator.ports import free_port
from simulator.record import Record
from simulator.sounds import make_sounds

__all__ = ["AgentPhone", "MobileCall", "MobileNetwork", "Network"]

_ROOT = Path(__file__).resolve().parent.parent
_START_S = 30.0


#: How long a key is sent (extensions.conf, [press]).
_PRESS_S = 0.12


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
    ringing_at: datetime | None = None
    """When 180 was sent."""
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
    sip_code: str = ""
    """For the role caller: the SIP status that ended the call, if one did."""

    @property
    def keys(self) -> str:
        return "".join(key for key, _ in self.digits)


class MobileNetwork:
    """The simulated mobile network; `async with` starts and stops it.

    `sip_port` 0: a free one is picked. What else `Network` knows may be given by name. Raises RuntimeError
    with the tail of Asterisk's log when it does not come up, FileNotFoundError without `.asterisk/`.
    """

    def __init__(
        self, folder: Path, sip_port: int = 0, ring_s: float = 30.0, peer: str = "", **more: Any
    ) -> None:
        folder = folder.resolve()
        self.network = Network(
            folder=folder, sip_port=sip_port or free_port(socket.SOCK_DGRAM), ring_s=ring_s, peer=peer, **more
        )
        self._asterisk = Asterisk(folder, render(self.network), self._on_event)
        self._record: Record | None = None
        self._calls: dict[str, MobileCall] = {}
        self._changed = asyncio.Event()
        self._pressing: dict[str, tuple[str, float]] = {}
        """Call → a key that is being sent, and when it will have been."""
        self._registered: set[str] = set()
        self._lost = False
        self._dialled = 0

    @property
    def address(self) -> str:
        """`host:port` that a trunk dials: `sip:0901234567@address`."""
        return f"127.0.0.1:{self.network.sip_port}"

    def records(self) -> list[MobileCall]:
        """All calls since the start, in the order of their INVITEs; a number called twice is there twice."""
        return [replace(call, digits=list(call.digits)) for call in self._calls.values()]

    async def start(self) -> None:
        """Up and answering on its SIP port when this returns."""
        folder = self.network.folder
        if _taken(self.network.sip_port):
            raise RuntimeError(f"SIP port {self.network.sip_port} of 127.0.0.1 is in use by another program")
        (folder / "heard").mkdir(parents=True, exist_ok=True)
        make_sounds(folder / "sounds")
        self._record = Record(folder / "calls.jsonl")
        await self._asterisk.start()
        if not _taken(self.network.sip_port):
            await self.stop()
            raise RuntimeError(f"no SIP on port {self.network.sip_port}: {self._asterisk.tail()}")

    async def stop(self) -> None:
        """End the network; calls that are up are dropped. May be called twice."""
        await self._asterisk.stop()
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
        """A subscriber calls the call centre (`peer`): dials `to`, presses `keys` `press_s` apart,
        hangs up `talk_s` later. Returns the call's id at once; its fate is in records(), role caller."""
        if not self._asterisk.ami or not self.network.peer:
            raise RuntimeError("the network is not up, or knows no peer to call")
        self._dialled += 1
        call = f"caller-{os.getpid()}-{time.monotonic_ns()}-{self._dialled}"
        placed = {"What": "invite", "Role": "caller", "Number": from_number, "CallerNumber": to, "Call": call}
        self._on_sim(placed, time.time())
        answer = await self._asterisk.ami.request(
            "Originate",
            Channel=f"PJSIP/callcentre/sip:{to}@{self.network.peer}",
            Context="calling",
            Exten="s",
            Priority="1",
            CallerID=from_number,
            Timeout="120000",
            Async="true",
            ActionID=call,
            ChannelId=call,
            variables={"KEYS": keys, "PRESS_S": str(press_s), "TALK_S": str(talk_s)},
        )
        if answer.get("Response") != "Success":
            raise RuntimeError(answer.get("Message", "the call was not placed"))
        return call

    async def wait_for(
        self, condition: Callable[[list[MobileCall]], bool], timeout_s: float = 60
    ) -> list[MobileCall]:
        """The records, once `condition(records())` holds; TimeoutError after `timeout_s`, RuntimeError when the
        network's Asterisk has died meanwhile."""
        async with asyncio.timeout(timeout_s):
            while not condition(calls := self.records()):
                if self._lost:
                    raise RuntimeError(f"the simulated network is gone: {self._asterisk.tail()}")
                self._changed.clear()
                await self._changed.wait()
        return calls

    async def wait_registered(self, timeout_s: float = 30) -> None:
        """Until every agent's phone that registers has done so; TimeoutError otherwise."""
        wanted = {agent.name for agent in self.network.agents if not agent.static}
        await self.wait_for(lambda _: wanted <= self._registered, timeout_s)

    def _on_event(self, event: Event) -> None:
        wall = float(event.get("Timestamp", time.time()))
        kind = event.get("Event")
        if kind == "UserEvent" and event.get("UserEvent") == "Sim":
            self._on_sim(event, wall)
        elif kind == "Lost" and self._record:
            self._lost = True
            self._record.write("lost")
            self._changed.set()
        elif kind == "Hangup":
            self._on_ended(event["Uniqueid"], event, wall)
        elif kind == "Registry" and self._record:
            agent = event["Username"].removeprefix("sip:").partition("@")[0]
            self._record.write("registry", wall=wall, agent=agent, status=event["Status"])
            (self._registered.add if event["Status"] == "Registered" else self._registered.discard)(agent)
            self._changed.set()
        elif kind == "OriginateResponse" and event["Response"] == "Failure" and event["Uniqueid"] == "<null>":
            self._on_ended(event["ActionID"], event, wall)  # no channel was made: no Hangup will come

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
        if what == "pressing":
            self._pressing[id_] = (event["Digit"], wall + _PRESS_S)
            return
        self._pressing.pop(id_, None)
        line = self._write(what, call, wall, event)
        at = datetime.fromisoformat(line["at"])
        if what == "invite":
            call.invite_at = at
        elif what == "ringing":
            call.ringing_at = at
        elif what == "answered":
            call.answered_at = at
        elif what == "speech" and event.get("Status") == "NOISE":
            call.speech_at = call.speech_at or at
        elif what == "digit":
            call.digits.append((event["Digit"], at))
        elif what == "hanging-up":
            call.ended_by = "us"
        self._changed.set()

    def _on_ended(self, id_: str, event: Event, wall: float) -> None:
        call = self._calls.get(id_)
        if call is None or call.ended_at:
            return
        pressed, pressed_at = self._pressing.pop(id_, ("", 0.0))
        if pressed and pressed_at <= wall:  # sent to its end, and heard by a peer who hung up at once
            self._on_sim({"What": "digit", "Call": id_, "Digit": pressed}, pressed_at)
        call.ended_by = call.ended_by or "peer"
        call.cause, call.sip_code = int(event.get("Cause", 0)), event.get("TechCause", "")
        line = self._write("ended", call, wall, {"By": call.ended_by})
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
        if what == "ended":
            about |= {"cause": call.cause, "sip_code": call.sip_code}
        return self._record.write(what, wall=wall, **about)


def _taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
