"""Does every row of every file that is put into a folder become one event, and is a bad one told of?"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ari_app.sources.folder import Seen
from core.sources import FolderSource
from tests.ari_app.sources.office import office, office_on, running
from tests.small_app import small_app

HEADER = "MA_GD,MSISDN,SO_TIEN,LUC\n"
SOURCE: dict[str, Any] = {
    "name": "bus",
    "kind": "folder",
    "path": "in",
    "still": "0s",
    "time": "vietnam",
    "fields": {"id": "MA_GD", "number": "msisdn", "amount": "SO_TIEN", "at": "LUC"},
}
#: Rows say only who and how much.
PLAIN: dict[str, Any] = {"name": "bus", "kind": "folder", "path": "in", "still": "0s"}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def put(inbox: Path, name: str, text: str | bytes) -> Path:
    """As a good sender does: written elsewhere, renamed into place."""
    hidden = inbox / f".{name}"
    hidden.write_bytes(text if isinstance(text, bytes) else text.encode())
    return hidden.rename(inbox / name)


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.reader(file)]


async def test_rows_become_events_and_the_file_is_done(tmp_path: Path, inbox: Path) -> None:
    """O1."""
    put(
        inbox,
        "a.csv",
        HEADER + "t1,0901234567,50.000,2026-11-21 09:00:00\nt2,84907654321,20000,21/11/2026 09:01\n",
    )
    async with office(tmp_path, SOURCE) as here:
        await here.until((inbox / "done" / "a.csv").exists)
        one, two = await here.stored()
        assert here.row()["stored"] == 2
        assert here.row()["last_event_at"] == "2026-11-21T09:01:00+07:00"
        told = {(each.name, each.labels.get("result")): each.value for each in here.app.measures["intake"]()}
        assert told["mai_source_events_total", "stored"] == 2
        assert told["mai_source_away", None] == 0
    assert (one["id"], one["kind"], one["number"], one["amount"]) == ("t1", "topup", "+84901234567", 50000)
    assert (one["at"], two["at"]) == ("2026-11-21T09:00:00+07:00", "2026-11-21T09:01:00+07:00")
    assert sorted(os.listdir(inbox)) == [".mai-intake", "done"]
    assert os.listdir(inbox / "done") == ["a.csv"]


async def test_a_bad_row_is_reported_with_its_line_and_reason_and_stops_nothing(
    tmp_path: Path, inbox: Path
) -> None:
    """O1: it is also in the log of triggers, as invalid."""
    bad = 't1,0241234567,50000,\nt2,0901234567,nhiều,\nt3,"0901,1,\n\nt4,0901234567\n'
    bad += "=t5,0901234567,1,hôm qua\nt6,0901234567,1,\n"
    put(inbox, "a.csv", HEADER + bad)
    async with office(tmp_path, SOURCE) as here:
        await here.until((inbox / "done" / "a.csv").exists)
        row = here.row()
        fates = {each["id"]: each["fate"] for each in await here.stored()}
    head, *report = rows_of(inbox / "done" / "a.csv.report.csv")
    assert head == ["line", "reason", "row"]
    assert [(line, reason.split(":")[0]) for line, reason, _ in report] == [
        ("2", "number"), ("3", "amount"), ("4", "event"), ("6", "amount"), ("7", "at"),
    ]  # fmt: skip
    assert report[4][2] == "'=t5,0901234567,1,hôm qua"
    assert (row["stored"], row["refused"], row["last_refused"][:2]) == (1, 5, "at")
    assert {id_: fate for id_, fate in fates.items() if id_.startswith("t")} == {
        "t1": "invalid", "t2": "invalid", "t4": "invalid", "t6": None,
    }  # fmt: skip
    assert [*fates.values()].count("invalid") == 5
    assert (inbox / "done" / "a.csv.report.csv").stat().st_mode & 0o077 == 0


async def test_the_same_file_again_changes_nothing(tmp_path: Path, inbox: Path) -> None:
    """O1: with ids of its own and without."""
    text = HEADER + "t1,0901234567,50000,2026-11-21 09:00:00\n"
    plain = "number,amount\n0907654321,20000\n0907654321,20000\n"
    (inbox.parent / "plain").mkdir()
    sources = (SOURCE, {**PLAIN, "name": "plain", "path": "plain"})
    async with office(tmp_path, *sources) as here:
        for done in ("a.csv", "a.2.csv", "a.3.csv"):
            put(inbox, "a.csv", text)
            put(inbox.parent / "plain", "a.csv", plain)
            await here.until((inbox / "done" / done).exists)
            await here.until((inbox.parent / "plain" / "done" / done).exists)
        first, second = here.row(0), here.row(1)
        assert len(await here.stored()) == 3
    assert (first["stored"], first["repeated"], first["conflict"]) == (1, 2, 0)
    assert (second["stored"], second["repeated"], second["conflict"]) == (2, 4, 0)


async def test_a_file_of_the_same_name_with_other_rows_is_new(tmp_path: Path, inbox: Path) -> None:
    """O1: senders use a name every day."""
    async with office(tmp_path, PLAIN) as here:
        put(inbox, "a.csv", "number,amount\n0901234567,20000\n")
        await here.until((inbox / "done" / "a.csv").exists)
        put(inbox, "a.csv", "number,amount\n0901234567,30000\n")
        await here.until((inbox / "done" / "a.2.csv").exists)
        assert sorted(each["amount"] for each in await here.stored()) == [20000, 30000]


async def test_an_id_with_other_content_is_reported_and_the_first_stands(tmp_path: Path, inbox: Path) -> None:
    """O1."""
    put(inbox, "a.csv", HEADER + "t1,0901234567,50000,\nt1,0901234567,60000,\n")
    async with office(tmp_path, SOURCE) as here:
        await here.until((inbox / "done" / "a.csv").exists)
        (row,) = await here.stored()
    assert row["amount"] == 50000
    assert rows_of(inbox / "done" / "a.csv.report.csv")[1][:2] == [
        "3", "id: came before with other content, and that one stands",
    ]  # fmt: skip


async def test_a_row_without_a_time_happened_when_its_file_was_written(tmp_path: Path, inbox: Path) -> None:
    """O20: what lay there while nobody looked is stale, not fresh."""
    hidden = inbox / ".a"
    hidden.write_text("number,amount\n0901234567,20000\n")
    os.utime(hidden, (1_790_000_000, 1_790_000_000))
    hidden.rename(inbox / "a.csv")
    async with office(tmp_path, PLAIN) as here:
        await here.until((inbox / "done" / "a.csv").exists)
        (row,) = await here.stored()
    assert row["at"] == "2026-09-21T21:13:20+07:00"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("utf-16.csv", (HEADER + "t1,0901234567,50000,\n").encode("utf-16")),
        ("bom.csv", b"\xef\xbb\xbf" + (HEADER + "t1,0901234567,50000,\r\n").encode()),
        ("semicolons.csv", (HEADER + "t1,0901234567,50000,\n").replace(",", ";").encode()),
        ("quoted.csv", (HEADER + '"t1","0901234567","50,000",""\n').encode()),
        ("no-last-newline.csv", (HEADER + "t1,0901234567,50000,").encode()),
        ("old-mac.csv", (HEADER + "t1,0901234567,50000,\n").replace("\n", "\r").encode()),
    ],
)
async def test_files_are_taken_as_they_are_written(
    tmp_path: Path, inbox: Path, name: str, text: bytes
) -> None:
    put(inbox, name, text)
    async with office(tmp_path, SOURCE) as here:
        await here.until((inbox / "done" / name).exists)
        (row,) = await here.stored()
    assert (row["id"], row["number"], row["amount"], row["fate"]) == ("t1", "+84901234567", 50000, None)


async def test_without_a_header_fields_are_places(tmp_path: Path, inbox: Path) -> None:
    put(inbox, "a.csv", "x|t1|0901234567|50000\n")
    source = PLAIN | {"header": False, "fields": {"id": 2, "number": 3, "amount": "4"}}
    async with office(tmp_path, source) as here:
        await here.until((inbox / "done" / "a.csv").exists)
        (row,) = await here.stored()
    assert (row["id"], row["number"], row["amount"]) == ("t1", "+84901234567", 50000)


async def test_a_line_of_a_megabyte_is_one_bad_row(tmp_path: Path, inbox: Path) -> None:
    put(inbox, "a.csv", HEADER + "x" * (1 << 20) + "\nt1,0901234567,50000,\n")
    async with office(tmp_path, SOURCE) as here:
        await here.until((inbox / "done" / "a.csv").exists)
        row = here.row()
    assert (row["stored"], row["refused"]) == (1, 1)
    assert rows_of(inbox / "done" / "a.csv.report.csv")[1][:2] == [
        "2",
        "event: the line is longer than 65536 signs",
    ]


async def test_a_file_without_the_columns_is_refused_as_a_whole(tmp_path: Path, inbox: Path) -> None:
    put(inbox, "a.csv", "so,tien\n0901234567,50000\n")
    async with office(tmp_path, SOURCE) as here:
        await here.until((inbox / "refused" / "a.csv").exists)
        assert await here.stored() == []
        said = here.row()["last_refused"]
    assert said == "a.csv: has no column 'msisdn' for number: its first line names so, tien"
    assert rows_of(inbox / "refused" / "a.csv.report.csv")[1][:2] == ["1", said.removeprefix("a.csv: ")]


async def test_an_empty_file_is_refused_as_such(tmp_path: Path, inbox: Path) -> None:
    put(inbox, "a.csv", "")
    async with office(tmp_path, SOURCE) as here:
        await here.until((inbox / "refused" / "a.csv").exists)
        assert here.row()["last_refused"] == "a.csv: has no header: its first line is empty"


async def test_what_is_left_in_the_middle_is_read_again_and_repeats_harmlessly(
    tmp_path: Path, inbox: Path
) -> None:
    """O1."""
    rows = "".join(f"t{i},09{i:08},50000,\n" for i in range(5000))
    put(inbox, "a.csv", HEADER + rows)
    async with small_app(tmp_path, sources=(SOURCE,)) as app:
        async with running(app) as here:
            await here.until(lambda: bool(here.row()["stored"]))
        first = int(here.row()["stored"])
        assert 0 < first < 5000
        assert (inbox / "a.csv").exists()
        async with running(app) as here:
            await here.until((inbox / "done" / "a.csv").exists)
            again = here.row()
            assert len(await here.stored()) == 5000
    assert (again["repeated"], again["stored"]) == (first, 5000 - first)
    assert again["conflict"] == again["refused"] == 0


async def test_a_file_that_grows_while_it_is_read_is_read_again_to_its_end(
    tmp_path: Path, inbox: Path
) -> None:
    """O1: taken too early, because its sender stood still."""
    rows = "".join(f"t{i},09{i:08},50000,\n" for i in range(5000))
    path = put(inbox, "a.csv", HEADER + rows)
    async with office(tmp_path, SOURCE) as here:
        await here.until(lambda: bool(here.row()["stored"]))
        with path.open("a") as file:
            file.write("late,0901234567,50000,\n")
        await here.until((inbox / "done" / "a.csv").exists)
        assert len(await here.stored()) == 5001


async def test_a_folder_that_is_away_is_an_alarm_until_it_is_back(tmp_path: Path) -> None:
    async with office(tmp_path, SOURCE | {"alarm_after": "0s"}) as here:
        (text,) = await here.until_alarm("source:bus")
        assert "in cannot be used: No such file or directory" in text
        assert here.row()["where"].startswith("away: ")
        (tmp_path / "in").mkdir()
        put(tmp_path / "in", "a.csv", HEADER + "t1,0901234567,50000,\n")
        await here.until((tmp_path / "in" / "done" / "a.csv").exists)
        await here.until_alarm()


async def test_a_mapping_that_fits_nothing_is_an_alarm(tmp_path: Path, inbox: Path) -> None:
    put(inbox, "a.csv", HEADER + "t,x,50000,\n" * 150)
    async with office(tmp_path, SOURCE) as here:
        (text,) = await here.until_alarm("source:bus:refused")
        assert "were all refused (number: 'x' is not a number" in text
        put(inbox, "b.csv", HEADER + "t1,0901234567,50000,\n")
        await here.until_alarm()


async def test_one_process_takes_from_a_folder_and_another_stands_by(tmp_path: Path, inbox: Path) -> None:
    async with small_app(tmp_path, sources=(SOURCE,)) as app, running(app) as here:
        await here.until(lambda: here.row()["where"] == "waits for *.csv")
        async with office_on(app, SOURCE) as other:
            await other.until(lambda: other.row()["where"].startswith("stands by"))
            await here.stop()
            put(inbox, "a.csv", HEADER + "t1,0901234567,50000,\n")
            await other.until(lambda: other.row()["stored"] == 1)


@pytest.fixture
def looks(inbox: Path) -> Iterator[Any]:
    def look(now: float, seen: dict[str, Seen] = {}, **settings: Any) -> list[str]:  # noqa: B006 one for a test
        if "it" not in seen:
            source = FolderSource.model_validate(PLAIN | {"still": "5s"} | settings, strict=False)
            seen["it"] = Seen(inbox, source)
        return [path.name for path in seen["it"].complete(now)]

    kept: dict[str, Seen] = {}
    return iter([lambda now, **settings: look(now, kept, **settings)])


def test_a_file_is_complete_when_its_size_stood_still(inbox: Path, looks: Iterator[Any]) -> None:
    """O1: nobody reads half a file."""
    look = next(looks)
    path = put(inbox, "a.csv", "number,amount\n")
    assert look(100.0) == []
    assert look(104.9) == []
    with path.open("a") as file:
        file.write("0901234567,1\n")
    assert look(105.1) == []
    assert look(110.0) == []
    assert look(110.2) == ["a.csv"]


def test_a_file_is_complete_when_its_marker_is_there(inbox: Path, looks: Iterator[Any]) -> None:
    look = next(looks)
    put(inbox, "a.csv", "x")
    assert look(0.0, marker=".done") == []
    assert look(1000.0) == []
    put(inbox, "a.csv.done", "")
    assert look(1000.5) == ["a.csv"]


def test_only_plain_files_of_the_pattern_are_taken_the_oldest_first(
    inbox: Path, looks: Iterator[Any]
) -> None:
    look = next(looks)
    for age, name in enumerate(["c.csv", "b.csv", "a.txt", "b.csv.report.csv", ".d.csv"]):
        put(inbox, name, "x")
        os.utime(inbox / name, (1000 + age, 1000 + age))
    (inbox / "folder.csv").mkdir()
    (inbox / "link.csv").symlink_to(inbox / "a.txt")
    assert look(0.0, still="0s") == ["c.csv", "b.csv"]


def test_a_file_of_windows_has_the_same_ending_in_capitals(inbox: Path, looks: Iterator[Any]) -> None:
    """TOPUP.CSV would lie there for ever, and nobody is told."""
    look = next(looks)
    put(inbox, "TOPUP.CSV", "x")
    assert look(0.0, still="0s") == ["TOPUP.CSV"]


async def test_done_files_are_removed_after_their_time(tmp_path: Path, inbox: Path) -> None:
    """R13: numbers of subscribers are kept no longer than said."""
    (inbox / "done").mkdir()
    for name, age_s in (("old.csv", 31 * 86400), ("young.csv", 29 * 86400)):
        (inbox / "done" / name).write_text("x")
        now = (inbox / "done" / name).stat().st_mtime
        os.utime(inbox / "done" / name, (now - age_s, now - age_s))
    async with office(tmp_path, SOURCE) as here:
        await here.until(lambda: os.listdir(inbox / "done") == ["young.csv"])
