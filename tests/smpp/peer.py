"""An SMSC on loopback that does exactly what a test tells it, one conversation per connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from smpp import codec, pdu
from smpp.inbound import Inbound
from smpp.link import Link, Timers
from smpp.pdu import Body, Pdu, SubmitSm
from smpp.session import Session

PATIENCE_S = 10  #: no wait of a test is longer

Script = Callable[["Peer"], Awaitable[None]]

#: Deadlines that no test reaches unless it shortens one.
PATIENT = Timers(enquire_s=60, response_s=60, unbind_s=5)


MESSAGE = SubmitSm("8989", "84901234567", b"xin chao", 3, 0, 1, 1)


def message(number: int) -> SubmitSm:
    return replace(MESSAGE, short_message=b"%d" % number)


class Peer:
    """The SMSC's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._framer = codec.Framer()
        self._frames: list[codec.Frame] = []

    async def read(self) -> Pdu | None:
        """The next PDU; None when the client has closed."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._frames:
                data = await self._reader.read(65_536)
                if not data:
                    return None
                self._frames.extend(self._framer.feed(data))
        frame = self._frames.pop(0)
        return Pdu(frame.sequence, frame.status, codec.decode_body(frame))

    async def expect(self, kind: type[Body]) -> Pdu:
        one = await self.read()
        assert one is not None, f"closed instead of {kind.__name__}"
        assert isinstance(one.body, kind), one
        return one

    async def expect_messages(self, count: int) -> list[Pdu]:
        return [await self.expect(pdu.SubmitSm) for _ in range(count)]

    async def read_to_the_end(self) -> list[Pdu]:
        """What the client still says until it closes; a reset is an end too."""
        said = []
        with suppress(ConnectionError):  # the octets before a reset are what counts
            while one := await self.read():
                said.append(one)
        return said

    def say(self, body: Body, sequence: int, status: int = 0) -> None:
        self._writer.write(codec.encode(body, sequence, status))

    def accept(self, message: Pdu, message_id: str | None = None) -> None:
        self.say(
            pdu.SubmitSmResp(f"id{message.sequence}" if message_id is None else message_id), message.sequence
        )

    def write(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def write_in_pieces(self, octets: bytes, sizes: Iterable[int]) -> None:
        """Each piece leaves by itself: the client may see any of the borders."""
        at = 0
        for size in sizes:
            self._writer.write(octets[at : at + size])
            await self._writer.drain()
            await asyncio.sleep(0)
            at += size
        self._writer.write(octets[at:])

    async def accept_bind(self) -> Body:
        one = await self.read()
        assert one is not None
        answers: dict[type[Body], Body] = {
            pdu.BindTransceiver: pdu.BindTransceiverResp("SMSC"),
            pdu.BindTransmitter: pdu.BindTransmitterResp("SMSC"),
            pdu.BindReceiver: pdu.BindReceiverResp("SMSC"),
        }
        self.say(answers[type(one.body)], one.sequence)
        return one.body

    async def accept_unbind(self) -> None:
        one = await self.expect(pdu.Unbind)
        self.say(pdu.UnbindResp(), one.sequence)
        assert await self.read() is None

    def hang_up(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def smsc(*scripts: Script) -> AsyncIterator[Link]:
    """The link to an SMSC whose nth connection follows the nth script. A script's failure fails the test."""
    loop = asyncio.get_running_loop()
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in scripts]
    waiting = list(zip(scripts, ends, strict=True))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script, end = waiting.pop(0)
        try:
            await script(Peer(reader, writer))
            end.set_result(None)
        except Exception as error:
            end.set_exception(error)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Link("127.0.0.1", port, "us", "secret", timers=PATIENT)
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*ends)
    finally:
        server.close()


def hurried(link: Link, **timers: float) -> Link:
    """The same link with some deadlines shortened, so that a test that needs one passes soon."""
    return replace(link, timers=replace(link.timers, **timers))


async def store_nothing(_: Inbound) -> int:
    raise AssertionError("nothing comes in here")


async def outcomes(*answers: asyncio.Future[Any]) -> list[Any]:
    """What each answer brought: its result or its error."""
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(*answers, return_exceptions=True)


async def closed(session: Session) -> str:
    async with asyncio.timeout(PATIENCE_S):
        return str(await session.wait_closed())
