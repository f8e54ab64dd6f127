"""What does our Asterisk meet on a trunk? A callee of a few lines that answers SIP exactly as a test says.

One UDP socket for SIP and one for RTP per call. Behaviour by the number called: a coroutine over a `Leg`.
"""

import asyncio
import re
import secrets
import struct
from collections.abc import Callable, Coroutine
from typing import Any, Self

Behaviour = Callable[["Leg"], Coroutine[Any, Any, None]]
_KEYS = "0123456789*#"


class _Rtp(asyncio.DatagramProtocol):
    """Counts what arrives and notes when sound (not silence) is heard."""

    def __init__(self) -> None:
        self.packets = 0
        self.heard = asyncio.Event()
        self.loud: list[float] = []

    def datagram_received(self, data: bytes, _: Any) -> None:
        self.packets += 1
        # A-law and mu-law silence are runs of one octet; a tone is not.
        if data[1] & 0x7F in (0, 8) and len(set(data[12:])) > 4:
            self.loud.append(asyncio.get_running_loop().time())
            self.heard.set()


class Leg:
    """One INVITE that came, from the callee's side."""

    def __init__(self, callee: "Callee", invite: str, address: tuple[str, int]) -> None:
        self.callee, self.invite, self.address = callee, invite, address
        self.number = _user(invite)
        self.requests: list[str] = ["INVITE"]
        self.changed = asyncio.Event()
        self.final = False
        self.last = b""
        self.cseq = 1
        self.rtp: _Rtp | None = None
        self._rtp_transport: asyncio.DatagramTransport | None = None
        self._seq = 1

    def header(self, name: str) -> str:
        return header(self.invite, name)

    def reply(self, code: int, *more: str, body: str = "") -> None:
        """Answer the INVITE; `more`: further header lines."""
        self.final = code >= 200
        self.last = self.callee.response(self.invite, code, *more, body=body)
        self.callee.transport.sendto(self.last, self.address)

    async def answer(self) -> None:
        """200 with sound both ways; returns when the ACK came."""
        loop = asyncio.get_running_loop()
        self._rtp_transport, self.rtp = await loop.create_datagram_endpoint(_Rtp, local_addr=("127.0.0.1", 0))
        port = self._rtp_transport.get_extra_info("sockname")[1]
        self.callee.rtp.append(self._rtp_transport)
        body = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
            "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
        )
        self.reply(200, "Content-Type: application/sdp", body=body)
        await self.wait_for("ACK")

    async def press(self, key: str) -> None:
        """One key as RFC 4733 events, 100 ms."""
        assert self._rtp_transport
        port = int(re.search(r"m=audio (\d+)", self.invite)[1])  # type: ignore[index]
        stamp = self._seq * 1000
        for step in range(1, 8):
            end = 0x80 if step > 4 else 0
            payload = struct.pack("!BBH", _KEYS.index(key), end | 10, min(step, 5) * 160)
            head = struct.pack("!BBHII", 0x80, 101 | (0x80 if step == 1 else 0), self._seq, stamp, 7)
            self._rtp_transport.sendto(head + payload, ("127.0.0.1", port))
            self._seq += 1
            await asyncio.sleep(0.02 if step < 5 else 0)

    async def speak(self, *seconds: float) -> None:
        """Sound and silence in turns, sound first, in A-law packets of 20 ms at their pace."""
        assert self._rtp_transport
        port = int(re.search(r"m=audio (\d+)", self.invite)[1])  # type: ignore[index]
        loud, quiet = (b"\x3a" * 10 + b"\xba" * 10) * 8, b"\xd5" * 160
        for place, length in enumerate(seconds):
            for _ in range(round(length * 50)):
                head = struct.pack("!BBHII", 0x80, 8, self._seq, self._seq * 160, 7)
                self._rtp_transport.sendto(head + (quiet if place % 2 else loud), ("127.0.0.1", port))
                self._seq += 1
                await asyncio.sleep(0.02)

    async def hear(self) -> None:
        """Returns when the prompt begins to be heard."""
        assert self.rtp
        await self.rtp.heard.wait()

    def bye(self) -> None:
        """The callee hangs up."""
        contact = re.search(r"<(sip:[^>]+)>", self.header("Contact"))
        assert contact
        self.cseq += 1
        text = (
            f"BYE {contact[1]} SIP/2.0\r\nVia: SIP/2.0/UDP {self.callee.address};branch=z9hG4bK"
            f"{secrets.token_hex(8)}\r\nMax-Forwards: 70\r\nFrom: {self.header('To')};tag=callee\r\n"
            f"To: {self.header('From')}\r\nCall-ID: {self.header('Call-ID')}\r\n"
            f"CSeq: {self.cseq} BYE\r\nContent-Length: 0\r\n\r\n"
        )
        self.callee.transport.sendto(text.encode(), self.address)

    async def wait_for(self, method: str) -> None:
        """Returns when our Asterisk has sent this request for the call: ACK, CANCEL or BYE."""
        while method not in self.requests:
            self.changed.clear()
            await self.changed.wait()


class Callee(asyncio.DatagramProtocol):
    """`async with Callee(port) as callee`, then `callee.behaves[number] = behaviour`. Port 0: a free one."""

    def __init__(self, port: int = 0) -> None:
        self._wanted = port
        self.behaves: dict[str, Behaviour] = {}
        self.legs: list[Leg] = []
        self.rtp: list[asyncio.DatagramTransport] = []
        self.faults: list[BaseException] = []
        self._by_call: dict[str, Leg] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", self._wanted)
        )
        self.port: int = self.transport.get_extra_info("sockname")[1]
        self.address = f"127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for transport in [*self.rtp, self.transport]:
            transport.close()

    async def leg(self, number: str) -> Leg:
        """The first call to a number, as soon as it arrives."""
        while True:
            found = [leg for leg in self.legs if leg.number == number]
            if found:
                return found[0]
            self._arrived.clear()
            await self._arrived.wait()

    async def arrived(self) -> None:
        """The next INVITE."""
        self._arrived.clear()
        await self._arrived.wait()

    def response(self, request: str, code: int, *more: str, body: str = "") -> bytes:
        """A response to a request, with its Via, From, To, Call-ID and CSeq."""
        vias = re.findall(r"^Via: .*$", request, re.MULTILINE)
        to = header(request, "To")
        lines = [
            f"SIP/2.0 {code} X",
            *(via.rstrip("\r") for via in vias),
            f"From: {header(request, 'From')}",
            f"To: {to if 'tag=' in to or code == 100 else to + ';tag=callee'}",
            f"Call-ID: {header(request, 'Call-ID')}",
            f"CSeq: {header(request, 'CSeq')}",
            f"Contact: <sip:callee@{self.address}>" if not any("Contact:" in m for m in more) else "",
            *more,
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(line for line in lines if line) + "\r\n\r\n" + body).encode()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        text = data.decode()
        method = text.split(" ", 1)[0]
        if method == "SIP/2.0":
            return
        call = header(text, "Call-ID")
        leg = self._by_call.get(call)
        if method == "INVITE" and leg is None:
            leg = self._by_call[call] = Leg(self, text, address)
            self.legs.append(leg)
            self._arrived.set()
            self._run(leg)
        elif method == "INVITE" and leg is not None:
            if leg.last:
                self.transport.sendto(leg.last, address)
        elif leg is not None:
            leg.requests.append(method)
            leg.changed.set()
            if method != "ACK":
                self.transport.sendto(self.response(text, 200), address)
            if method == "CANCEL" and not leg.final:
                leg.reply(487)
        elif method != "ACK":
            self.transport.sendto(self.response(text, 200), address)

    def _run(self, leg: Leg) -> None:
        async def run() -> None:
            try:
                await self.behaves[leg.number](leg)
            except Exception as fault:  # shown by the test that looks at `faults`
                self.faults.append(fault)
                raise

        self._tasks.add(asyncio.create_task(run()))


def answers(*codes: int, more: tuple[str, ...] = ()) -> Behaviour:
    """A callee who answers with these codes, one after the other."""

    async def behaviour(leg: Leg) -> None:
        for code in codes:
            leg.reply(code, *(more if code >= 200 else ()))

    return behaviour


def header(message: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def _user(invite: str) -> str:
    found = re.match(r"INVITE sips?:([^@]+)@", invite)
    return found[1] if found else ""
