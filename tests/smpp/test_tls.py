"""Is a link over TLS only made with the SMSC that its certificate names?

tls/ holds a certificate for `smsc.test`, its key and the authority that signed it, for these tests alone.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from smpp.errors import NotConnected
from smpp.link import Link, tls_context
from smpp.session import connect
from tests.smpp.peer import MESSAGE, PATIENCE_S, PATIENT, Peer, store_nothing

HERE = Path(__file__).parent / "tls"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = Peer(reader, writer)
    await peer.accept_bind()
    (one,) = await peer.expect_messages(1)
    peer.accept(one, "sealed")
    await peer.accept_unbind()
    writer.close()


async def listen() -> tuple[asyncio.Server, Link]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(HERE / "smsc.pem", HERE / "smsc.key")
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    return server, Link("127.0.0.1", port, "us", "secret", timers=PATIENT)


async def test_a_link_over_tls_carries_messages() -> None:
    """Issue 4, 1: TLS with host name check and own CA."""
    server, link = await listen()
    link = replace(link, tls=tls_context(HERE / "ca.pem"), server_hostname="smsc.test")
    async with server, asyncio.timeout(PATIENCE_S), connect(link, store_nothing) as session:
        assert (await session.submit(MESSAGE)).message_id == "sealed"


@pytest.mark.parametrize(
    ("ca", "name"), [(HERE / "ca.pem", "other.test"), (HERE / "ca.pem", None), (None, "smsc.test")]
)
async def test_a_wrong_name_or_authority_is_not_connected(ca: Path | None, name: str | None) -> None:
    server, link = await listen()
    link = replace(link, tls=tls_context(ca), server_hostname=name)
    async with server:
        with pytest.raises(NotConnected, match="certificate verify failed"):
            async with connect(link, store_nothing):
                pass
