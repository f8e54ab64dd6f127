"""How does one bind to an SMSC live: bind, messages, answers, unbind, end?

    async with connect(link, on_deliver) as session:
        result = await session.submit(SubmitSm(...))

What was handed to the transport counts as written. A message whose link ends is `NotWritten` when it was
still ours and `Unanswered` when it was written; nothing is ever sent twice from here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import partial
from typing import Final, cast

from smpp import codec, pdu, statuses
from smpp.alive import Alive
from smpp.codec import Frame, Framer
from smpp.errors import BindRefused, LinkError, LinkLost, NotConnected, NotWritten, Rejected
from smpp.inbound import InboundResp, Inbox, OnDeliver
from smpp.link import BindAs, Link
from smpp.outgoing import Outgoing
from smpp.pdu import Body, DataSm, DeliverSm, Pdu, ProtocolError, SubmitSm
from smpp.questions import Questions
from smpp.statuses import Verdict
from smpp.window import Answer, OnEnd, SubmitResult, Window, settle, submit_result

log = logging.getLogger(__name__)

MOST_HELD: Final = 20_000  #: PDUs held back for a peer that asks and asks but does not read
_SUBMIT_RESP: Final = pdu.SubmitSmResp.command

OnLate = Callable[[int, Answer], None]
"""An answer after its deadline: the sequence of the `Unanswered`, and what the SMSC said after all."""


class State(StrEnum):
    BINDING = "binding"
    BOUND = "bound"
    ENDING = "ending"  #: no new messages; answers to old ones are still taken
    CLOSED = "closed"


@asynccontextmanager
async def connect(link: Link, on_deliver: OnDeliver, on_late: OnLate | None = None) -> AsyncIterator[Session]:
    """A bound session; leaving it waits for the answers due, unbinds and closes.

    Raises NotConnected, BindRefused.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(link.timers.connect_s):
            _, session = await loop.create_connection(
                lambda: Session(link, on_deliver, on_late),
                link.host,
                link.port,
                ssl=link.tls,
                server_hostname=(link.server_hostname or link.host) if link.tls else None,
            )
    except TimeoutError:
        raise NotConnected(f"no connection within {link.timers.connect_s:g} s") from None
    except (OSError, UnicodeError) as error:
        raise NotConnected(f"no connection: {error}") from error
    try:
        await session.bind()
        yield session
    finally:
        await session.close()


class Session(asyncio.Protocol):
    """One TCP connection from its first octet to its last. Made by `connect`."""

    def __init__(self, link: Link, on_deliver: OnDeliver, on_late: OnLate | None) -> None:
        self.link = link
        self.state = State.BINDING
        self._inbox = Inbox(on_deliver, self._say)
        self._on_late = on_late
        self._loop = asyncio.get_running_loop()
        self._closed: asyncio.Future[LinkLost] = self._loop.create_future()
        self._framer = Framer(link.longest_pdu)
        self._sequences = pdu.sequences()
        self._questions = Questions(self._verdict)
        self._alive = Alive(link.timers, self._enquire, self._lose)
        self._last_resort: asyncio.TimerHandle | None = None
        self._reason = ""
        self._unbound_by_smsc = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._outgoing = Outgoing(self._loop, self._transport)
        take_back = self._outgoing.take_back
        self._window = Window(self._loop, self.link.window, self.link.timers.response_s, take_back)

    # --- what a caller uses -------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many messages `send` takes now."""
        return self._window.room

    @property
    def in_flight(self) -> int:
        """Messages that wait for their answers."""
        return len(self._window)

    def post(self, message: SubmitSm, on_end: OnEnd) -> None:
        """Sends at once, in order. `on_end` is told once what became of the message, while the answer is read.

        Raises NotWritten when there is no room or no bind, InvalidField when SMPP cannot carry the message;
        then `on_end` is not called.
        """
        room = self._window.room
        if room <= 0:
            raise NotWritten(self._why_no_room())
        sequence = next(self._sequences)
        octets = codec.encode(message, sequence)
        self._window.add(sequence, on_end)
        self._outgoing.write(octets)
        if room == 1:  # the window is full: no other message of this turn can join them
            self._outgoing.flush()

    def send(self, message: SubmitSm) -> asyncio.Future[SubmitResult]:
        """As `post`, with a future (3 µs more): it brings the result or raises Rejected, Unanswered, NotWritten."""
        answer: asyncio.Future[SubmitResult] = self._loop.create_future()
        self.post(message, partial(settle, answer))
        return answer

    async def submit(self, message: SubmitSm) -> SubmitResult:
        """Waits for room, sends, waits for the answer. Raises as `send` and its future do."""
        await self._window.until_room()
        return await self.send(message)

    async def until_room(self) -> int:
        """Waits until `send` takes a message, and returns how many (`room`); 0: it never will again, and says so.

        A caller that alone sends on this session need not look at `room` before each of so many.
        """
        await self._window.until_room()
        return self._window.room

    async def until_idle(self) -> None:
        """Returns when no message waits for its answer."""
        await self._window.until_idle()

    async def ask(self, request: pdu.QuerySm | pdu.CancelSm) -> Pdu:
        """One question outside the window. Raises Rejected, NotWritten, LinkLost; TimeoutError."""
        if self.state is not State.BOUND:
            raise NotWritten(self._why_no_room())
        async with asyncio.timeout(self.link.timers.response_s):
            answer = await self._request(request)
        if answer.status != statuses.OK:
            raise Rejected(answer.status, self._verdict(answer.status))
        return answer

    async def wait_closed(self) -> LinkLost:
        """Waits for the end of the connection and returns why it ended."""
        return await asyncio.shield(self._closed)

    async def close(self) -> None:
        """Takes no more messages, waits for the answers due, unbinds, closes. Each wait at most unbind_s."""
        unbind_s = self.link.timers.unbind_s
        try:
            if self.state is State.BOUND:
                self._stop("we unbound")
                await self._drain()
                async with asyncio.timeout(unbind_s):
                    await self._request(pdu.Unbind())
        except (TimeoutError, LinkError) as error:
            log.info("the unbind was not answered: %s", error or f"{unbind_s:g} s")
        finally:
            self._end("we gave up")
            await self.wait_closed()
            await self._inbox.finish(unbind_s)

    # --- binding and other questions ----------------------------------------------------------------------

    async def bind(self) -> None:
        """Raises BindRefused, NotConnected."""
        try:
            async with asyncio.timeout(self.link.timers.bind_s):
                answer = await self._request(self.link.bind_request())
        except TimeoutError:
            reason = f"the bind was not answered within {self.link.timers.bind_s:g} s"
            raise NotConnected(reason) from None
        except LinkLost as lost:
            raise NotConnected(f"during the bind: {lost}") from None
        except Rejected as nack:
            raise BindRefused(nack.status) from None
        if answer.status != statuses.OK:
            raise BindRefused(answer.status)

    def _request(self, body: Body) -> asyncio.Future[Pdu]:
        answer: asyncio.Future[Pdu] = self._loop.create_future()
        if self._transport.is_closing():
            answer.set_exception(LinkLost(self._reason or "the link is ending"))
            return answer
        sequence = next(self._sequences)
        self._questions.add(sequence, body, answer)
        self._outgoing.write(codec.encode(body, sequence))
        return answer

    def _why_no_room(self) -> str:
        if self.link.bind is BindAs.RECEIVER:
            return "a receiver does not send"
        return "the window is full" if self.state is State.BOUND else f"the link is {self.state}"

    def _verdict(self, status: int) -> Verdict:
        return statuses.verdict(status, self.link.verdicts)

    def _say(self, body: Body, sequence: int, status: int = statuses.OK) -> None:
        """An answer, or a question whose answer nobody waits for."""
        if self._transport.is_closing():
            return
        self._outgoing.write(codec.encode(body, sequence, status))
        if len(self._outgoing) > MOST_HELD:
            self._lose("the SMSC asks but does not read")

    # --- what comes in ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._alive.heard = self._loop.time()
        try:
            for command, status, sequence, octets in self._framer.cut(data):
                if command == _SUBMIT_RESP:  # also when the link ends: what is answered is no unknown
                    # The id alone is read: what follows it, or lacks, must not turn an acceptance into one.
                    self._answered(sequence, status, octets.partition(b"\0")[0].decode("latin-1"))
                elif self._transport.is_closing():
                    return
                elif command & pdu.RESPONSE:
                    self._on_response(Frame(command, status, sequence, octets))
                else:
                    self._on_request(Frame(command, status, sequence, octets))
        except ProtocolError as error:
            self._say(pdu.GenericNack(), 0, error.status)
            self._end(f"the stream is lost: {error}")

    def _answered(self, sequence: int, status: int, message_id: str) -> None:
        answer: Answer = submit_result((message_id, status))
        if status != statuses.OK and (verdict := self._verdict(status)) is not Verdict.ACCEPTED:
            answer = Rejected(status, verdict)
        if self._window.answered(sequence, answer):
            if self._unbound_by_smsc and not self._window:
                self._end(self._reason)
        elif not self._window.was_late(sequence):
            log.warning("an answer to nothing: sequence %d, %s", sequence, statuses.name_of(status))
        elif self._on_late:
            self._loop.call_soon(self._on_late, sequence, answer)

    def _on_response(self, frame: Frame) -> None:
        """A response that is not submit_sm_resp, or a generic_nack to anything of ours."""
        if frame.command == pdu.GENERIC_NACK and self._window.knows(frame.sequence):
            self._answered(frame.sequence, frame.status or statuses.UNKNOWN_ERROR, "")
        elif frame.command == pdu.EnquireLinkResp.command:
            self._alive.answered()
        elif self._questions.answered(frame) and self.state is State.BINDING and frame.status == statuses.OK:
            self._on_bound()  # here and now: messages may follow in the same read

    def _on_bound(self) -> None:
        self.state = State.BOUND
        if self.link.bind is not BindAs.RECEIVER:
            self._window.open()
        self._alive.begin()

    def _on_request(self, frame: Frame) -> None:
        if frame.command == pdu.EnquireLink.command:
            self._say(pdu.EnquireLinkResp(), frame.sequence)
            return
        if frame.command == pdu.Unbind.command:
            self._on_unbind(frame.sequence)
            return
        resp: InboundResp | None = None
        if frame.command == DeliverSm.command:
            resp = pdu.DeliverSmResp()
        elif frame.command == DataSm.command:
            resp = pdu.DataSmResp()
        try:
            body = codec.decode_body(frame)
        except ProtocolError as error:
            log.warning("unreadable: %s", error)
            self._say(resp or pdu.GenericNack(), frame.sequence, error.status)
            return
        if resp and isinstance(body, DeliverSm | DataSm):
            if self.state is State.BINDING:
                self._say(resp, frame.sequence, statuses.INVALID_BIND_STATUS)
            else:
                self._inbox.take(frame.sequence, body, resp)
        elif not isinstance(body, pdu.AlertNotification | pdu.Outbind):  # these two want no answer
            self._say(pdu.GenericNack(), frame.sequence, statuses.INVALID_COMMAND)

    def _enquire(self) -> None:
        self._say(pdu.EnquireLink(), next(self._sequences))

    def pause_writing(self) -> None:
        self._outgoing.pause()

    def resume_writing(self) -> None:
        self._outgoing.resume()

    # --- the end ------------------------------------------------------------------------------------------

    def _on_unbind(self, sequence: int) -> None:
        self._unbound_by_smsc = True
        self._stop("the SMSC unbound")
        self._window.withdraw(self._reason)  # after an unbind it would only be refused
        self._say(pdu.UnbindResp(), sequence)
        if self._window:  # their answers may still come; not for ever
            self._end_by(self._end, self._reason)
        else:
            self._end(self._reason)

    async def _drain(self) -> None:
        """Waits, unbind_s at most, until no answer is due on either side."""
        idle = self._loop.create_task(self._window.until_idle())
        try:
            await asyncio.wait({idle, *self._inbox.tasks}, timeout=self.link.timers.unbind_s)
        finally:
            idle.cancel()

    def _stop(self, reason: str) -> None:
        self.state = State.ENDING
        self._reason = self._reason or reason
        self._window.close()

    def _end(self, reason: str) -> None:
        """Closes when what is held has gone out, and after unbind_s in any case."""
        if self._closed.done():
            return
        if not self._transport.is_closing():
            self._stop(reason)
            self._window.withdraw(self._reason)
            self._outgoing.flush()
            self._transport.close()
        self._end_by(self._transport.abort)

    def _end_by(self, act: Callable[..., None], *args: str) -> None:
        if self._last_resort:
            self._last_resort.cancel()
        self._last_resort = self._loop.call_later(self.link.timers.unbind_s, act, *args)

    def _lose(self, reason: str) -> None:
        self._stop(reason)
        self._transport.abort()

    def eof_received(self) -> None:
        self._end("the SMSC closed")

    def connection_lost(self, exc: Exception | None) -> None:
        self.state = State.CLOSED
        self._reason = self._reason or (f"the connection broke: {exc}" if exc else "the SMSC closed")
        self._alive.end()
        if self._last_resort:
            self._last_resort.cancel()
        self._window.lost(self._reason)
        self._questions.lost(self._reason)
        self._closed.set_result(LinkLost(self._reason))
