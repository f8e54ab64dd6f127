"""May a trunk carry one more call? Never more than its channels and its calls per second allow."""

from hypothesis import given
from hypothesis import strategies as st

from ari_app.lines import Line, Lines, lines_of
from ari_app.phone import Attempt
from core.config import Trunk
from core.written import duration


def trunk(name: str, channels: int = 2, rate: float = 10) -> Trunk:
    return Trunk(
        name=name, address="127.0.0.1:5070", caller_id="9090", max_channels=channels, calls_per_second=rate
    )


def attempt(on: str = "a") -> Attempt:
    return Attempt("call-1", "+84901234567", "ast1", on, "9090", duration("5m"))


def names(lines: Lines, now: float) -> list[str]:
    return [each.name for each in lines.free(now, 50)]


def test_the_first_trunk_of_the_file_is_used_first() -> None:
    lines = lines_of([trunk("a"), trunk("b")], 0.0)
    assert names(lines, 0.0) == ["a", "b"]
    lines.take("a", 0.0)
    assert names(lines, 0.0) == ["b"]


def test_a_line_that_is_given_back_is_free_again() -> None:
    lines = lines_of([trunk("a", channels=1)], 0.0)
    line = lines.take("a", 0.0)
    assert (names(lines, 5.0), lines.wait_s(5.0)) == ([], None)
    line.give_back()
    assert names(lines, 5.0) == ["a"]


def test_a_call_that_agents_took_over_still_holds_its_channel() -> None:
    """O15: the trunk bears what it bears, whoever speaks on it."""
    talking = {"a": 1}
    lines = lines_of([trunk("a", channels=2)], 0.0, lambda name: talking[name])
    lines.take("a", 0.0)
    assert names(lines, 5.0) == []
    talking["a"] = 0
    assert names(lines, 5.0) == ["a"]


def test_the_wait_is_until_the_rate_allows_the_next_call() -> None:
    lines = lines_of([trunk("a", channels=50, rate=10)], 0.0)
    lines.take("a", 0.0)
    assert lines.wait_s(0.0) == 0.1


def test_a_call_moves_to_a_trunk_that_has_room() -> None:
    """DESIGN §5: the line on the first trunk is free again, the second one's is taken and counts for its rate."""
    lines = lines_of([trunk("a"), trunk("b", channels=1), trunk("c")], 0.0)
    lines.take("b", 0.0)
    line = lines.take("a", 0.0)
    moved = line.move(attempt(), 0.0)
    assert moved is not None
    assert (moved.trunk, moved.id) == ("c", "call-1")
    assert [each.up for each in lines.trunks] == [0, 1, 1]
    assert line.move(moved, 0.05) is None, "b is full, a and c were tried"
    line.give_back()
    assert [each.up for each in lines.trunks] == [0, 1, 0]


@given(
    st.lists(
        st.tuples(st.floats(0, 0.5), st.sampled_from(["start", "end", "move"])), min_size=1, max_size=60
    ),
    st.integers(1, 4),
    st.sampled_from([1.0, 3.0, 7.5]),
)
def test_no_trunk_ever_bears_more_than_it_may(
    steps: list[tuple[float, str]], channels: int, rate: float
) -> None:
    """Channels and calls per second hold for every trunk at every moment, however calls come, go and move."""
    lines = lines_of([trunk("a", channels, rate), trunk("b", channels, rate)], 0.0)
    held, now, starts = list[Line](), 0.0, dict[str, list[float]](a=[], b=[])
    for wait, step in steps:
        now += wait
        if step == "start":
            for each in lines.free(now, 50):
                held.append(lines.take(each.name, now))
                starts[each.name].append(now)
        elif held and step == "end":
            held.pop(0).give_back()
        elif held and (moved := held[0].move(attempt(held[0].trunk.trunk.name), now)):
            starts[moved.trunk].append(now)
        for paced in lines.trunks:
            mine = starts[paced.trunk.name]
            assert 0 <= paced.up <= channels
            assert paced.up == sum(line.trunk is paced for line in held)
            assert sum(1 for at in mine if now - at < 0.999) <= max(1, -(-rate // 1))
