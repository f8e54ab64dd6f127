"""Is written Vietnamese spoken as a person would speak it?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.packages import Catalogue, Package
from prompts.letters import spell
from prompts.lexicon import Lexicon
from prompts.numerals import cardinal, number
from prompts.words import in_words

LEXICON = Lexicon(
    {
        "MobiFone": "mô bi phôn",
        "C90N": "xê chín mươi en",
        "3C90N": "ba xê chín mươi en",
        "data": "đa ta",
        "GB": "ghi ga bai",
        "GB/ngày": "ghi ga bai một ngày",
        "999": "chín chín chín",
        "/tháng": "mỗi tháng",
    }
)
NOTHING = Lexicon({})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "không"),
        (1, "một"),
        (4, "bốn"),
        (5, "năm"),
        (10, "mười"),
        (14, "mười bốn"),
        (15, "mười lăm"),
        (20, "hai mươi"),
        (21, "hai mươi mốt"),
        (24, "hai mươi tư"),
        (25, "hai mươi lăm"),
        (91, "chín mươi mốt"),
        (100, "một trăm"),
        (101, "một trăm lẻ một"),
        (105, "một trăm lẻ năm"),
        (110, "một trăm mười"),
        (115, "một trăm mười lăm"),
        (121, "một trăm hai mươi mốt"),
        (999, "chín trăm chín mươi chín"),
        (1000, "một nghìn"),
        (1005, "một nghìn không trăm lẻ năm"),
        (1015, "một nghìn không trăm mười lăm"),
        (90_000, "chín mươi nghìn"),
        (105_000, "một trăm lẻ năm nghìn"),
        (1_000_000, "một triệu"),
        (1_500_000, "một triệu năm trăm nghìn"),
        (1_000_000_000, "một tỷ"),
        (10**18, "một" + " không" * 18),
    ],
)
def test_numbers_are_spoken_as_in_vietnamese(value: int, words: str) -> None:
    assert cardinal(value) == words


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        # prices
        ("90.000đ", "chín mươi nghìn đồng"),
        ("90.000 đ", "chín mươi nghìn đồng"),
        ("90.000 đồng", "chín mươi nghìn đồng"),
        ("90,000đ", "chín mươi nghìn đồng"),
        ("90000 VNĐ", "chín mươi nghìn đồng"),
        ("90k", "chín mươi nghìn đồng"),
        ("1,5K", "một nghìn năm trăm đồng"),
        ("0đ", "không đồng"),
        ("1.000.000đ", "một triệu đồng"),
        ("1.500.000.000đ", "một tỷ năm trăm triệu đồng"),
        ("2,5 triệu đồng", "hai phẩy năm triệu đồng"),
        ("90.000đ/30 ngày", "chín mươi nghìn đồng cho ba mươi ngày"),
        ("chỉ với 90.000đ.", "chỉ với chín mươi nghìn đồng."),
        # allowances
        ("4GB/ngày", "bốn ghi ga bai một ngày"),
        ("4GB/tháng", "bốn ghi ga bai mỗi tháng"),
        ("1,5GB data/ngày", "một phẩy năm ghi ga bai đa ta mỗi ngày"),
        ("1.5 GB", "một phẩy năm ghi ga bai"),
        ("500MB", "năm trăm mê ga bai"),
        ("20 phút/cuộc gọi", "hai mươi phút mỗi cuộc gọi"),
        ("miễn phí 1.000 phút gọi", "miễn phí một nghìn phút gọi"),
        ("200 SMS nội mạng", "hai trăm ét em ét nội mạng"),
        ("4G và 5G", "bốn gờ và năm gờ"),
        # codes
        ("gói C90N", "gói xê chín mươi en"),
        ("gói 3C90N", "gói ba xê chín mươi en"),
        ("gói XY7", "gói ích i bảy"),
        ("soạn DK C90N", "soạn đê ca xê chín mươi en"),
        ("CSKH", "xê ét ca hát"),
        ("MIỄN PHÍ", "MIỄN PHÍ"),
        # what is texted, called, pressed
        ("gửi 999", "gửi chín chín chín"),
        ("999 phút", "chín trăm chín mươi chín phút"),
        ("999.000đ", "chín trăm chín mươi chín nghìn đồng"),
        ("gọi 9090 để biết", "gọi chín không chín không để biết"),
        ("gọi 9090.", "gọi chín không chín không."),
        ("gọi 1000 phút", "gọi một nghìn phút"),
        ("tổng đài: 1090", "tổng đài: một không chín không"),
        ("liên hệ số 18001090", "liên hệ số một tám không không một không chín không"),
        ("0901 234 567", "không chín không một hai ba bốn năm sáu bảy"),
        ("0901.234.567", "không chín không một hai ba bốn năm sáu bảy"),
        ("+84 901 234 567", "cộng tám bốn chín không một hai ba bốn năm sáu bảy"),
        ("090", "không chín không"),
        ("09 gói cước", "chín gói cước"),
        ("bấm 1", "bấm một"),
        ("phím * hoặc #", "phím sao hoặc thăng"),
        # days and hours
        ("30/9/2021", "ngày ba mươi tháng chín năm hai nghìn không trăm hai mươi mốt"),
        ("Từ ngày 30 / 9 / 2021", "Từ ngày ba mươi tháng chín năm hai nghìn không trăm hai mươi mốt"),
        ("2021-09-30", "ngày ba mươi tháng chín năm hai nghìn không trăm hai mươi mốt"),
        ("ngày 4/4", "ngày mùng bốn tháng tư"),
        ("từ 1/5 đến 31/5", "từ ngày mùng một tháng năm đến ngày ba mươi mốt tháng năm"),
        ("ngày mùng 5", "ngày mùng năm"),
        ("ngày 5 tháng 9", "ngày mùng năm tháng chín"),
        ("tháng 4", "tháng tư"),
        ("4 tháng", "bốn tháng"),
        ("9/2021", "tháng chín năm hai nghìn không trăm hai mươi mốt"),
        ("08:00-17:00", "tám giờ đến mười bảy giờ"),
        ("từ 8h - 22h30", "từ tám giờ đến hai mươi hai giờ ba mươi phút"),
        ("24/7", "hai mươi tư trên bảy"),
        # the rest
        ("50%", "năm mươi phần trăm"),
        ("12,5%", "mười hai phẩy năm phần trăm"),
        ("1,05", "một phẩy không năm"),
        ("10%-20%", "mười phần trăm đến hai mươi phần trăm"),
        ("1-3 tháng", "một đến ba tháng"),
        ("-5 độ", "âm năm độ"),
        ("gói A - 5 ngày", "gói A - năm ngày"),
        ("và/hoặc", "và, hoặc"),
        ("mobifone.vn", "mobifone chấm vn"),
        ("MobiFone.vn", "mô bi phôn chấm vn"),
        ("  Xin \n cảm ơn !", "Xin cảm ơn!"),
        ("", ""),
    ],
)
def test_a_text_is_put_into_words(written: str, spoken: str) -> None:
    assert in_words(written, LEXICON) == spoken


def test_the_first_offer_of_script_1_is_spoken_in_full() -> None:
    """O12: name, allowance, price."""
    text = "bấm 1 nếu muốn đăng ký gói cước C90N có 4GB/ngày và 1.000 phút gọi chỉ với 90.000đ cho 30 ngày;"
    assert in_words(text, LEXICON) == (
        "bấm một nếu muốn đăng ký gói cước xê chín mươi en có bốn ghi ga bai một ngày"
        " và một nghìn phút gọi chỉ với chín mươi nghìn đồng cho ba mươi ngày;"
    )


@pytest.mark.parametrize(
    ("entries", "written", "spoken"),
    [
        ({"AI": "ây ai"}, "AI, ai, MAI", "ây ai, ai, MAI"),
        ({"data": "đa ta"}, "Data DATA data database", "đa ta đa ta đa ta database"),
        ({"GB": "ghi", "GBP": "bảng"}, "4GB 4GBP", "bốn ghi bốn bảng"),
        ({"9090": "X"}, "9090; 19090; 9090.", "X; mười chín nghìn không trăm chín mươi; X."),
        (
            {"900": "X"},
            "900đ 900.000đ 1.900đ",
            "chín trăm đồng chín trăm nghìn đồng một nghìn chín trăm đồng",
        ),
        ({"một": "hai", "hai": "ba"}, "một hai", "hai ba"),
        ({"cuộc gọi": "A", "cuộc": "B"}, "cuộc gọi, cuộc", "A, B"),
        ({"(mẫu)": ""}, "gói (mẫu) này", "gói này"),
        ({"e\u0301": "sắc"}, "é", "sắc"),
        ({"a.b": "X"}, "aXb a.b", "aXb X"),
        ({"": "X"}, "a", "a"),
    ],
)
def test_the_lexicon_takes_the_longest_whole_word_and_is_final(
    entries: dict[str, str], written: str, spoken: str
) -> None:
    assert in_words(written, Lexicon(entries)) == spoken


def test_a_package_is_spoken_as_the_catalogue_says_else_letter_by_letter() -> None:
    """O17."""
    sample = Package(kind="data", price=50000, days=30, allowance="4GB + 60'", syntax="DK X")
    catalogue = Catalogue(
        packages={
            "THAGA100": sample.model_copy(update={"spoken": "thả ga một trăm"}),
            "M50": sample.model_copy(update={"spoken_allowance": "bốn ghi ga và một giờ gọi"}),
            "CS": sample,
        },
        spoken={"CS": "xê ét xì"},
    )
    text = "THAGA100, M50, CS: 4GB + 60'"
    assert in_words(text, Lexicon.of(catalogue)) == (
        "thả ga một trăm, em năm mươi, xê ét xì: bốn ghi ga và một giờ gọi"
    )


@pytest.mark.parametrize(
    ("code", "spoken"),
    [
        ("C90N", "xê chín mươi en"),
        ("3C90N", "ba xê chín mươi en"),
        ("21G", "hai mươi mốt gờ"),
        ("W007", "vê kép không không bảy"),
        ("Đ1", "đê một"),
    ],
)
def test_a_code_is_spelled(code: str, spoken: str) -> None:
    assert spell(code) == spoken


@given(st.text(max_size=60) | st.text("0123456789.,/:-+%đkhGBC ngàytừ", max_size=40))
def test_no_text_breaks_the_rules_and_no_digit_is_left(text: str) -> None:
    """Digits are left to no engine: each reads them in its own way."""
    heard = in_words(text, NOTHING)
    assert not any("0" <= letter <= "9" for letter in heard)
    assert heard == " ".join(heard.split())


@given(st.integers(0, 10**15))
def test_a_price_is_its_number_and_dong(amount: int) -> None:
    written = f"{amount:,}".replace(",", ".") + "đ"
    assert in_words(written, NOTHING) == f"{cardinal(amount)} đồng"


@given(st.integers(0, 10**9), st.integers(1, 99))
def test_a_decimal_is_read_on_both_sides_of_the_comma(whole: int, fraction: int) -> None:
    assert number(f"{whole},{fraction}") == f"{cardinal(whole)} phẩy {cardinal(fraction)}"
