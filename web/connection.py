"""How may somebody hold a connection or our memory without asking anything? uvicorn alone would let him for ever."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Bytes of a request's line and header; ours have about 200.
MOST_HEAD = 64 * 1024


class Connection(HttpToolsProtocol):
    """uvicorn's connection that closes when no complete header came in time, or one without an end."""

    #: Seconds from the connection, or from the last answer, to the end of the next request's header.
    header_s = 10.0
    _waiting: asyncio.TimerHandle | None = None
    _head: int | None = 0  #: bytes of the header that is on its way; None: it is complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_header()

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is not None and self._head > MOST_HEAD and not self.transport.is_closing():
            self.send_400_response(f"The header has more than {MOST_HEAD} bytes.")

    def on_message_begin(self) -> None:
        self._head = self._head or 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        self._wait_for_header()  # before a pipelined request begins
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        super().connection_lost(exc)

    def _wait_for_header(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self.loop.call_later(self.header_s, self._close_unless_asked)

    def _close_unless_asked(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
