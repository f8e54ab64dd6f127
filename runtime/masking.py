"""Which numbers does nobody need to see? R14: subscriber numbers in logs and tables are masked."""

import re

from core.numbers import masked

#: Vietnamese numbers as people and systems write them, and foreign ones behind a +.
_NUMBER = re.compile(r"(?<![\w+])(?:\+[0-9]{8,15}|84[0-9]{9}|0[0-9]{9,10})(?!\w)")


def mask_numbers(text: str) -> str:
    """Every subscriber number in a text, masked; a Vietnamese one as +84, however it was written."""

    def hide(found: re.Match[str]) -> str:
        digits = found[0].removeprefix("+")
        national = digits[2:] if digits.startswith("84") else digits[1:]
        vietnamese = len(national) == 9 and (digits.startswith("84") or found[0].startswith("0"))
        return masked("+84" + national if vietnamese else found[0])

    return _NUMBER.sub(hide, text)
