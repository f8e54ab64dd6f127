"""Which octets are written, and which are still ours? What was handed to the transport counts as written."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from smpp import codec
from smpp.pdu import SubmitSm


class Outgoing:
    """PDUs on their way to the transport: what one turn of the loop says goes out in one write.

    While the peer does not read, PDUs are held back here, and messages among them can be taken back.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop = loop
        self._transport = transport
        self._held: list[bytes] = []
        self._flush_due = False
        self._paused = False

    def __len__(self) -> int:
        return len(self._held)

    def write(self, octets: bytes) -> None:
        """One PDU, to be written at the end of this turn of the loop."""
        self._held.append(octets)
        if not self._flush_due and not self._paused:
            self._flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hands over what is held, unless the peer does not read."""
        self._flush_due = False
        if self._held and not self._paused and not self._transport.is_closing():
            octets = b"".join(self._held)
            self._held.clear()
            self._transport.write(octets)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self.flush()

    def take_back(self, sequences: Collection[int]) -> set[int]:
        """Those of these messages that were still ours, and now will not be written.

        They are told by their headers, here, so that sending itself pays nothing for it.
        """
        taken: set[int] = set()
        kept: list[bytes] = []
        for octets in self._held:
            _, command, _, sequence = codec.HEADER.unpack_from(octets)
            if command == SubmitSm.command and sequence in sequences:
                taken.add(sequence)
            else:
                kept.append(octets)
        self._held = kept
        return taken
