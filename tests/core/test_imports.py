"""Is each cell of an imported file read as it was meant, or refused with what would be right?"""

import pytest

from core.headers import column_of
from core.imports import KINDS, NOT_UTF8, BadRow, cells_of, row_of, row_of_cells

SUBSCRIBERS = ("number", *(column.name for column in KINDS["subscribers"]))


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("number", "number"), ("Số thuê bao", "number"), ("SO THUE BAO", "number"), ("SĐT", "number"),
        ("so_thue_bao", "number"), ("MSISDN", "number"), ("Số điện thoại", "number"), ("\ufeffnumber", "number"),
        ("Loại thuê bao", "payment"), ("Dòng máy", "device"), ("Khu vực", "region"), ("Trạng thái", "status"),
        ("VLR", "vlr"), ("Phân khúc", "segment"), ("Ngày kích hoạt", "activated_on"), ("Số dư", "balance"),
        ("arpu_1", "arpu_1"), ("ARPU tháng 1", "arpu_1"), ("ARPU T3", "arpu_3"), ("arpu_data_2", "arpu_data_2"),
        ("ARPU data 2", "arpu_data_2"), ("ARPU thoại 1", "arpu_voice_1"), ("Gói cước", "packages"),
        ("Đồng ý", "consent"), ("Họ tên", None), ("", None), ("lý do", None),
    ],
)  # fmt: skip
def test_a_header_is_known_with_and_without_marks(header: str, column: str | None) -> None:
    """Issue 3 item 6: headers as they come."""
    assert column_of(header, SUBSCRIBERS) == column


def test_a_header_is_a_column_of_its_kind_only() -> None:
    assert column_of("Lý do", ("number", "reason")) == "reason"
    assert column_of("Kênh", ("number", "channel")) == "channel"


@pytest.mark.parametrize(
    "written",
    [
        "0901234567", "84901234567", "+84901234567", "0901 234 567", "090.123.4567", "901234567", "901234567.0",
        "9.01234567E8", "9.01234567e+08", "84901234567.0", "8.4901234567E+10",
    ],
)  # fmt: skip
def test_a_number_is_read_as_people_and_spreadsheets_write_it(written: str) -> None:
    """Issue 3 item 6: phones as floats, the zero in front lost."""
    assert row_of("targets", {"number": written}) == {"number": "+84901234567"}


def test_an_old_number_that_lost_its_zero_is_read() -> None:
    """rules.md, Numbers: 0120 became 070."""
    assert row_of("targets", {"number": "1201234567.0"})["number"] == "+84701234567"


@pytest.mark.parametrize(
    "written", ["", "abc", "9.012345675E8x", "9.0123456789E8", "90123456", "1.5", "+14155550100", "1e99"]
)
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(BadRow, match="number: "):
        row_of("targets", {"number": written})


@pytest.mark.parametrize(
    ("column", "written", "read"),
    [
        ("payment", "Prepaid", "prepaid"), ("payment", "Trả trước", "prepaid"), ("payment", "TS", "postpaid"),
        ("device", "Smartphone", "smartphone"), ("device", "Feature phone", "featurephone"),
        ("status", "Hai chiều", "two_way"), ("status", "2 chieu", "two_way"), ("status", "", None),
        ("vlr", "1", 1), ("vlr", "0.0", 0), ("vlr", "TRUE", 1), ("vlr", "Không", 0), ("vlr", "", None),
        ("arpu_1", "90000", 90_000), ("arpu_1", "90000.0", 90_000), ("balance", "0", 0), ("balance", "", None),
        ("activated_on", "2024-03-31", "2024-03-31"), ("activated_on", "31/03/2024", "2024-03-31"),
        ("activated_on", "2024-03-31 00:00:00", "2024-03-31"), ("activated_on", "", None),
        ("packages", " C90N ; BL5G;", "BL5G;C90N"), ("packages", "", ""), ("flags", "VIP;gold", "gold;vip"),
        ("region", "CTKV2", "CTKV2"), ("consent", "", None),
    ],
)  # fmt: skip
def test_a_cell_is_read(column: str, written: str, read: object) -> None:
    """DESIGN §5: the columns of the subscribers file."""
    assert row_of("subscribers", {"number": "0901234567", column: written})[column] == read


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("payment", "cash"), ("device", "tablet"), ("status", "maybe"), ("vlr", "2"), ("arpu_1", "90.000"),
        ("arpu_1", "-1"), ("balance", "1e5"), ("balance", "9999999999999"), ("activated_on", "31/02/2024"),
        ("activated_on", "soon"), ("flags", "rich"),
    ],
)  # fmt: skip
def test_a_cell_in_doubt_is_refused_by_its_column(column: str, written: str) -> None:
    """R15: 90.000 may be ninety or ninety thousand."""
    with pytest.raises(BadRow, match=f"^{column}: .*{written}"):
        row_of("subscribers", {"number": "0901234567", column: written})


def test_a_column_that_is_not_there_is_unknown() -> None:
    """DESIGN §5: what is missing counts as unknown; an empty `packages` says that there are none."""
    row = row_of("subscribers", {"number": "0901234567", "flags": ""})
    assert (row["packages"], row["flags"]) == (None, "")


@pytest.mark.parametrize(
    ("kind", "cells"),
    [("dnc", {}), ("exclusions", {})],
)
def test_what_a_list_needs_must_stand_there(kind: str, cells: dict[str, str]) -> None:
    with pytest.raises(BadRow, match="is empty"):
        row_of(kind, {"number": "0901234567", **cells})


def test_a_row_has_as_many_cells_as_the_header() -> None:
    for cells in (["0901234567"], ["0901234567", "sms", "x"], ["0901234567", "sms", "", ""]):
        with pytest.raises(BadRow, match=f"has {len(cells)} cells, the header has 2"):
            row_of_cells("dnc", ["number", "channel"], cells)
    row = row_of_cells("dnc", ["number", "channel"], ["0901234567", "sms", ""])
    assert row == {"number": "+84901234567", "channel": "sms"}


def test_who_is_on_the_exclusion_list_without_a_reason_is_excluded() -> None:
    """O3, R15: a forgotten reason makes nobody callable; it is told as changed."""
    told: list[str] = []
    row = row_of_cells("exclusions", ["number", "reason"], ["0901234567", ""], told)
    assert row == {"number": "+84901234567", "reason": "no reason given"}
    assert told[0].endswith(": taken as no reason given")


@pytest.mark.parametrize(
    "cell",
    [
        "no",
        "No",
        "0",
        "KHÔNG",
        "false",
        "Không đồng ý",
        "chưa đồng ý",
        "TỪ CHỐI",
        "đã hủy",
        "n/a",
        "-",
        "?",
        "K",
    ],
)
def test_a_plain_no_is_no_evidence_of_consent(cell: str) -> None:
    """R3: silence is not consent, and a no even less; the row is refused, so nobody is called on it."""
    with pytest.raises(BadRow, match="is no evidence of consent"):
        row_of_cells("subscribers", ["number", "consent"], ["0901234567", cell])


@pytest.mark.parametrize("cell", ["", "fax", "0", "không", "sms;voice"])
def test_who_is_listed_for_something_unknown_is_listed_for_everything(cell: str) -> None:
    """R2, R15: a wrong channel of the DoNotCall register counts as both, and is told."""
    changed: list[str] = []
    row = row_of_cells("dnc", ["number", "channel"], ["0901234567", cell], changed)
    assert row == {"number": "+84901234567", "channel": "both"}
    (why,) = changed
    assert why.startswith("channel: ")
    assert why.endswith(": taken as both")


@pytest.mark.parametrize(
    ("line", "delimiter", "cells"),
    [
        ("0901234567,prepaid", ",", ["0901234567", "prepaid"]),
        ('0901234567;"Hà Nội; quận 1"', ";", ["0901234567", "Hà Nội; quận 1"]),
        ('0901234567,"a ""b"" c"', ",", ["0901234567", 'a "b" c']),
        ("", ",", []),
    ],
)
def test_a_line_of_csv_is_its_cells(line: str, delimiter: str, cells: list[str]) -> None:
    """Issue 3 item 6: a row that the fast reader refused is read alone, to say what is wrong."""
    assert cells_of(line, delimiter) == cells


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('0901234567,"never closed', "its quotes are wrong"),
        ('0901234567,"a"b', "its quotes are wrong"),
        (b"0901234567,Ha N\xf4i".decode(errors="surrogateescape"), NOT_UTF8),
    ],
)
def test_a_line_that_cannot_be_read_says_why(line: str, why: str) -> None:
    """Issue 3 item 6: reported with its reason; the rest of the file goes on."""
    with pytest.raises(BadRow) as refused:
        cells_of(line, ",")
    assert why in str(refused.value)
