"""What does somebody who calls the simulated network see? A bare Asterisk: dials, plays, reads keys.

It judges the simulator with Asterisk's own applications (Read, Playback) and AMI events.
"""

import asyncio
import socket
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator import bare_asterisk
from simulator.ami import Event
from simulator.asterisk_process import Asterisk
from simulator.ports import free_port
from simulator.sounds import make_sounds

_MODULES = """
res_pjsip_registrar res_pjsip_authenticator_digest res_pjsip_endpoint_identifier_user
res_pjsip_endpoint_identifier_anonymous codec_ulaw app_dial app_playback func_callerid
func_channel func_logic func_timeout func_uri bridge_simple bridge_builtin_features
"""

_PJSIP = """\
[anonymous](media)
context=inbound
[agent1](media)
context=nowhere
aors=agent1
auth=agent1
[agent1]
type=aor
max_contacts=1
[agent1]
type=auth
auth_type=userpass
username=agent1
password=desk
"""

# The prompt is the greeting twice, 5 s with a pause; a key is taken at any time, and for 4 s after it.
_EXTENSIONS = """\
[menu]
exten => s,1,UserEvent(Test,What: answered,Call: ${{UNIQUEID}})
 same => n,Set(TRIES=0)
 same => n(again),Read(KEY,{sounds}/greeting&{sounds}/greeting,1,,1,4)
 same => n,UserEvent(Test,What: key,Key: ${{KEY}},Call: ${{UNIQUEID}})
 same => n,Set(TRIES=$[${{TRIES}} + 1])
 same => n,GotoIf($["${{KEY}}" = "5" & ${{TRIES}} < 2]?again)
 same => n,Hangup(16)
exten => h,1,UserEvent(Test,What: over,Call: ${{UNIQUEID}})
[inbound]
exten => 9090,1,Set(CALLERID(name)=C90N, 90.000đ)
 same => n,Dial(PJSIP/agent1,20)
exten => 9099,1,Hangup(21)
exten => 9091,1,Answer()
 same => n,Read(KEY,{sounds}/beep,1,,1,5)
 same => n,UserEvent(Test,What: key,Key: ${{KEY}},Call: inbound)
 same => n,Hangup(16)
[nowhere]
"""


@dataclass
class Seen:
    """One dialled call, as the caller's own Asterisk reports it."""

    number: str
    placed: bool = True
    answered: bool = False
    keys: str = ""
    cause: int = 0
    sip_code: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Caller:
    """`async with Caller(folder, network_address) as caller: seen = await caller.dial("0901234501")`."""

    def __init__(self, folder: Path, network: str = "127.0.0.1:9") -> None:
        make_sounds(folder / "sounds")
        self.port = free_port(socket.SOCK_DGRAM)
        extensions = _EXTENSIONS.format(sounds=(folder / "sounds").resolve())
        files = bare_asterisk.files(
            self.port, network, (25000, 27999), extensions, modules=_MODULES, pjsip=_PJSIP
        )
        self.asterisk = Asterisk(folder, files, self._on_event)
        self.inbound_keys: list[str] = []
        self.network = network
        self._seen: dict[str, Seen] = {}
        self._count = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.asterisk.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.asterisk.stop()

    async def dial(self, number: str, ring_s: float = 30, caller_id: str = "mAI <8989>") -> Seen:
        """The whole call: rings for at most `ring_s`, plays the prompt, reads a key, hangs up."""
        assert self.asterisk.ami
        self._count += 1
        call = (
            f"test-{self._count:04d}"  # Asterisk refuses an id that begins the id of another living channel
        )
        seen = self._seen[call] = Seen(number)
        await self.asterisk.ami.request(
            "Originate",
            Channel=f"PJSIP/trunk/sip:{number}@{self.network}",
            Context="menu",
            Exten="s",
            Priority="1",
            CallerID=caller_id,
            Timeout=str(int(ring_s * 1000)),
            Async="true",
            ActionID=call,
            ChannelId=call,
        )
        async with asyncio.timeout(90):
            await seen.over.wait()
        if not seen.placed:
            raise RuntimeError(f"the call to {number} was not placed")
        return seen

    def _on_event(self, event: Event) -> None:
        seen = self._seen.get(event.get("Call", event.get("Uniqueid", "")))
        what = event.get("What", event["Event"])
        if what == "key" and event["Call"] == "inbound":
            self.inbound_keys.append(event.get("Key", ""))
        if what == "OriginateResponse" and event["Uniqueid"] == "<null>":
            seen = self._seen[event["ActionID"]]
            seen.placed = False
            seen.over.set()
        if seen is None:
            return
        if what == "answered":
            seen.answered = True
        elif what == "key":
            seen.keys += event.get("Key", "")
        elif what == "Hangup":
            seen.cause, seen.sip_code = int(event.get("Cause", 0)), event.get("TechCause", "")
            seen.over.set()
