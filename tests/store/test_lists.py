"""Is a big base switched at once, and looked up as it was imported?"""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from core.facts import Subscriber
from store import facts, lists
from store.building import FromRows
from store.database import Store, Tx
from tests.store.sample import AN, BINH, NOW, later


async def _import(
    store: Store, kind: lists.ListKind, rows: list[dict[str, Any]], programme: str = ""
) -> lists.Built:
    built = lists.build(store.lists, kind, rows, programme=programme)
    await store.write(lambda tx: lists.switch(tx, built, source="list.csv", now=NOW))
    return built


async def test_a_subscriber_is_read_as_he_was_imported(store: Store) -> None:
    """DESIGN §5: the columns of the subscribers file."""
    known = Subscriber(
        number=AN,
        payment="prepaid",
        device="smartphone",
        region="2",
        status="two_way",
        vlr=True,
        segment="youth",
        tariff="MobiGold",
        activated_on=date(2020, 2, 29),
        arpu=(90_000, 80_000, None),
        arpu_data=(1, 2, 3),
        arpu_voice=(None, None, 6),
        balance=0,
        packages=frozenset({"C90N", "BL5G"}),
        flags=frozenset({"gold"}),
        consent="form 12/2025",
    )
    bare = Subscriber(number=BINH)
    await _import(store, "subscribers", [facts.row_of(known), facts.row_of(bare)])
    assert await store.read(lambda tx: facts.subscriber(tx, number=AN)) == known
    found = await store.read(lambda tx: facts.subscriber(tx, number=BINH))
    assert found is not None
    assert (found.vlr, found.balance, found.consent, found.arpu) == (None, None, None, (None, None, None))
    assert await store.read(lambda tx: facts.subscriber(tx, number="+84900000000")) is None


async def test_a_list_is_in_force_only_after_the_switch(store: Store) -> None:
    """DESIGN §4: an import ends by committing one row."""
    lists.build(store.lists, "dnc", [{"number": AN, "channel": "both"}])

    def on_list(tx: Tx) -> tuple[object, frozenset[str]]:
        known = facts.facts_for(tx, number=AN, programme="topup", now=NOW)
        return known.do_not_call, frozenset(known.on_do_not_call)

    assert await store.read(on_list) == (None, frozenset())
    await _import(store, "dnc", [{"number": AN, "channel": "sms"}])
    state, channels = await store.read(on_list)
    assert state is not None
    assert channels == {"sms"}
    await _import(store, "dnc", [{"number": BINH, "channel": "voice"}])
    state, channels = await store.read(on_list)
    assert channels == frozenset()


async def test_voice_and_sms_of_the_same_number_add_up(store: Store) -> None:
    """R2: the register tells voice and SMS apart."""
    rows = [
        {"number": AN, "channel": "voice"},
        {"number": AN, "channel": "sms"},
        {"number": BINH, "channel": "voice"},
    ]
    built = await _import(store, "dnc", [*rows, rows[2]])
    assert built.rows == 2
    channels = {
        number: await store.read(
            lambda tx, n=number: facts.facts_for(tx, number=n, programme="p", now=NOW).on_do_not_call  # type: ignore[misc]
        )
        for number in (AN, BINH)
    }
    assert channels == {AN: {"voice", "sms"}, BINH: {"voice"}}


async def test_the_version_before_tells_whether_the_list_shrank(store: Store) -> None:
    """R2: shrunk by more than 5 %: all advertising stops."""
    await _import(store, "dnc", [{"number": f"+8490000000{digit}", "channel": "both"} for digit in range(10)])
    first = await store.read(lambda tx: facts.facts_for(tx, number=AN, programme="p", now=NOW).do_not_call)
    await _import(store, "dnc", [{"number": AN, "channel": "both"}])
    second = await store.read(lambda tx: facts.facts_for(tx, number=AN, programme="p", now=NOW).do_not_call)
    assert first is not None
    assert second is not None
    assert (first.rows, first.rows_before) == (10, None)
    assert (second.rows, second.rows_before, second.imported_at) == (1, 10, NOW)


async def test_an_exclusion_is_of_all_programmes_or_of_one(store: Store) -> None:
    """O3."""

    async def reason(programme: str) -> str | None:
        known = await store.read(lambda tx: facts.facts_for(tx, number=AN, programme=programme, now=NOW))
        return known.excluded

    await _import(store, "exclusions", [{"number": AN, "reason": "duty line"}], "topup")
    assert (await reason("topup"), await reason("weekend")) == ("duty line", None)
    await _import(store, "exclusions", [{"number": AN, "reason": "asked by letter"}])
    assert await reason("weekend") == "asked by letter"


async def test_targets_are_taken_in_their_order_once(store: Store) -> None:
    """B1: streamed in batches just ahead of the dialer."""
    numbers = [f"+8490000000{digit}" for digit in (7, 3, 9, 1)]
    assert await store.read(lambda tx: lists.exhausted(tx, programme="bluezone"))
    await _import(store, "targets", [{"number": number} for number in (*numbers, numbers[0])], "bluezone")
    assert not await store.read(lambda tx: lists.exhausted(tx, programme="bluezone"))

    def take(tx: Tx) -> tuple[str, ...]:
        return lists.next_targets(tx, programme="bluezone", limit=3)

    assert await store.write(take) == tuple(numbers[:3])
    assert not await store.read(lambda tx: lists.exhausted(tx, programme="bluezone"))
    assert await store.write(take) == tuple(numbers[3:])
    assert await store.write(take) == ()
    assert await store.read(lambda tx: lists.exhausted(tx, programme="bluezone"))
    await _import(store, "targets", [{"number": BINH}], "bluezone")
    assert await store.write(take) == (BINH,)
    assert await store.write(lambda tx: lists.next_targets(tx, programme="other", limit=3)) == ()


async def test_targets_whose_transaction_fails_are_taken_again(store: Store) -> None:
    await _import(store, "targets", [{"number": AN}], "bluezone")

    def fails(tx: Tx) -> None:
        assert lists.next_targets(tx, programme="bluezone", limit=3) == (AN,)
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(fails)
    assert await store.write(lambda tx: lists.next_targets(tx, programme="bluezone", limit=3)) == (AN,)


async def test_old_versions_go_later_than_their_readers(store: Store) -> None:
    built = [await _import(store, "dnc", [{"number": AN, "channel": "both"}]) for _ in range(8)]
    left = sorted(path.name for path in store.lists.iterdir())
    assert {each.file for each in built[-lists.KEPT - 1 :]} <= set(left)
    assert len(left) <= lists.KEPT + 2


async def test_an_import_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, str]]:
        yield {"number": AN, "channel": "both"}
        raise OSError("the file ends in the middle")

    with pytest.raises(OSError, match="in the middle"):
        lists.build(tmp_path, "dnc", rows())
    assert list(tmp_path.iterdir()) == []


async def test_an_older_file_does_not_replace_a_newer_one(store: Store) -> None:
    """Two imports at once: the later begun stands."""
    slow = lists.build(store.lists, "dnc", [{"number": AN, "channel": "both"}])
    await _import(store, "dnc", [{"number": BINH, "channel": "both"}])
    with pytest.raises(ValueError, match="is older than version"):
        await store.write(lambda tx: lists.switch(tx, slow, source="x", now=later(hours=1)))


@pytest.mark.parametrize("name", ["../x", "a/b", "x y", "-x"])
async def test_a_programme_cannot_name_a_place(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a programme's name"):
        lists.build(tmp_path, "targets", [], programme=name)


def test_what_a_killed_import_left_is_removed_and_a_running_ones_is_not(tmp_path: Path) -> None:
    """Issue 3 item 6: a file half written is nobody's for ever."""
    for name in ("dnc--3.building", "import-dead"):
        (tmp_path / name).mkdir() if name.startswith("import") else (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "subscribers--1.building").touch()  # just made: not locked yet

    def while_built() -> FromRows:
        for path in tmp_path.iterdir():
            if path.name.startswith(("dnc--1", "import-")) and path.name != "import-dead":
                os.utime(path, (0, 0))
        assert lists.remove_left(tmp_path) == 2
        return FromRows("dnc", [{"number": AN, "channel": "both"}])

    with lists.working_in(tmp_path):
        built = lists.build_from(tmp_path, "dnc", while_built)
        assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {
            "dnc",
            "subscribers",
            "import",
        }
    assert {path.name for path in tmp_path.iterdir()} == {built.file, "subscribers--1.building"}


def test_a_version_comes_after_the_one_in_force_though_its_file_is_not_here(tmp_path: Path) -> None:
    """A folder that was moved or lost: the next import is taken."""
    built = lists.build_from(tmp_path, "dnc", lambda: FromRows("dnc", []), after=7)
    assert (built.version, built.file) == (8, "dnc--8.list")
