"""Does a file of any form become the list that it says, and is every row that cannot be taken named?"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runtime.imports import BadFile, Report, RowsBeside, gathered, opened, rows_of
from store import lists
from store.building import FromRows
from store.bulk import Table
from store.columns import ListFile, number_of

Rows = dict[str, tuple[Any, ...]]
Bad = list[tuple[int, list[str], str]]


def listed(folder: Path, built: lists.Built) -> Rows:
    file = ListFile(folder / built.file)
    return {number_of(file.numbers[at]): file.row(at) for at in range(file.rows)}


def _mended(report: Report) -> Callable[[int, list[str], str], None]:
    return lambda line, cells, reason: report.change(line, reason)


def imported(
    file: Path, kind: lists.ListKind, folder: Path, engine: bool | None = None
) -> tuple[Rows, Report, Bad]:
    """A file's list, and what was refused. `engine`: whether the engine must have read it."""
    bad: Bad = []
    report = Report()
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        found = opened(file, kind, work, report)

        def gather() -> Table | FromRows:
            read = gathered(
                found, kind, work, report, lambda *row: bad.append(row), _mended(report),
                lambda share: None, held,
            )  # fmt: skip
            assert isinstance(read, Table | FromRows)
            assert engine is None or isinstance(read, Table) == engine
            return read

        built = lists.build_from(folder / "lists", kind, gather)
    for each in work.iterdir():
        each.unlink()
    return listed(folder / "lists", built), report, bad


def written(folder: Path, text: str | bytes, name: str = "list.csv") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


CHANNELS = "Số thuê bao,Kênh\n0901234567,voice\n0901234568,Thoại\n901234569,Cả hai\n"
THREE = {"+84901234567": ("voice",), "+84901234568": ("voice",), "+84901234569": ("both",)}


@pytest.mark.parametrize(
    ("encoding", "read_as"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "UTF-16"), ("cp1258", "Windows-1258")],
)
def test_a_file_is_read_in_the_alphabet_that_it_has(encoding: str, read_as: str, tmp_path: Path) -> None:
    """Issue 3 item 6: encodings as they come."""
    if encoding == "cp1258":  # this alphabet writes marks of tone after the letter
        octets = (
            CHANNELS.replace("ố", "ô\u0301").replace("ả", "a\u0309").replace("ạ", "a\u0323").encode(encoding)
        )
    else:
        octets = CHANNELS.encode(encoding)
    rows, report, bad = imported(written(tmp_path, octets), "dnc", tmp_path, engine=True)
    assert (rows, report.read_as, bad) == (THREE, read_as, [])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_lines_and_columns_are_told_apart_as_the_file_does(end: str, delimiter: str, tmp_path: Path) -> None:
    text = CHANNELS.replace(",", delimiter).replace("\n", end)
    assert imported(written(tmp_path, text), "dnc", tmp_path, engine=True)[0] == THREE


def test_a_workbook_is_read_with_numbers_as_floats(tmp_path: Path) -> None:
    """Issue 3 item 6: XLSX, phones as floats; a row is named by its row in the sheet."""
    file = tmp_path / "list.xlsx"
    book = xlsxwriter.Workbook(file)
    sheet = book.add_worksheet()
    for at, row in enumerate((("SĐT", "Kênh"), (901234567, "voice"), ("0901234568", "voice"), (5, "sms"))):
        sheet.write_row(at + 2, 0, row)
    sheet.write_row(6, 0, (84901234569.0, "both"))
    book.close()
    rows, _, bad = imported(file, "dnc", tmp_path)
    assert rows == THREE
    assert [(line, cells) for line, cells, _ in bad] == [(6, ["5", "sms"])]


def test_a_title_above_the_header_is_passed_over(tmp_path: Path) -> None:
    """Issue 3 item 6: as files of an office come; a row is named by its line in the file."""
    title = "DANH SÁCH TỪ CHỐI,\nNgày 21/11/2026,\n,\n"
    rows, _, bad = imported(written(tmp_path, title + CHANNELS + "5,sms\n"), "dnc", tmp_path, engine=True)
    assert (rows, [line for line, *_ in bad]) == (THREE, [8])
    book = xlsxwriter.Workbook(tmp_path / "list.xlsx")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ("DANH SÁCH TỪ CHỐI",))
    for at, row in enumerate((("SĐT", "Kênh"), ("0901234567", "voice"), ("5", "sms"))):
        sheet.write_row(at + 2, 0, row)
    book.close()
    rows, _, bad = imported(tmp_path / "list.xlsx", "dnc", tmp_path)
    assert (list(rows), [line for line, *_ in bad]) == (["+84901234567"], [5])


def test_parquet_is_read_with_its_own_types(tmp_path: Path) -> None:
    """Issue 3 item 6: Parquet."""
    file = tmp_path / "list.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT * FROM (VALUES (901234567.0::DOUBLE, true, ['C90N', 'BL5G'], DATE '2024-03-31', 5000), "
            "(901234568, false, [], NULL, NULL), (12, NULL, NULL, NULL, NULL)) "
            f"t(msisdn, vlr, packages, activated_on, balance)) TO '{file}' (FORMAT parquet)"
        )
    rows, report, bad = imported(file, "subscribers", tmp_path, engine=True)
    assert report.accepted == 2
    assert [line for line, *_ in bad] == [4]
    columns = lists.COLUMNS["subscribers"]
    one, two = (dict(zip(columns, rows[f"+8490123456{digit}"], strict=True)) for digit in "78")
    assert (one["vlr"], one["packages"], one["activated_on"], one["balance"]) == (
        1,
        "BL5G;C90N",
        "2024-03-31",
        5000,
    )
    assert (two["vlr"], two["packages"], two["activated_on"], two["balance"]) == (0, "", None, None)


def test_bad_rows_are_named_by_line_and_reason_and_stop_nothing(tmp_path: Path) -> None:
    """DESIGN §5: a bad row is reported with its line and reason and does not stop the rest."""
    text = (
        "number,payment,flags\n0901234567,prepaid,\n0901234568,cash,\nabc,prepaid,\n0901234569,prepaid\n"
        "0901234570,prepaid,rich\n0901234571,postpaid,VIP\n,,\n0901234572,prepaid,,x\n0901234573,,\n"
    )
    rows, report, bad = imported(written(tmp_path, text), "subscribers", tmp_path, engine=True)
    assert sorted(rows) == ["+84901234567", "+84901234571", "+84901234573"]
    assert [(line, reason.split(":")[0]) for line, _, reason in bad] == [
        (3, "payment"), (4, "number"), (5, "has 2 cells, the header has 3"), (6, "flags"),
        (9, "has 4 cells, the header has 3"),
    ]  # fmt: skip
    assert report.accepted == 3


def test_the_report_beside_the_file_names_every_refused_row(tmp_path: Path) -> None:
    file, report = written(tmp_path, ""), Report()
    refused = RowsBeside(file, "refused", report.refuse)
    for line in range(30, 1, -1):
        refused.add(line, ["abc"], "number: no")
    refused.close()
    assert refused.path.read_text("utf-8-sig").splitlines()[:2] == ["line,reason,row", "30,number: no,abc"]
    assert report.refused == 29
    assert [line for line, _ in report.shown] == list(range(2, 22))


def test_a_column_with_a_text_of_its_own_in_each_row_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R3: the evidence of consent may be another for every subscriber."""
    monkeypatch.setattr("store.bulk.MANY", 3)
    lines = [f"09012345{at},{'' if at % 5 == 0 else f'HĐ {at}'}" for at in range(10, 40)]
    text = "\n".join(["number,consent", *lines, lines[0] + "x"])
    rows, *_ = imported(written(tmp_path, text), "subscribers", tmp_path, engine=True)
    assert {number: row[-1] for number, row in rows.items()} == {
        f"+849012345{at}": None if at % 5 == 0 else f"HĐ {at}" for at in range(11, 40)
    } | {"+84901234510": "x"}


def test_a_no_among_many_evidences_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R3: however many different texts there are, a no is not taken for one of them."""
    monkeypatch.setattr("store.bulk.MANY", 3)
    lines = [f"09012345{at},{'không' if at == 20 else f'HĐ {at}'}" for at in range(10, 40)]
    rows, *_ = imported(written(tmp_path, "\n".join(["number,consent", *lines])), "subscribers", tmp_path)
    assert "+84901234520" not in rows
    assert len(rows) == 29


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"), ("số máy bàn\n1\n", "'số máy bàn' is not a column of dnc"),
        ("number,SĐT,channel\n", "stands there twice"), ("number\n0901234567\n", "'channel' is missing"),
    ],
)  # fmt: skip
def test_a_header_that_is_wrong_stops_the_file(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=says):
        imported(written(tmp_path, text), "dnc", tmp_path)


@pytest.mark.parametrize("name", ["list.parquet", "list.xlsx"])
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="that can be read"):
        imported(written(tmp_path, "number,channel\n", name), "dnc", tmp_path)


@pytest.mark.parametrize("cell", ['"voice', "voice\x00", 'voice"\n"', "voice\n\nx", "voice\rx", 'vo"ice"'])
def test_where_lines_are_in_doubt_the_file_is_read_line_by_line(cell: str, tmp_path: Path) -> None:
    """A quote that is never closed costs its own row only."""
    text = f"number,channel\n0901234567,voice\n0901234568,{cell}\n0901234569,both\n"
    rows, _, bad = imported(written(tmp_path, text), "dnc", tmp_path)
    assert rows.items() >= {"+84901234567": ("voice",), "+84901234569": ("both",)}.items()
    assert 3 in [line for line, *_ in bad] or rows["+84901234568"] in (("voice",), ("both",))


CELLS: Sequence[str] = (
    "", " ", "0901234567", "84901234568", "+84 901 234 569", "901234570.0", "9.01234571E8", "0912345670", "12",
    "abc", "prepaid", "TS", "cash", "1", "0", "2", "007", " 5 ", "90000.0", "-1", "1e5", "999999999999",
    "9999999999999", "vip", "VIP;gold", "rich", '"quoted"', '"a;b"', '"a"x', '"', 'a"b', "Đồng ý", "\u00a0", "a,b",
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(st.sampled_from(CELLS), min_size=3, max_size=5), max_size=12),
    numbers=st.lists(st.sampled_from(CELLS[2:8]), min_size=12, max_size=12),
    end=st.sampled_from(["", "\n", "\r\n", "\n\n"]),
)
@example(rows=[['"a"x', '"a"x', ""]], numbers=["0901234567"] * 12, end="")
def test_the_engine_and_the_plain_reader_say_the_same(
    rows: list[list[str]], numbers: list[str], end: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Issue 3 item 6: whatever the file, one meaning."""
    folder = tmp_path_factory.mktemp("same")
    names = "number,payment,balance,flags,consent"
    lines = [",".join([number, *cells]) for number, cells in zip(numbers, rows, strict=False)]
    file = written(folder, "\n".join([names, *lines]) + end)
    engine, said, bad = imported(file, "subscribers", folder)
    report, plain_bad = Report(), list[tuple[int, list[str], str]]()
    found = opened(file, "subscribers", folder, report)
    plain = list(
        rows_of(
            found,
            "subscribers",
            report,
            lambda *row: plain_bad.append(row),
            _mended(report),
            lambda share: None,
        )
    )
    built = lists.build(folder / "plain", "subscribers", plain)
    assert engine == listed(folder / "plain", built)
    assert (said.accepted, [(line, why) for line, _, why in bad]) == (
        report.accepted, [(line, why) for line, _, why in plain_bad],
    )  # fmt: skip


WRONG_CHANNELS = """\
number,channel
0901234567,voice
0901234568,fax
+84 901 234 569,
0901234570,SMS
12,fax
0901234571,fax
"""


@pytest.mark.parametrize("engine", [True, False])
def test_a_wrong_channel_counts_as_both_and_is_reported(engine: bool, tmp_path: Path) -> None:
    """R2, R15: by the engine and line by line; the file beside names each line and why."""
    file = written(tmp_path, WRONG_CHANNELS)
    report, refused = Report(), list[tuple[int, list[str], str]]()
    changed = RowsBeside(file, "changed", report.change)
    found = opened(file, "dnc", tmp_path, report)

    def gather() -> Table | FromRows:
        if not engine:
            rows = rows_of(
                found, "dnc", report, lambda *row: refused.append(row), changed.add, lambda share: None
            )
            return FromRows("dnc", rows)
        read = gathered(
            found,
            "dnc",
            tmp_path,
            report,
            lambda *row: refused.append(row),
            changed.add,
            lambda share: None,
            held,
        )
        assert isinstance(read, Table)
        return read

    with ExitStack() as held:
        built = lists.build_from(tmp_path / "lists", "dnc", gather)
    changed.close()
    assert listed(tmp_path / "lists", built) == {
        "+84901234567": ("voice",), "+84901234568": ("both",), "+84901234569": ("both",),
        "+84901234570": ("sms",), "+84901234571": ("both",),
    }  # fmt: skip
    assert (report.accepted, report.changed, [line for line, *_ in refused]) == (5, 3, [6])
    said = changed.path.read_text("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in said] == ["line", "3", "4", "7"]
    assert "'fax' is not one of voice, sms, both: taken as both" in said[1]
