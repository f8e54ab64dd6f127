"""How does an independent client speak SMPP? A bare one: PDUs by smpplib, the stream read here."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Self

from smpplib import smpp

WAIT_S = 5.0


class Esme:
    """`async with Esme(port) as esme: await esme.bind()`. Requests are answered only by `reply`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sequence = 0
        self.unread: deque[Any] = deque()
        """What came while something else was waited for."""

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.writer.close()

    def send(self, command: str, **fields: Any) -> int:
        """Write one request; its sequence number."""
        self.sequence += 1
        self.writer.write(smpp.make_pdu(command, client=self, sequence=self.sequence, **fields).generate())
        return self.sequence

    def next_sequence(self) -> int:
        return self.sequence

    def reply(self, to: Any, status: int = 0) -> None:
        fields = {"message_id": ""} if to.command == "deliver_sm" else {}
        pdu = smpp.make_pdu(f"{to.command}_resp", client=self, **fields)
        pdu.sequence, pdu.status = to.sequence, status
        self.writer.write(pdu.generate())

    async def read(self) -> Any:
        """The next PDU from the wire; EOFError at the end of the stream, TimeoutError after 5 s."""
        async with asyncio.timeout(WAIT_S):
            head = await self.reader.readexactly(4)
            return smpp.parse_pdu(
                head + await self.reader.readexactly(int.from_bytes(head, "big") - 4), client=self
            )

    async def expect(self, command: str, sequence: int | None = None) -> Any:
        """The next PDU of this command (and sequence); others are kept for later."""
        for pdu in list(self.unread):
            if pdu.command == command and sequence in (None, pdu.sequence):
                self.unread.remove(pdu)
                return pdu
        while True:
            pdu = await self.read()
            if pdu.command == command and sequence in (None, pdu.sequence):
                return pdu
            self.unread.append(pdu)

    async def ask(self, command: str, **fields: Any) -> Any:
        """A request and its response."""
        sequence = self.send(command, **fields)
        return await self.expect(f"{command}_resp", sequence)

    async def bind(self, mode: str = "transceiver", system_id: str = "mai", password: str = "secret") -> Any:
        return await self.ask(f"bind_{mode}", system_id=system_id, password=password, interface_version=0x34)

    def submit(
        self, text: bytes = b"hi", number: str = "84901234567", sender: str = "8989", **more: Any
    ) -> int:
        fields = {
            "source_addr": sender,
            "destination_addr": number,
            "short_message": text,
            "registered_delivery": 1,
        }
        return self.send("submit_sm", **(fields | more))

    async def submitted(self, **more: Any) -> Any:
        """A submit and its response."""
        return await self.expect("submit_sm_resp", self.submit(**more))
