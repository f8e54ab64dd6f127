"""What does the SMSC answer on one connection?"""

import asyncio
import struct
from typing import TYPE_CHECKING, Any

from simulator import smpp_codec as smpp
from simulator.smpp_codec import BadPdu, Pdu, Sm
from simulator.smpp_text import part_of

if TYPE_CHECKING:
    from simulator.smsc import Delivery, Smsc

_BINDS = (smpp.BIND_RECEIVER, smpp.BIND_TRANSMITTER, smpp.BIND_TRANSCEIVER)


class Session:
    """One TCP connection of a client, from accept to close."""

    def __init__(self, smsc: "Smsc", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.smsc = smsc
        self.mode = 0
        """The bind's command; 0: not bound."""
        self.task: asyncio.Task[Any] | None = None
        self._reader, self._writer = reader, writer
        self._sequence = 0
        self._delivering: dict[int, Delivery] = {}
        self._name = "{}:{}".format(*writer.get_extra_info("peername")[:2])

    @property
    def receives(self) -> bool:
        return self.mode in (smpp.BIND_RECEIVER, smpp.BIND_TRANSCEIVER) and not self._writer.is_closing()

    async def run(self) -> None:
        self.task = asyncio.current_task()
        self.smsc.sessions.append(self)
        asking = asyncio.create_task(self._enquire()) if self.smsc.enquire_link_s else None
        buffer = bytearray()
        try:
            while data := await self._reader.read(65536):
                buffer += data
                while len(buffer) >= 16:  # the header
                    await self.smsc.thawed.wait()
                    length, command, status, sequence = struct.unpack_from(">IIII", buffer)
                    if not 16 <= length <= smpp.MAX_PDU:
                        self._send(smpp.GENERIC_NACK, smpp.RINVCMDLEN, sequence)
                        return
                    if len(buffer) < length:
                        break
                    body = bytes(buffer[16:length])
                    del buffer[:length]
                    if self._writer.is_closing():
                        return
                    self._take(Pdu(command, status, sequence, body))
                if self._writer.is_closing():
                    return
                await self._writer.drain()
        except ConnectionError:
            pass  # the client is gone: `closed` in the record says so
        finally:
            if asking:
                asking.cancel()
            self._end()

    def _end(self) -> None:
        self.smsc.sessions.remove(self)
        self.mode = 0
        self._writer.close()
        self.smsc.write("closed", session=self._name)
        undone, self._delivering = list(self._delivering.values()), {}
        for delivery in undone:
            self.smsc.offer(delivery)

    def abort(self) -> None:
        """End the connection without a word."""
        self._writer.transport.abort()

    async def _enquire(self) -> None:
        while True:
            await asyncio.sleep(self.smsc.enquire_link_s)
            self._send(smpp.ENQUIRE_LINK, smpp.ROK, self._next())

    def _next(self) -> int:
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        return self._sequence

    def _send(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        if not self._writer.is_closing():
            self._writer.write(Pdu(command, status, sequence, body).encode())

    def deliver(self, delivery: "Delivery") -> None:
        sequence = self._next()
        self._delivering[sequence] = delivery
        self.smsc.write("delivered", session=self._name, tries=delivery.tries, **delivery.about)
        self._send(smpp.DELIVER_SM, smpp.ROK, sequence, delivery.sm.encode())

    def _take(self, pdu: Pdu) -> None:
        if pdu.command & smpp.RESPONSE:
            if pdu.command == smpp.DELIVER_SM | smpp.RESPONSE or pdu.command == smpp.GENERIC_NACK:
                delivery = self._delivering.pop(pdu.sequence, None)
                if delivery:
                    self.smsc.acknowledged(delivery, pdu.status)
            elif pdu.command == smpp.ENQUIRE_LINK | smpp.RESPONSE:
                self.smsc.write("enquire-link-answered", session=self._name)
            return
        try:
            self._answer(pdu)
        except BadPdu as bad:
            name = smpp.NAMES.get(pdu.command, hex(pdu.command))
            self.smsc.write("bad-pdu", session=self._name, pdu=name, what=str(bad), octets=pdu.body.hex())
            command = pdu.command | smpp.RESPONSE if pdu.command in smpp.NAMES else smpp.GENERIC_NACK
            self._send(command, bad.status, pdu.sequence)

    def _answer(self, pdu: Pdu) -> None:
        response = pdu.command | smpp.RESPONSE
        if pdu.command in _BINDS:
            self._bind(pdu)
        elif pdu.command == smpp.ENQUIRE_LINK:
            self._send(response, smpp.ROK, pdu.sequence)
        elif not self.mode:
            raise BadPdu(smpp.RINVBNDSTS, "not bound")
        elif pdu.command == smpp.UNBIND:
            self.smsc.write("unbind", session=self._name)
            self._send(response, smpp.ROK, pdu.sequence)
            self._writer.close()
        elif pdu.command in (smpp.SUBMIT_SM, smpp.DATA_SM):
            if self.mode == smpp.BIND_RECEIVER:
                raise BadPdu(smpp.RINVBNDSTS, "a receiver does not submit")
            self._submit(pdu, smpp.decode_sm(pdu.command, pdu.body))
        elif pdu.command == smpp.QUERY_SM:
            message_id = smpp.decode_query(pdu.body)
            state = self.smsc.state_of(message_id)
            if state is None:
                raise BadPdu(smpp.RQUERYFAIL, f"no message {message_id}")
            self._send(response, smpp.ROK, pdu.sequence, message_id.encode() + b"\0\0" + bytes((state, 0)))
        elif pdu.command == smpp.CANCEL_SM:
            raise BadPdu(smpp.RCANCELFAIL, "every message here is delivered at once")
        else:
            raise BadPdu(smpp.RINVCMDID, f"command {pdu.command:#x}")

    def _bind(self, pdu: Pdu) -> None:
        system_id, password = smpp.decode_bind(pdu.body)
        status = self.smsc.faults.refuse_bind
        if self.mode:
            status = smpp.RALYBND
        elif not status and system_id != self.smsc.system_id:
            status = smpp.RINVSYSID
        elif not status and password != self.smsc.password:
            status = smpp.RINVPASWD
        self.smsc.write(
            "bind", session=self._name, mode=smpp.NAMES[pdu.command], system_id=system_id, status=status
        )
        body = b"simulator\0" if status == 0 else b""
        self._send(pdu.command | smpp.RESPONSE, status, pdu.sequence, body)
        if status == 0:
            self.mode = pdu.command
            self.smsc.bound()

    def _submit(self, pdu: Pdu, sm: Sm) -> None:
        smsc, faults = self.smsc, self.smsc.faults
        try:
            part, octets = part_of(sm)
        except ValueError as error:
            raise BadPdu(smpp.RINVMSGLEN, str(error)) from None
        dropped = faults.drop_after == 1
        faults.drop_after = max(faults.drop_after - 1, 0)
        status = smsc.judge(sm)
        accepted = status == smpp.ROK and (faults.drop_accepted or not dropped)
        lost = accepted and not dropped and faults.lose_responses > 0
        faults.lose_responses -= lost
        message_id = smsc.next_id() if accepted else ""
        smsc.write(
            "submit",
            session=self._name,
            sequence=pdu.sequence,
            pdu=smpp.NAMES[pdu.command],
            number=sm.destination,
            sender=sm.source,
            destination_ton_npi=[sm.destination_ton, sm.destination_npi],
            source_ton_npi=[sm.source_ton, sm.source_npi],
            esm_class=sm.esm_class,
            data_coding=sm.data_coding,
            registered_delivery=sm.registered_delivery,
            validity=sm.validity,
            part=[part.kind, part.reference, part.number, part.total] if part else None,
            tlvs={f"{tag:04x}": value.hex() for tag, value in sm.tlvs.items()},
            octets=sm.octets.hex(),
            status=status,
            accepted=accepted,
            message_id=message_id,
            response="dropped" if dropped else "lost" if lost else "sent",
        )
        if accepted:
            smsc.accept(sm, message_id, part, octets)
        if accepted and faults.receipt_first:
            smsc.receipt(sm, message_id)
        if dropped:
            self.abort()
        elif not lost:
            body = message_id.encode() + b"\0" if accepted else b""
            command = pdu.command | smpp.RESPONSE
            smsc.later(faults.response_delay_s, lambda: self._send(command, status, pdu.sequence, body))
        if accepted and not faults.receipt_first:
            smsc.receipt(sm, message_id)
