"""Which subscriber is this? Numbers are kept as E.164: +84 and nine digits (rules.md, Numbers)."""

import re

#: MobiFone and others moved from 11 to 10 digits in 2018; old prefix (without the 0) -> new prefix.
_OLD_PREFIX = {
    "120": "70", "121": "79", "122": "77", "126": "76", "128": "78",
    "123": "83", "124": "84", "125": "85", "127": "81", "129": "82",
    "162": "32", "163": "33", "164": "34", "165": "35", "166": "36", "167": "37", "168": "38", "169": "39",
    "186": "56", "188": "58", "199": "59",
}  # fmt: skip

_SPACING = re.compile(r"[\s.\-()]")
_DIGITS = re.compile(r"[0-9]+\Z")


class BadNumber(ValueError):
    """Not a Vietnamese subscriber number; the message says why and what would be right."""


def subscriber_number(text: str) -> str:
    """Normalise a subscriber number to `+84` and nine digits.

    Takes `09…`, `84…`, `+84…` with spaces, dots, hyphens; maps the old 11-digit prefixes (01xx).
    Raises BadNumber for anything else: letters, foreign country codes, wrong length, landlines.
    """
    shown = text if len(text) <= 20 else text[:20] + "…"
    bare = _SPACING.sub("", text)
    plus = bare.startswith("+")
    digits = bare[1:] if plus else bare
    if not _DIGITS.match(digits):
        raise BadNumber(f"{shown!r} is not a number: write it like 0901234567 or +84901234567")
    if plus and not digits.startswith("84"):
        raise BadNumber(f"{shown!r} is a foreign number: only +84 is called")
    if digits.startswith("84") and (plus or len(digits) > 10):
        national = digits[2:].removeprefix("0")
    elif digits.startswith("0") and not digits.startswith("00"):
        national = digits[1:]
    else:
        raise BadNumber(f"{shown!r} is not a Vietnamese number: write it like 0901234567 or +84901234567")
    if len(national) == 10 and national[:3] in _OLD_PREFIX:
        national = _OLD_PREFIX[national[:3]] + national[3:]
    if len(national) != 9:
        raise BadNumber(f"{shown!r} has {len(national)} digits after the country code: 9 would be right")
    if national[0] not in "35789":
        raise BadNumber(f"{shown!r} is not a mobile number: those begin with 03, 05, 07, 08 or 09")
    return "+84" + national


def national(number: str) -> str:
    """`+84901234567` -> `0901234567`."""
    return "0" + number.removeprefix("+84")


def masked(number: str) -> str:
    """R14: `+84901234567` -> `+8490****567`, for logs and for those without the right to see it.

    Any other text with seven digits or more keeps its first and last few; short codes and names are shown.
    """
    if sum(c.isdigit() for c in number) < 7:
        return number
    if number.startswith("+84") and len(number) >= 12:
        return number[:5] + "****" + number[-3:]
    keep = 3 if len(number) >= 10 else 2
    return number[:keep] + "****" + number[-keep:]
