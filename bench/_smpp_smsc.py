"""An SMSC that costs as little as it can, for benchmarks: accepts everything, after a delay if asked.

`python -m bench._smpp_smsc DELAY_S` prints its port and runs until standard input ends.
"""

import asyncio
import struct
import sys

_HEADER = struct.Struct(">IIII")


class Smsc(asyncio.Protocol):
    """One connection. Nothing of ours is imported: the judge of speed is not the judged."""

    delay_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._rest = b""
        self._count = 0

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at, out = 0, []
        while len(data) - at >= 16:
            length, command, _, sequence = _HEADER.unpack_from(data, at)
            if len(data) - at < length:
                break
            at += length
            if command == 4:
                self._count += 1
                body = b"%d\0" % self._count
            elif command in (1, 2, 9):
                body = b"bench\0"
            elif command & 0x80000000:
                continue
            else:
                body = b""
            out.append(_HEADER.pack(16 + len(body), command | 0x80000000, 0, sequence) + body)
        self._rest = data[at:]
        octets = b"".join(out)
        if not octets:
            return
        if self.delay_s:
            asyncio.get_running_loop().call_later(self.delay_s, self._transport.write, octets)
        else:
            self._transport.write(octets)


async def _serve(delay_s: float) -> None:
    Smsc.delay_s = delay_s
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Smsc, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
