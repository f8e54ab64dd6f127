"""How is a written Vietnamese text spoken? Prices, units, dates, times, numbers to call, codes, all in words.

An ordered list of rules, each a pattern and what is said in its place; an earlier rule takes its text away
from the later ones, since words match no rule about digits. What the lexicon knows comes first and is final.
"""

import re
import unicodedata
from collections.abc import Callable

from prompts.letters import spell
from prompts.lexicon import MARK, Lexicon, unmark
from prompts.numerals import COUNTED, NUMBER, cardinal, digits, number, parse

#: Said for a unit that stands after a number, where the lexicon has nothing else.
_UNITS = {
    "GB": "ghi ga bai", "MB": "mê ga bai", "KB": "ki lô bai", "G": "gờ", "M": "mê",
    "Gbps": "ghi ga bít trên giây", "Mbps": "mê ga bít trên giây", "Kbps": "ki lô bít trên giây",
    "SMS": "ét em ét", "p": "phút", "ph": "phút", "s": "giây", "tr": "triệu", "km": "ki lô mét",
}  # fmt: skip
_COUNTED = f"(?:{MARK}|{COUNTED})"
_DAY, _MONTH, _YEAR = r"(0?[1-9]|[12]\d|3[01])", r"(0?[1-9]|1[0-2])", r"((?:19|20)\d\d)"
_SLASH = r"\s*/\s*"
_AFTER_WORD = rf"(?:(?<=\w)|(?<={MARK}))"
_ALONE, _END = r"(?<![\w.,/])", r"(?![\w/]|[.,]\d)"

Say = Callable[[re.Match[str]], str]


def _date(day: str, month: str, year: str | None = None) -> str:
    return f"{_day(day)} {_month(month, year)}"


def _day(day: str) -> str:
    return f"ngày {'mùng ' if int(day) <= 10 else ''}{cardinal(int(day))}"


def _month(month: str, year: str | None = None) -> str:
    name = "tháng tư" if int(month) == 4 else f"tháng {cardinal(int(month))}"
    return f"{name} năm {cardinal(int(year))}" if year else name


def _time(hour: str, minute: str | None) -> str:
    minutes = f" {cardinal(int(minute))} phút" if minute and int(minute) else ""
    return f"{cardinal(int(hour))} giờ{minutes}"


def _thousands(text: str) -> str:
    """90k, 1,5k: thousands of đồng."""
    whole, fraction = parse(text)
    if len(fraction) > 3:
        return f"{number(text)} nghìn đồng"
    return f"{cardinal(whole * 1000 + int(fraction.ljust(3, '0')))} đồng"


def _plain_number(text: str) -> str:
    """A number with nothing around it: long ones and those with a leading 0 are numbers to call."""
    if text.isdecimal() and len(text) > 2 and text[0] == "0":
        return digits(text)
    if text.isdecimal() and len(text) >= 7 and not text.endswith("000"):
        return digits(text)
    return number(text)


def _rule(pattern: str, say: Say, *, any_case: bool = True) -> tuple[re.Pattern[str], Say]:
    return re.compile(pattern, re.IGNORECASE if any_case else 0), say


#: Before units are parted from their numbers.
_WHOLE = (
    # numbers to call: +84 901 234 567, 0901.234.567, 1800 1090
    _rule(rf"{_ALONE}\+84(?:[\s.-]?\d){{9}}(?!\d)", lambda m: "cộng " + digits(m[0])),
    _rule(rf"{_ALONE}0\d{{2,3}}(?:[\s.-]?\d{{3,4}}){{2}}(?!\d)", lambda m: digits(m[0])),
    _rule(rf"{_ALONE}1[89]00(?:[\s.]?\d{{2,4}}){{1,2}}(?!\d)", lambda m: digits(m[0])),
    # days
    _rule(
        rf"(?:\bngày\s+)?{_ALONE}{_DAY}{_SLASH}{_MONTH}{_SLASH}{_YEAR}{_END}",
        lambda m: _date(m[1], m[2], m[3]),
    ),
    _rule(
        rf"(?:\bngày\s+)?{_ALONE}{_DAY}([-.]){_MONTH}\2{_YEAR}{_END}",
        lambda m: _date(m[1], m[3], m[4]),
    ),
    _rule(rf"(?:\bngày\s+)?{_ALONE}{_YEAR}-{_MONTH}-{_DAY}{_END}", lambda m: _date(m[3], m[2], m[1])),
    _rule(
        rf"\b(từ|đến|hết|trước|sau|sáng|chiều|tối)\s+(?:ngày\s+)?{_DAY}{_SLASH}{_MONTH}{_END}",
        lambda m: f"{m[1]} {_date(m[2], m[3])}",
    ),
    _rule(rf"\bngày\s+{_DAY}{_SLASH}{_MONTH}{_END}", lambda m: _date(m[1], m[2])),
    _rule(rf"(?:\btháng\s+)?{_ALONE}{_MONTH}{_SLASH}{_YEAR}{_END}", lambda m: _month(m[1], m[2])),
    _rule(rf"\bngày\s+{_DAY}(?=\s+tháng\s+\d)", lambda m: _day(m[1])),
    _rule(rf"\btháng\s+{_MONTH}(?!\d|[.,:]\d)", lambda m: _month(m[1])),
    # 8h-17h, 1-3 tháng, 10%-20%
    _rule(rf"(?:(?<=[\d%])|(?<=\d[hđ]))\s?[-–]\s?(?={NUMBER})", lambda m: " đến "),
    _rule(rf"{_ALONE}[-−](?={NUMBER})", lambda m: "âm "),
    # hours
    _rule(rf"{_ALONE}([01]?\d|2[0-4])[:h]([0-5]\d)(?!\w|[.,:]\d)", lambda m: _time(m[1], m[2])),
    _rule(rf"{_ALONE}([01]?\d|2[0-4])\s?h(?!\w)", lambda m: _time(m[1], None)),
    # money
    _rule(rf"{_ALONE}({NUMBER})\s*(?:đồng|vnđ|vnd|đ|₫)(?!\w)", lambda m: number(m[1]) + " đồng"),
    _rule(rf"{_ALONE}({NUMBER})\s?k(?!\w)", lambda m: _thousands(m[1])),
    _rule(rf"{_ALONE}({NUMBER})\s*%", lambda m: number(m[1]) + " phần trăm"),
    # 90.000đ/30 ngày, 20 phút/cuộc, 24/7
    _rule(rf"{_SLASH}(?=\d+\s*{_COUNTED})", lambda m: " cho "),
    _rule(rf"{_AFTER_WORD}{_SLASH}(?={_COUNTED})", lambda m: " mỗi "),
    _rule(rf"(?<=\d){_SLASH}(?=\d)", lambda m: " trên "),
    # what is texted or called: gửi 999, gọi 9090, tổng đài 1090
    _rule(
        r"\b((?:gửi|gọi|số|tổng đài|liên hệ|hotline|nhánh|máy lẻ|mã|qua)"
        r"(?:\s+(?:đến|tới|về|số|tổng đài|đầu số|nhánh|máy lẻ|hotline))*\s*:?\s+)"
        rf"(\d{{3,6}})(?![\w/]|[.,]\d)(?!\s*{_COUNTED})",
        lambda m: m[1] + digits(m[2]),
    ),
    # mobifone.vn
    _rule(rf"{_AFTER_WORD}\.(?=(?:vn|com|net|org|ai|gov)(?!\w))", lambda m: " chấm "),
)

#: 4GB -> 4 GB, but not 3C90N.
_UNIT_ATTACHED = re.compile(rf"(?<![\w.,])({NUMBER})(?=[^\W\d_]+(?!\w))")

#: After the units were parted from their numbers.
_PARTS = (
    _rule(
        rf"(?<![\w.,])({NUMBER})\s+({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?!\w)",
        lambda m: f"{number(m[1])} {_UNITS[m[2]]}",
        any_case=False,
    ),
    # codes that the catalogue does not know, abbreviations without a vowel: C90X, DK, CSKH
    _rule(r"(?<!\w)(?=[A-Z0-9]*[A-Z])(?=[A-Z0-9]*\d)[A-Z0-9]+(?!\w)", lambda m: spell(m[0]), any_case=False),
    _rule(r"(?<!\w)[BCDĐFGHKLMNPQRSTVWXZ]{1,6}(?!\w)", lambda m: spell(m[0]), any_case=False),
    _rule(NUMBER, lambda m: f" {_plain_number(m[0])} "),
    _rule(r"\d+", lambda m: f" {digits(m[0])} "),
    _rule(r"&", lambda m: " và "),
    _rule(r"\+", lambda m: " cộng "),
    _rule(r"@", lambda m: " a còng "),
    _rule(r"#", lambda m: " thăng "),
    _rule(r"\*", lambda m: " sao "),
    _rule(r"%", lambda m: " phần trăm "),
    _rule(r"=", lambda m: " bằng "),
    _rule(r"[\[\]{}<>|_~^\\]+", lambda m: " "),
    _rule(rf"{_AFTER_WORD}{_SLASH}(?=\w|{MARK})", lambda m: ", "),
)


def in_words(text: str, lexicon: Lexicon) -> str:
    """ "gói C90N giá 90.000đ" -> "gói xê chín mươi en giá chín mươi nghìn đồng". No digit is left."""
    found: list[str] = []
    text = " ".join(unicodedata.normalize("NFC", re.sub(MARK, "", text)).split())
    text = lexicon.mark(text, found)
    text = _apply(_WHOLE, text)
    text = _UNIT_ATTACHED.sub(r"\1 ", text)
    text = lexicon.mark(text, found)
    text = unmark(_apply(_PARTS, text), found)
    text = re.sub(r"\s+([.,;:!?…)])", r"\1", " ".join(text.split()))
    return re.sub(r"\(\s+", "(", text)


def _apply(rules: tuple[tuple[re.Pattern[str], Say], ...], text: str) -> str:
    for pattern, say in rules:
        text = pattern.sub(say, text)
    return text
