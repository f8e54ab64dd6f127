"""What of ours, besides messages, waits for an answer? Binds, unbinds and queries, each with a future."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from smpp import codec, pdu, statuses
from smpp.codec import Frame
from smpp.errors import LinkLost, Rejected
from smpp.pdu import Body, Pdu, ProtocolError
from smpp.statuses import Verdict

log = logging.getLogger(__name__)


class Questions:
    """The questions of one session between their sending and their answer."""

    def __init__(self, verdict: Callable[[int], Verdict]) -> None:
        self._verdict = verdict
        self._open: dict[int, tuple[int, asyncio.Future[Pdu]]] = {}  # by sequence: the response's command

    def add(self, sequence: int, body: Body, answer: asyncio.Future[Pdu]) -> None:
        """A question that is being sent. Its future brings the answer or raises Rejected, LinkLost."""
        self._open[sequence] = (body.command | pdu.RESPONSE, answer)
        answer.add_done_callback(lambda _: self._open.pop(sequence, None))

    def answered(self, frame: Frame) -> bool:
        """Hands the answer to whoever asked. False: nobody did, it is a nack or it cannot be read."""
        nack = frame.command == pdu.GENERIC_NACK
        expected, answer = self._open.get(frame.sequence, (0, None))
        if answer is None or answer.done() or not (nack or frame.command == expected):
            said = statuses.name_of(frame.status)
            log.warning("stray %#010x, sequence %d, %s", frame.command, frame.sequence, said)
            return False
        if nack:
            status = frame.status or statuses.UNKNOWN_ERROR
            answer.set_exception(Rejected(status, self._verdict(status)))
            return False
        try:
            answer.set_result(Pdu(frame.sequence, frame.status, codec.decode_body(frame)))
        except ProtocolError as error:
            answer.set_exception(LinkLost(str(error)))
            return False
        return True

    def lost(self, reason: str) -> None:
        """The link is gone: nothing will be answered."""
        for _, answer in list(self._open.values()):
            if not answer.done():
                answer.set_exception(LinkLost(reason))
