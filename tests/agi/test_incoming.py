"""What the agent reads and whom we take for whom: the pure part of an incoming call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.incoming import BadRequest, call_id, caller_number, offer_text
from agi.protocol import Request
from store.inbound import LastOffer
from tests.store.sample import NOW


def last(*offer: str, programme: str = "topup-smartphone") -> LastOffer:
    return LastOffer(programme, offer, NOW, "call-1", "no_key")


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (last("C90N", "FD50"), "C90N FD50 topup-smartphone"),
        (last(programme="bluezone"), "bluezone"),
        (last("C90N", programme='a"b<c>\n$'), "C90N abc"),
        (last("C90N", programme="nạp-tiền"), "C90N np-tin"),
        (last(*["THAGA100"] * 20), " ".join(["THAGA100"] * 20)[:60].strip()),
        (None, ""),
    ],
)
def test_the_agent_reads_packages_and_programme(known: LastOffer | None, text: str) -> None:
    """O15: in letters that every phone shows, and that cannot be syntax."""
    assert offer_text(known) == text


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ("0901234567", "+84901234567"),
        ("84901234567", "+84901234567"),
        ("01201234567", "+84701234567"),
        ("02438123456", "02438123456"),
        ("4915112345678", "4915112345678"),
        ("anonymous", ""),
        ("", ""),
        ("9" * 50, "9" * 20),
    ],
)
def test_a_caller_is_one_of_our_subscribers_or_his_digits(sent: str, number: str) -> None:
    assert caller_number(sent) == number


@pytest.mark.parametrize("given", ["", "a b", "a\n", "x" * 81, "1;DROP"])
def test_what_is_no_id_of_a_call_is_refused(given: str) -> None:
    with pytest.raises(BadRequest):
        call_id(Request("incoming", ("0901234567", given), {}))


@given(st.lists(st.text(), max_size=5), st.text())
def test_whatever_a_programme_is_called_its_text_is_plain_and_short(offer: list[str], programme: str) -> None:
    text = offer_text(last(*offer, programme=programme))
    assert len(text) <= 60
    assert text.isascii()
    assert text.isprintable() or not text
