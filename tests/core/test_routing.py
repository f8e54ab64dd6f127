"""Over which trunk a call goes: the cheapest that may carry the number (T8)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import Price, Trunk
from core.routing import by_cost, carries, price

NUMBER = "+84901234567"


def trunk(name: str, prefixes: tuple[str, ...] = (), **prices: int) -> Trunk:
    """Prices by prefix: p090=400."""
    rows = tuple(Price(prefix=prefix[1:], per_minute=each) for prefix, each in prices.items())
    return Trunk(name=name, address="127.0.0.1:5070", caller_id="9090", prefixes=prefixes, prices=rows)


@pytest.mark.parametrize(
    ("trunks", "order"),
    [
        ([trunk("a"), trunk("b")], "ab"),
        ([trunk("a", p0=500), trunk("b", p0=400)], "ba"),
        ([trunk("a", p0=400), trunk("b", p0=400)], "ab"),
        ([trunk("a"), trunk("b", p0=9000)], "ba"),
        ([trunk("a", p0=300, p090=600), trunk("b", p0=500)], "ba"),
        ([trunk("a", p0=900, p09=600, p0901=100), trunk("b", p0=500)], "ab"),
        ([trunk("a", ("091",), p0=1), trunk("b", p0=500)], "b"),
        ([trunk("a", ("091", "090")), trunk("b", ("0902",))], "a"),
        ([trunk("a", ("03",))], ""),
        ([trunk("a", p090=0), trunk("b", p0=1)], "ab"),
    ],
)
def test_the_cheapest_that_may_carry_it_then_the_next(trunks: list[Trunk], order: str) -> None:
    """T8: longest prefix, then price, then the order of config.yaml; what it may not carry it never does."""
    assert "".join(each.name for each in by_cost(trunks, NUMBER)) == order


_prefix = st.text("0123456789", max_size=4).map(lambda text: "0" + text)


@given(
    st.lists(
        st.tuples(st.lists(_prefix, max_size=3), st.dictionaries(_prefix, st.integers(0, 999))), max_size=6
    ),
    st.text("0123456789", min_size=9, max_size=9),
)
def test_no_trunk_carries_what_it_may_not_and_prices_never_fall(
    rows: list[tuple[list[str], dict[str, int]]], digits: str
) -> None:
    number = "+84" + digits
    trunks = [
        trunk(f"t{n}", tuple(prefixes), **{f"p{prefix}": each for prefix, each in prices.items()})
        for n, (prefixes, prices) in enumerate(rows)
    ]
    found = by_cost(trunks, number)
    assert [each for each in trunks if carries(each, number)] == sorted(found, key=trunks.index)
    told: list[Any] = [price(each, number) for each in found]
    known = [each for each in told if each is not None]
    assert told == sorted(known) + [None] * (len(told) - len(known))
