"""Whose call is next: shares by weight, to within one call; nobody starves, nobody saves up."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.shares import EVEN, Shares, next_served, served, without_work


def serve(weights: Mapping[str, float], calls: int, shares: Shares = EVEN) -> tuple[list[str], Shares]:
    """So many calls while all of these have work."""
    order = list[str]()
    for _ in range(calls):
        name = next_served(shares, weights)
        shares = served(shares, weights, name)
        order.append(name)
    return order, shares


@pytest.mark.parametrize(
    ("weights", "order"),
    [
        ({"a": 1}, "aaaa"),
        ({"a": 1, "b": 1}, "abababab"),
        ({"a": 1, "b": 1, "c": 1}, "abcabc"),
        ({"a": 3, "b": 1}, "aaabaaab"),
        ({"a": 1, "b": 2}, "babbab"),
    ],
)
def test_turns_by_weight(weights: dict[str, float], order: str) -> None:
    """Issue 5, 5: fair shares between programmes (weights); the same every time."""
    assert "".join(serve(weights, len(order))[0]) == order


_weights = st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 1000).map(float), min_size=1)


@given(_weights, st.integers(1, 400))
def test_each_has_its_part_of_the_calls_to_within_one_call_at_every_moment(
    weights: dict[str, float], calls: int
) -> None:
    """Issue 5, 5: over a minute, and over any other time in which all have work."""
    had, every = Counter[str](), sum(weights.values())
    for n, name in enumerate(serve(weights, calls)[0], 1):
        had[name] += 1
        assert all(abs(had[each] - n * weight / every) < 1 + 1e-6 for each, weight in weights.items())


@given(_weights, _weights, st.integers(1, 300))
def test_who_had_no_work_has_saved_nothing_up(
    busy: dict[str, float], late: dict[str, float], calls: int
) -> None:
    """From the moment when it has work it has its share, not what it let pass; the others keep theirs meanwhile."""
    _, shares = serve(busy, calls)
    shares = without_work(shares, frozenset(late) - set(busy))
    together = {**late, **busy}
    had, every = Counter[str](), sum(together.values())
    for n, name in enumerate(serve(together, 200, shares)[0], 1):
        had[name] += 1
        for each in set(late) - set(busy):
            assert had[each] <= n * together[each] / every + 1 + 1e-6


@given(_weights, st.lists(st.sets(st.sampled_from("abcdefg"), min_size=1), min_size=1, max_size=150))
def test_nobody_starves_however_work_comes_and_goes(
    weights: dict[str, float], spells: list[set[str]]
) -> None:
    """Who has work waits at most as many calls as the others' weights give them meanwhile, and one each."""
    weights = {name: weights.get(name, 1.0) for name in "abcdefg"}
    shares, waited = EVEN, Counter[str]()
    for with_work in spells:
        shares = without_work(shares, frozenset("abcdefg") - with_work)
        ready = {name: weights[name] for name in with_work}
        chosen = next_served(shares, ready)
        shares = served(shares, ready, chosen)
        for name in "abcdefg":
            waited[name] = 0 if name == chosen or name not in with_work else waited[name] + 1
            others = sum(weight for other, weight in weights.items() if other != name)
            assert waited[name] <= 2 * (others / weights[name] + 7)


def test_a_share_that_is_not_used_goes_to_the_others() -> None:
    """An idle programme leaves its lines to those with work, by their weights."""
    order, shares = serve({"a": 2, "b": 1, "c": 1}, 8)
    assert Counter(order) == {"a": 4, "b": 2, "c": 2}
    order, _ = serve({"a": 2, "c": 1}, 6, without_work(shares, frozenset("b")))
    assert Counter(order) == {"a": 4, "c": 2}
