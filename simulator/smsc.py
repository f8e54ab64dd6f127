"""What becomes of a submitted SMS? An SMSC over SMPP 3.4: answers, receipts, misbehaviour on command.

By hand: `python -m simulator.smsc --port 2775 --record smsc.jsonl`.
"""

import argparse
import asyncio
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulator import smpp_codec as smpp
from simulator.record import Record
from simulator.smpp_codec import Sm
from simulator.smpp_text import Part, decode, split
from simulator.smsc_faults import STATES, Faults, receipt_of
from simulator.smsc_session import Session

__all__ = ["Delivery", "Faults", "Message", "Smsc"]


@dataclass(frozen=True)
class Message:
    """One accepted message, its parts joined."""

    number: str
    """Destination, as received."""
    sender: str
    text: str
    parts: int
    message_ids: tuple[str, ...]
    data_coding: int
    registered_delivery: int
    validity: str
    at: datetime
    """When its last part was accepted."""
    mono: float
    user_reference: int | None


@dataclass
class Delivery:
    """One deliver_sm on its way to the client: a receipt or a subscriber's message."""

    sm: Sm
    about: dict[str, Any]
    answer: asyncio.Future[int] | None = None
    tries: int = 0


_REDELIVER_S = 1.0
_TRIES = 20


class Smsc:
    """The SMSC; `async with` starts and stops it. `port` 0: a free one, in `port` once started.

    A receipt or message that the client does not acknowledge (a status, a lost connection) is offered again.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        record: Path = Path("smsc.jsonl"),
        system_id: str = "mai",
        password: str = "secret",
        faults: Faults | None = None,
        enquire_link_s: float = 0.0,
    ) -> None:
        self.host, self.port = host, port
        self.system_id, self.password = system_id, password
        self.faults = faults or Faults()
        self.enquire_link_s = enquire_link_s
        self.sessions: list[Session] = []
        self._path = record
        self.record: Record
        self._server: asyncio.Server | None = None
        self._messages: list[Message] = []
        self._parts: dict[tuple[str, str, str, int, int], dict[int, tuple[bytes, str]]] = {}
        self._states: dict[str, str] = {}
        self._waiting: deque[Delivery] = deque()
        self._accepted_at: deque[float] = deque()
        self._count = 0
        self._turn = 0
        self._reference = 0
        self._changed = asyncio.Event()
        self.thawed = asyncio.Event()
        self.thawed.set()

    def records(self) -> list[Message]:
        """All accepted messages, complete ones only, in the order in which their last parts were accepted."""
        return list(self._messages)

    def freeze(self) -> None:
        """From now on nothing is read and nothing answered; connections stay open. `thaw` ends it."""
        self.thawed.clear()

    def thaw(self) -> None:
        self.thawed.set()

    def drop_connections(self) -> None:
        """Every TCP connection ends at once, without unbind."""
        for session in list(self.sessions):
            session.abort()

    async def start(self) -> None:
        self.record = Record(self._path)
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Session(self, reader, writer).run()

    async def stop(self) -> None:
        """Close the port and every connection. May be called twice."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self.thawed.set()
        ending = [s.task for s in self.sessions if s.task]
        self.drop_connections()
        await asyncio.gather(*ending, return_exceptions=True)
        self.record.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.stop()

    async def wait_for(
        self, condition: Callable[[list[Message]], bool], timeout_s: float = 30
    ) -> list[Message]:
        """Until `condition(records())` holds; TimeoutError otherwise."""
        async with asyncio.timeout(timeout_s):
            while not condition(self.records()):
                self._changed.clear()
                await self._changed.wait()
        return self.records()

    async def wait_until(
        self, condition: Callable[[list[dict[str, Any]]], bool], timeout_s: float = 30
    ) -> None:
        """Until `condition(lines of the record)` holds; TimeoutError otherwise."""
        async with asyncio.timeout(timeout_s):
            while not condition(self.record.lines):
                self._changed.clear()
                await self._changed.wait()

    async def send_mo(self, number: str, to: str, text: str) -> int:
        """A subscriber texts us: `number` (84…) to a short code. Returns the status of the last part's
        acknowledgement; waits for a receiver to be bound, so put a deadline around it."""
        self._reference += 1
        coding, parts = split(text, self._reference)
        answers = []
        for octets in parts:
            esm_class = 0x40 if len(parts) > 1 else 0
            sm = Sm(number, to, octets, source_ton=1, source_npi=1, destination_ton=3, destination_npi=0,
                    esm_class=esm_class, data_coding=coding)  # fmt: skip
            answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self.write("mo", number=number, to=to, text=text, data_coding=coding, octets=octets.hex())
            self.offer(Delivery(sm, {"what": "mo", "number": number}, answer))
            answers.append(answer)
        return (await asyncio.gather(*answers))[-1]

    def write(self, event: str, **fields: Any) -> dict[str, Any]:
        line = self.record.write(event, **fields)
        self._changed.set()
        return line

    # submits

    def judge(self, sm: Sm) -> int:
        """The status that this submit gets; the faults that count down do so here."""
        if not 3 <= len(sm.destination) <= 20 or not sm.destination.isdigit():
            return smpp.RINVDSTADR
        if self.faults.statuses:
            return self.faults.statuses.pop(0)
        if self.faults.per_second:
            now = time.monotonic()
            while self._accepted_at and now - self._accepted_at[0] >= 1:
                self._accepted_at.popleft()
            if len(self._accepted_at) >= self.faults.per_second:
                return smpp.RTHROTTLED
            self._accepted_at.append(now)
        return self.faults.status_of.get(sm.destination, smpp.ROK)

    def next_id(self) -> str:
        self._count += 1
        number = 1_000_000_000 + self._count
        return f"{number:x}" if self.faults.id_form == "hex" else str(number)

    def accept(self, sm: Sm, message_id: str, part: Part | None, octets: bytes) -> None:
        """Keep an accepted part; with the last one the message is complete and stands in the record."""
        self._states[message_id] = "ENROUTE"
        total, number = (part.total, part.number) if part else (1, 1)
        kind, reference = (part.kind, part.reference) if part else ("", self._count)
        key = (sm.source, sm.destination, kind, reference, total)
        parts = self._parts.setdefault(key, {})
        if number in parts:
            self.write("part-again", number=sm.destination, sender=sm.source, part=number, of=total)
        parts[number] = (octets, message_id)
        if len(parts) < total:
            return
        del self._parts[key]
        user_reference = sm.tlvs.get(smpp.TLV_USER_REFERENCE)
        made: dict[str, Any] = {
            "number": sm.destination,
            "sender": sm.source,
            "text": decode(b"".join(parts[n][0] for n in sorted(parts)), sm.data_coding),
            "parts": total,
            "message_ids": [parts[n][1] for n in sorted(parts)],
            "data_coding": sm.data_coding,
            "registered_delivery": sm.registered_delivery,
            "validity": sm.validity,
            "user_reference": int.from_bytes(user_reference, "big") if user_reference else None,
        }
        line = self.write("message", **made)
        at = {"at": datetime.fromisoformat(line["at"]), "mono": line["mono"]}
        self._messages.append(Message(**{**made, **at, "message_ids": tuple(made["message_ids"])}))

    # receipts and messages to the client

    def receipt(self, sm: Sm, message_id: str) -> None:
        """Send the delivery receipt(s) that this submit asked for, after the delay that the faults say."""
        stat = self.faults.receipt_stat.get(sm.destination, "DELIVRD")
        self._states[message_id] = stat
        wanted = sm.registered_delivery & 0x03
        on_success, on_failure = wanted in (1, 3), wanted in (1, 2)  # SMPP 3.4, 5.2.17
        if self.faults.receipts == "none" or not (on_success if stat == "DELIVRD" else on_failure):
            return
        receipt = receipt_of(sm, message_id, stat, self.faults)
        for _ in range(2 if self.faults.receipts == "double" else 1):
            about = {"what": "receipt", "number": sm.destination, "message_id": message_id, "stat": stat}
            self.later(self.faults.receipt_delay_s, partial(self.offer, Delivery(receipt, about)))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """At once if the delay is nothing, so that `receipt_first` is exact."""
        if seconds <= 0:
            act()
        else:
            asyncio.get_running_loop().call_later(seconds, act)

    def offer(self, delivery: Delivery) -> None:
        """Send to a bound receiver, the sessions in turn; without one it waits for the next bind."""
        receivers = [s for s in self.sessions if s.receives]
        if self._server is None:
            return
        if not receivers:
            self._waiting.append(delivery)
            return
        self._turn += 1
        delivery.tries += 1
        receivers[self._turn % len(receivers)].deliver(delivery)

    def acknowledged(self, delivery: Delivery, status: int) -> None:
        """The client answered a deliver_sm; another status than 0 brings it again after a second."""
        self.write("acknowledged", status=status, **delivery.about)
        if delivery.answer and not delivery.answer.done() and (status == 0 or delivery.tries >= _TRIES):
            delivery.answer.set_result(status)
        elif status != 0 and delivery.tries < _TRIES:
            self.later(_REDELIVER_S, lambda: self.offer(delivery))

    def bound(self) -> None:
        """Somebody has bound: what waited goes out."""
        waiting, self._waiting = self._waiting, deque()
        for delivery in waiting:
            self.offer(delivery)

    def state_of(self, message_id: str) -> int | None:
        """message_state for query_sm; None for an id never given."""
        stat = self._states.get(message_id)
        return None if stat is None else STATES.get(stat, 7)


async def _run(arguments: argparse.Namespace) -> None:
    faults = Faults(
        response_delay_s=arguments.delay,
        per_second=arguments.per_second,
        receipts=arguments.receipts,
        drop_after=arguments.drop_after,
        lose_responses=arguments.lose,
    )
    smsc = Smsc(
        "127.0.0.1", arguments.port, arguments.record, arguments.system_id, arguments.password, faults
    )
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with smsc:
        print(f"SMSC on 127.0.0.1:{smsc.port}, record {arguments.record}", flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator.smsc", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=2775)
    add("--record", type=Path, default=Path("smsc.jsonl"))
    add("--system-id", default="mai")
    add("--password", default="secret")
    add("--delay", type=float, default=0.0, metavar="S", help="seconds before each response")
    add("--per-second", type=float, default=0.0, metavar="N", help="throttle above N submits a second")
    add("--receipts", choices=["normal", "none", "double"], default="normal")
    add("--drop-after", type=int, default=0, metavar="N", help="drop the connection at the Nth submit, once")
    add("--lose", type=int, default=0, metavar="N", help="accept the first N submits and never answer them")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
