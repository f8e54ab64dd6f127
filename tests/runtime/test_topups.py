"""What is a top-up event, and what becomes of one that is not? The same for HTTP, the command line and files."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.facts import Event
from core.written import VIETNAM
from runtime.app import App
from runtime.topups import FIELDS, BadTopup, parse_event, take_topup
from store import logs, triggers
from tests.small_app import small_app

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=VIETNAM)
GOOD: dict[str, object] = {"id": "t-1", "number": "0901234567", "amount": 50_000}


def test_a_topup_without_a_time_happened_now() -> None:
    """O1."""
    assert parse_event("topup", GOOD, NOW) == Event("t-1", "topup", "+84901234567", NOW, 50_000)


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        ("2026-11-23T08:59:00+07:00", NOW - timedelta(minutes=1)),
        ("2026-11-23T01:59:00Z", NOW - timedelta(minutes=1)),
        ("2026-11-23T09:05:00+07:00", NOW + timedelta(minutes=5)),
        ("2020-01-01T00:00:00+07:00", datetime(2020, 1, 1, tzinfo=VIETNAM)),
        (None, NOW),
    ],
)
def test_its_time_is_taken_with_its_offset_and_shown_in_vietnamese_time(
    at: str | None, moment: datetime
) -> None:
    """R16: whether it is stale is the rules' matter, not this one's."""
    event = parse_event("topup", GOOD | {"at": at}, NOW)
    assert (event.at, event.at.utcoffset()) == (moment, timedelta(hours=7))


@pytest.mark.parametrize(("id", "amount"), [("!", 1), ("~" * 64, 100_000_000), ("a/b?c=1&d;e'f\"g", 50_000)])
def test_the_edges_of_what_is_allowed_are_allowed(id: str, amount: int) -> None:
    """O1: 1 to 64 printable ASCII characters; 1 to 100 million đồng."""
    event = parse_event("topup", GOOD | {"id": id, "amount": amount}, NOW)
    assert (event.id, event.amount) == (id, amount)


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"id": ""}, "id", "1 to 64"),
        ({"id": "x" * 65}, "id", "1 to 64"),
        ({"id": "a\n"}, "id", "printable"),
        ({"number": "0241234567"}, "number", "mobile"),
        ({"number": 901234567}, "number", '"0901234567"'),
        ({"amount": 100_000_001}, "amount", "100000000"),
        ({"amount": -1}, "amount", "between 1"),
        ({"amount": 9e4}, "amount", "whole number"),
        ({"amount": False}, "amount", "whole number"),
        ({"at": ""}, "at", "offset"),
        ({"at": "2026-11-23T09:00:00"}, "at", "offset"),
        ({"at": "2026-11-23T09:05:00.000001+07:00"}, "at", "future"),
        ({"at": "1969-12-31T00:00:00+07:00"}, "at", "before"),
        ({"at": NOW}, "at", "offset"),
        ({"mount": 1}, "mount", "id, number, amount, at"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(
    change: dict[str, object], field: str, says: str
) -> None:
    """O1: a person can put it right from the message alone."""
    with pytest.raises(BadTopup) as bad:
        parse_event("topup", GOOD | change, NOW)
    assert bad.value.field == field
    assert says in bad.value.reason


def test_a_top_up_without_its_amount_is_told_that_it_is_missing() -> None:
    with pytest.raises(BadTopup, match=r"^amount: is missing: write a whole number of đồng, like 90000$"):
        parse_event("topup", {name: GOOD[name] for name in ("id", "number")}, NOW)


#: Halves of surrogate pairs and NUL too: JSON can carry them.
_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
_ANY = st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.lists(st.integers(), max_size=3)
_RAW = st.dictionaries(st.sampled_from(FIELDS) | _TEXT, _ANY, max_size=5) | st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b"]) | _TEXT},
    optional={
        "number": st.sampled_from(["0901234567", "+84 90 765 4321"]) | _ANY,
        "amount": st.integers(-10, 10**9) | _ANY,
        "at": st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | _ANY,
    },
)


def parsed(raw: dict[str, Any], now: datetime = NOW) -> Event | BadTopup:
    try:
        return parse_event("topup", raw, now)
    except BadTopup as bad:
        return bad


@given(_RAW)
def test_whatever_comes_is_an_event_or_says_which_field_is_wrong(raw: dict[str, Any]) -> None:
    """R15: an event that is taken is right in every field; what is told can be shown and stored."""
    found = parsed(raw)
    if isinstance(found, BadTopup):
        assert (found.field + found.reason).isprintable()
        return
    assert (found.id, found.amount) == (raw["id"], raw["amount"])
    assert type(found.amount) is int
    assert found.amount > 0
    assert found.number[:3] == "+84"
    assert found.at <= NOW + timedelta(minutes=5)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def app(runner: asyncio.Runner, tmp_path: Path) -> Iterator[App]:
    """An App for tests that hypothesis runs many times on one store."""
    stack = AsyncExitStack()
    yield runner.run(stack.enter_async_context(small_app(tmp_path)))
    runner.run(stack.aclose())


def shown(runner: asyncio.Runner, app: App, id: str) -> dict[str, Any]:
    rows = runner.run(app.store.read(lambda tx: list(logs.triggers(tx))))
    return next(row for row in rows if row["id"] == id)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_RAW)
def test_whatever_comes_the_store_holds_it_or_its_sender_is_told(
    runner: asyncio.Runner, app: App, raw: dict[str, Any]
) -> None:
    """R15: no text of a stranger makes the store fail."""
    expected = (BadTopup,) if isinstance(parsed(raw, app.now()), BadTopup) else ()
    with contextlib.suppress(*expected):
        assert runner.run(take_topup(app, raw)) in ("stored", "repeated", "conflict")


def test_an_invalid_event_is_kept_and_put_right_by_the_next_one(runner: asyncio.Runner, app: App) -> None:
    """O1: people can see it; it is not called."""
    with pytest.raises(BadTopup):
        runner.run(take_topup(app, GOOD | {"amount": -5}))
    row = shown(runner, app, "t-1")
    assert (row["fate"], row["amount"], row["number"]) == ("invalid", -5, "0901234567")
    assert row["rule"].startswith("amount: -5 ")
    assert runner.run(app.store.read(lambda tx: triggers.new(tx, limit=9))) == ()
    assert runner.run(take_topup(app, GOOD)) == "stored"
    assert shown(runner, app, "t-1")["fate"] is None


def test_an_invalid_event_changes_nothing_of_a_right_one(runner: asyncio.Runner, app: App) -> None:
    """O1: what was acknowledged stands."""
    runner.run(take_topup(app, GOOD))
    with pytest.raises(BadTopup):
        runner.run(take_topup(app, GOOD | {"number": "x"}))
    row = shown(runner, app, "t-1")
    assert (row["fate"], row["number"]) == (None, "+84901234567")


@pytest.mark.parametrize("id", [None, "", 7, "a b", "x" * 65, ["a"]])
def test_one_that_does_not_name_itself_leaves_nothing(id: object, runner: asyncio.Runner, app: App) -> None:
    """Nobody could find it."""
    with pytest.raises(BadTopup):
        runner.run(take_topup(app, GOOD | {"id": id}))
    assert runner.run(app.store.read(lambda tx: list(logs.triggers(tx)))) == []
