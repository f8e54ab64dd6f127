"""Who calls us? A caller of a few lines who sends an INVITE over the trunk and notes what is answered."""

import asyncio
import secrets
from typing import Self

from tests.asterisk.callee import header


class Caller(asyncio.DatagramProtocol):
    """`async with Caller(sip) as caller`; one call each."""

    def __init__(self, sip: tuple[str, int]) -> None:
        self._sip = sip
        self.codes: list[int] = []
        self._changed = asyncio.Event()
        self._final = ""
        self._from = self._to = ""
        #: In Call-ID and branch: Asterisk takes a request with a branch of the last 32 s for one sent again.
        self._unique = secrets.token_hex(8)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._address = "127.0.0.1:{}".format(self._transport.get_extra_info("sockname")[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def invite(self, number: str, *, caller: str, name: str = "") -> None:
        """Send the INVITE; `caller` and `name` go into From as they are."""
        host, port = self._sip
        self._to = f"<sip:{number}@{host}:{port}>"
        self._from = f'"{name}" <sip:{caller}@{self._address}>;tag=caller'
        body = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            "m=audio 9 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
        self._send("INVITE", 1, self._to, body)

    async def final(self) -> int:
        """The final answer to the INVITE, acknowledged."""
        while not self._final:
            self._changed.clear()
            await self._changed.wait()
        return self.codes[-1]

    def bye(self) -> None:
        self._send("BYE", 2, header(self._final, "To"))

    def cancel(self) -> None:
        self._send("CANCEL", 1, self._to)

    def datagram_received(self, data: bytes, _: object) -> None:
        text = data.decode()
        if not text.startswith("SIP/2.0"):
            self._ok(text)
        elif header(text, "CSeq").endswith("INVITE"):
            code = int(text.split(" ", 2)[1])
            self.codes.append(code)
            if code >= 200:
                self._final = text
                self._send("ACK", 1, header(text, "To"))
            self._changed.set()

    def _send(self, method: str, cseq: int, to: str, body: str = "") -> None:
        uri = self._to.strip("<>")
        branch = f"z9hG4bK{self._unique}{cseq}"
        text = (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self._address};branch={branch}\r\n"
            f"Max-Forwards: 70\r\nFrom: {self._from}\r\nTo: {to}\r\nCall-ID: call-{self._unique}\r\n"
            f"CSeq: {cseq} {method}\r\nContact: <sip:caller@{self._address}>\r\n"
            + ("Content-Type: application/sdp\r\n" if body else "")
            + f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._transport.sendto(text.encode(), self._sip)

    def _ok(self, request: str) -> None:
        """200 to whatever Asterisk asks: its BYE."""
        lines = [f"{name}: {header(request, name)}" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
        text = "\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""])
        self._transport.sendto(text.encode(), self._sip)
