"""Which port of loopback may a server of a test or demo take?"""

import random
import socket

#: Below the ports that the system gives to outgoing connections, so that none of those takes it meanwhile; and away
#: from the ranges that RTP uses here.
_FIRST, _LAST = 10_240, 19_999
_TRIES = 200


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port that nobody had a moment ago, for SOCK_STREAM (TCP) or SOCK_DGRAM (UDP). Raises OSError: none found."""
    for _ in range(_TRIES):
        port = random.SystemRandom().randint(_FIRST, _LAST)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError(f"no free port of 127.0.0.1 between {_FIRST} and {_LAST}")
