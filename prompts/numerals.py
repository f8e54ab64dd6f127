"""How is a number spoken in Vietnamese? 105 "một trăm lẻ năm", 1,5 "một phẩy năm", 9090 digit by digit."""

import re
from functools import lru_cache

from unicode_rbnf import RbnfEngine

#: A number as people write it: 90000, 90.000, 1.234,5, 1,5, 1.5. Before three digits dot and comma group.
NUMBER = r"(?:\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d{1,3}(?:,\d{3})+|\d+(?:[.,]\d+)?)(?![.,]?\d)"
_GROUPED = re.compile(r"([1-9]\d{0,2}(?:\.\d{3})+)(?:,(\d+))?\Z|([1-9]\d{0,2}(?:,\d{3})+)\Z")
_PLAIN = re.compile(r"(\d+)(?:[.,](\d+))?\Z")
#: What is counted: a number before one of these is an amount, not a number to call.
COUNTED = (
    r"(?:(?:ngày|tháng|tuần|năm|giờ|phút|giây|cuộc|lần|chu kỳ|kỳ|gói|thuê bao|tin|đồng|đ|nghìn|triệu|tỷ"
    r"|người|máy|điểm|GB|MB|KB|SMS|phần trăm)(?!\w)|%)"
)
_SPOKEN_UP_TO = 10**18  #: unicode-rbnf has no words beyond


@lru_cache(maxsize=1)
def _engine() -> RbnfEngine:
    return RbnfEngine.for_language("vi")


def cardinal(number: int) -> str:
    """21 -> "hai mươi mốt". Any integer of at least 0; from 10^18 on digit by digit."""
    return _engine().format_number(number).text if number < _SPOKEN_UP_TO else digits(str(number))


def digits(text: str) -> str:
    """ "9090" -> "chín không chín không"; what is not a digit is left out."""
    return " ".join(cardinal(int(digit)) for digit in text if digit.isdecimal())


def parse(text: str) -> tuple[int, str]:
    """What matches NUMBER -> whole part and the digits after the comma ("" without any)."""
    if found := _GROUPED.match(text):
        return int(re.sub(r"[.,]", "", found[1] or found[3])), found[2] or ""
    found = _PLAIN.match(text)
    if found is None:
        raise ValueError(f"{text!r} is not a number")
    return int(found[1]), found[2] or ""


def number(text: str) -> str:
    """What matches NUMBER, in words. Up to two digits after the comma are a number, more are one by one."""
    whole, fraction = parse(text)
    if not fraction:
        return cardinal(whole)
    if len(fraction) <= 2 and not fraction.startswith("0"):
        return f"{cardinal(whole)} phẩy {cardinal(int(fraction))}"
    return f"{cardinal(whole)} phẩy {digits(fraction)}"
