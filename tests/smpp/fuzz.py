"""Does any octet stream hang or break the decoder? `python -m tests.smpp.fuzz SECONDS`: hypothesis, as long as asked.

Starts from the corpus and mutates it; what fails is printed shrunk. The corpus: the PDUs below, and in corpus/ the streams
that fuzz_coverage.py found to lead through the decoder by ways of their own. A file there is cuts and stream: see `parted`.
"""

import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from smpp import codec, receipts, segments
from smpp.codec import Framer
from smpp.pdu import DataSm, DeliverSm, ProtocolError, SubmitSm

_SENT = SubmitSm("8989", "84901234567", b"\x05\0\x03\x01\x02\x01xin chao", 3, 0, 1, 1, 0x40, 8, 1)
_RECEIPT = DeliverSm(
    "84901234567", "8989", b"id:1f sub:001 dlvrd:001 stat:DELIVRD err:000 text:", esm_class=4
)
CORPUS = tuple(
    codec.encode(body, 7)
    for body in (
        _SENT, _RECEIPT, DeliverSm("84", "8989", b"TC", tlvs=((0x020C, b"\0\1"), (0x020E, b"\2"), (0x020F, b"\1"))),
        DataSm("84", "8989", tlvs=((0x0424, b"xin chao"),)),
    )
)  # fmt: skip
FOLDER = Path(__file__).with_name("corpus")
_MOST_CUTS = 16
LONGEST = 1024


def parted(octets: bytes) -> tuple[bytes, list[int]]:
    """A stream and the sizes of its pieces: the first octet says how many sizes follow it, then comes the stream."""
    cuts = octets[0] % _MOST_CUTS if octets else 0
    return octets[1 + cuts :], [size % 64 + 1 for size in octets[1 : 1 + cuts]]


FOUND = tuple(parted(file.read_bytes()) for file in sorted(FOLDER.iterdir()))


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """PDUs of the corpus with octets changed, cut out or put in; sometimes anything at all."""
    seeds = st.sampled_from([*CORPUS, *(stream for stream, _ in FOUND)])
    octets = bytearray(b"".join(draw(st.lists(seeds, min_size=1, max_size=4))))
    for _ in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, max(len(octets) - 1, 0)))
        match draw(st.sampled_from(("change", "cut", "put"))):
            case "change" if octets:
                octets[at] = draw(st.integers(0, 255))
            case "cut":
                del octets[at : at + draw(st.integers(1, 20))]
            case _:
                octets[at:at] = draw(st.binary(max_size=20))
    return bytes(octets)


def read(stream: bytes, sizes: list[int], longest: int) -> list[object]:
    """What a stream cut in these pieces says; a protocol error ends it where only closing helps."""
    framer, found, at = Framer(longest), list[object](), 0
    for size in (*sizes, len(stream)):
        try:
            for frame in framer.feed(stream[at : at + size]):
                try:
                    body = codec.decode_body(frame)
                except ProtocolError as error:
                    if error.sequence != frame.sequence:
                        raise AssertionError("the error names another PDU") from error
                    found.append((frame.sequence, error.status))
                    continue
                if isinstance(body, DeliverSm | DataSm):
                    receipts.receipt_of(body)
                    segments.join([segments.part_of(body)])
                found.append((frame.sequence, frame.status, body))
        except ProtocolError as error:
            if error.sequence is not None:
                raise AssertionError("a lost stream has no sequence") from error
            found.append(error.status)
            return found
        assert framer.waiting <= longest
        at += size
    return found


@given(st.one_of(streams(), st.binary(max_size=300)), st.lists(st.integers(1, 60), max_size=30))
def check(stream: bytes, sizes: list[int]) -> None:
    """However it is cut, a stream says the same or raises the one error; never more than a PDU is held."""
    same(stream, sizes)


def same(stream: bytes, sizes: list[int]) -> None:
    if read(stream, sizes, LONGEST) != read(stream, [], LONGEST):
        raise AssertionError("cut another way it says something else")


def check_octets(octets: bytes) -> None:
    """The same check, of octets as atheris and corpus/ have them."""
    same(*parted(octets))


def fuzz(seconds: float) -> int:
    """Rounds until the time is over; how many streams were read."""
    until, tried = time.monotonic() + seconds, 0
    round_ = settings(
        max_examples=2_000, deadline=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck), database=None,
    )  # fmt: skip
    while time.monotonic() < until:
        round_(check)()
        tried += 2_000
    return tried


if __name__ == "__main__":
    print(f"{fuzz(float(sys.argv[1]))} streams read, none broke the decoder")
